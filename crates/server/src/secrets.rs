//! The secrets that nobody configured: made on first start and kept in files under `DATA_DIR/secrets`.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use activity_domain::error::Invalid;
use activity_domain::key::ApiKey;
use activity_domain::port::Randomness;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use thiserror::Error;

use crate::config::{EncryptionKeys, Secret, Settings};

/// No secret is longer than this, in bytes.
const MAX_LENGTH: u64 = 4_096;

/// What the server signs with, and how its first admin gets in.
#[derive(Debug)]
pub struct Secrets {
    /// Signs tokens.
    pub jwt: Secret,
    /// Encrypt audit trails and emails.
    pub encryption: EncryptionKeys,
    /// The admin's key.
    pub admin: ApiKey,
    /// Where the admin's key is kept, unless it is configured.
    pub admin_key_file: Option<PathBuf>,
    /// Whether that file is new, so that it has to be pointed out.
    pub first_start: bool,
}

/// A secret cannot be read or made.
#[derive(Debug, Error)]
pub enum SecretsError {
    /// The file system refuses.
    #[error("{path}: {what}: {source}; {setting} can be set instead", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// The setting that makes the file superfluous.
        setting: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: its content {reason}; delete the file to have a new one made", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: Invalid,
    },
}

/// Takes the configured secrets, and reads or makes the others.
pub fn open(settings: &Settings, randomness: &dyn Randomness) -> Result<Secrets, SecretsError> {
    let dir = settings.data_dir.join("secrets");
    let jwt = if let Some(secret) = settings.jwt_secret.clone() {
        secret
    } else {
        let kept = Kept { dir: &dir, file: "jwt_secret", setting: "JWT_SECRET" };
        kept.get(randomness, Secret::parse, || random_hex(randomness, 32))?.value
    };
    let encryption = encryption(settings, randomness)?;
    if let Some(admin) = settings.admin_api_key.clone() {
        return Ok(Secrets { jwt, encryption, admin, admin_key_file: None, first_start: false });
    }
    let kept = Kept { dir: &dir, file: "admin_key", setting: "ADMIN_API_KEY" };
    let make = || ApiKey::generate(randomness).1.reveal().to_owned();
    let admin = kept.get(randomness, ApiKey::parse, make)?;
    Ok(Secrets {
        jwt,
        encryption,
        admin: admin.value,
        admin_key_file: Some(dir.join(kept.file)),
        first_start: admin.is_new,
    })
}

/// The same for those keys alone, which every command needs that opens the store.
pub fn encryption(settings: &Settings, randomness: &dyn Randomness) -> Result<EncryptionKeys, SecretsError> {
    if let Some(keys) = settings.encryption_keys.clone() {
        return Ok(keys);
    }
    let dir = settings.data_dir.join("secrets");
    let kept = Kept { dir: &dir, file: "encryption_key", setting: "ENCRYPTION_KEY" };
    Ok(kept.get(randomness, EncryptionKeys::parse, || random_hex(randomness, 32))?.value)
}

/// Where the first admin's key is kept, or will be; `None` if it is configured.
pub fn admin_key_file(settings: &Settings) -> Option<PathBuf> {
    let file = settings.data_dir.join("secrets").join("admin_key");
    settings.admin_api_key.is_none().then_some(file)
}

/// A secret in a file.
struct Kept<'a> {
    dir: &'a Path,
    file: &'static str,
    setting: &'static str,
}

struct Found<T> {
    value: T,
    is_new: bool,
}

impl Kept<'_> {
    fn get<T>(
        &self,
        randomness: &dyn Randomness,
        parse: impl Fn(&str) -> Result<T, Invalid>,
        make: impl FnOnce() -> String,
    ) -> Result<Found<T>, SecretsError> {
        let path = self.dir.join(self.file);
        let is_new = match fs::metadata(&path) {
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create(&path, &make(), &random_hex(randomness, 8))?
            }
            Err(error) => return Err(self.failed(&path, "cannot be looked up")(error)),
        };
        // What was made is read back too: what counts is what the next start will find.
        let text = read(&path).map_err(self.failed(&path, "cannot be read"))?;
        warn_if_open(self.dir, 0o700);
        warn_if_open(&path, 0o600);
        let parsed = if text.trim().is_empty() { Err(Invalid::new("is empty")) } else { parse(text.trim()) };
        parsed.map(|value| Found { value, is_new }).map_err(|reason| SecretsError::Content { path, reason })
    }

    /// Writes the file whole or not at all. `false`: another process was faster, and its file stays.
    fn create(&self, path: &Path, content: &str, suffix: &str) -> Result<bool, SecretsError> {
        if let Some(data_dir) = self.dir.parent() {
            fs::create_dir_all(data_dir).map_err(self.failed(data_dir, "cannot be created"))?;
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(self.dir);
        made.map_err(self.failed(self.dir, "cannot be created"))?;
        let draft = self.dir.join(format!(".{}.{suffix}", self.file));
        let written = write_synced(&draft, content).and_then(|()| rename_to_new(&draft, path));
        if !matches!(written, Ok(true)) {
            // It is of no use any more; if it cannot be removed either, it does no harm.
            let _ = fs::remove_file(&draft);
        }
        let is_new = written.map_err(self.failed(path, "cannot be written"))?;
        File::open(self.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(self.failed(self.dir, "cannot be synced"))?;
        Ok(is_new)
    }

    fn failed(&self, path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> SecretsError + use<> {
        let (path, setting) = (path.to_owned(), self.setting);
        move |source| SecretsError::Io { path, what, setting, source }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_LENGTH).read_to_string(&mut text)?;
    Ok(text)
}

fn write_synced(path: &Path, content: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{content}")?;
    file.sync_all()
}

/// `false`: there is a file already.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // Some network file systems know only the plain rename.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::rename(from, to).map(|()| true),
        Err(error) => Err(error.into()),
    }
}

/// Others on this machine may be meant to read it, so this is no reason to stop.
fn warn_if_open(path: &Path, wanted: u32) {
    let Ok(mode) = fs::metadata(path).map(|found| found.permissions().mode() & 0o777) else { return };
    if mode & !wanted & 0o077 != 0 {
        let (mode, wanted) = (format!("{mode:o}"), format!("{wanted:o}"));
        tracing::warn!(path = %path.display(), mode, wanted, "others may read this secret");
    }
}

fn random_hex(randomness: &dyn Randomness, length: usize) -> String {
    let mut bytes = vec![0; length];
    randomness.fill(&mut bytes);
    hex(&bytes)
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::system::OsRandomness;

    fn settings(dir: &Path, env: &[(&str, &str)]) -> Settings {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Settings::load(&Sources { dir: dir.to_owned(), env, is_terminal: false }).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_first_start_makes_all_and_a_second_finds_them() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path(), &[]);
        let first = open(&settings, &OsRandomness).unwrap();
        let second = open(&settings, &OsRandomness).unwrap();
        assert!(first.first_start && !second.first_start);
        assert_eq!(first.jwt.reveal().len(), 64);
        assert!(first.jwt == second.jwt && first.admin == second.admin);
        assert!(first.encryption == second.encryption);
        let folder = dir.path().join("data/secrets");
        assert_eq!(first.admin_key_file, Some(folder.join("admin_key")));
        assert_eq!(second.admin_key_file, first.admin_key_file);
        assert_eq!(fs::read_to_string(folder.join("admin_key")).unwrap().trim(), first.admin.reveal());
        assert_eq!(
            ["", "jwt_secret", "encryption_key", "admin_key"].map(|file| mode(&folder.join(file))),
            [0o700, 0o600, 0o600, 0o600]
        );
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "no drafts stay behind");
        let shown = format!("{first:?}");
        assert!(!shown.contains(first.jwt.reveal()) && !shown.contains(first.admin.reveal()));
    }

    #[test]
    fn configured_secrets_leave_the_disk_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (jwt, admin) = ("f3a9c1d07be24855912fa6630cd1e8b7", "an-admin-key-of-old-times");
        let settings = settings(
            dir.path(),
            &[("JWT_SECRET", jwt), ("ADMIN_API_KEY", admin), ("ENCRYPTION_KEY", &jwt.repeat(2))],
        );
        let secrets = open(&settings, &OsRandomness).unwrap();
        assert_eq!((secrets.jwt.reveal(), secrets.admin.reveal()), (jwt, admin));
        assert!(!secrets.first_start && secrets.admin_key_file.is_none());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn with_postgres_none_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let secret = "f3a9c1d07be24855912fa6630cd1e8b7";
        let env = [
            ("DATABASE_HOST", "db"),
            ("JWT_SECRET", secret),
            ("ADMIN_API_KEY", secret),
            ("ENCRYPTION_KEY", &secret.repeat(2)),
        ];
        let secrets = open(&settings(dir.path(), &env), &OsRandomness).unwrap();
        assert!(secrets.admin_key_file.is_none());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_without_a_secret_is_refused_by_name_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path(), &[]);
        let folder = dir.path().join("data/secrets");
        fs::create_dir_all(&folder).unwrap();
        for (file, content, reason) in [
            ("jwt_secret", " \n", "is empty"),
            ("jwt_secret", "c4n4ry", "at least 32 characters"),
            ("encryption_key", "c4n4ry", "64 hexadecimal digits"),
            ("admin_key", "", "is empty"),
            ("admin_key", "atk_c4n4ryc4n4ryc4n4ry_0_0", "checksum"),
        ] {
            fs::write(folder.join(file), content).unwrap();
            let error = open(&settings, &OsRandomness).unwrap_err().to_string();
            assert!(error.contains(file) && error.contains(reason) && !error.contains("c4n4ry"), "{error}");
            assert_eq!(fs::read_to_string(folder.join(file)).unwrap(), content);
            fs::remove_file(folder.join(file)).unwrap();
        }
    }

    #[test]
    fn what_the_system_refuses_names_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("data"), "a file where the folder should be").unwrap();
        let error = open(&settings(dir.path(), &[]), &OsRandomness).unwrap_err().to_string();
        assert!(error.contains("data") && error.contains("JWT_SECRET can be set instead"), "{error}");
    }

    #[test]
    fn a_file_that_others_may_read_is_still_taken() {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path(), &[]);
        let first = open(&settings, &OsRandomness).unwrap();
        let path = first.admin_key_file.unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(open(&settings, &OsRandomness).unwrap().admin == first.admin);
    }

    #[test]
    fn the_faster_of_two_starts_wins() {
        let dir = tempfile::tempdir().unwrap();
        let [draft, path] = ["draft", "kept"].map(|name| dir.path().join(name));
        write_synced(&path, "first").unwrap();
        write_synced(&draft, "second").unwrap();
        assert!(!rename_to_new(&draft, &path).unwrap());
        assert_eq!(read(&path).unwrap(), "first\n");
    }
}
