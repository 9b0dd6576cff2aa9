//! Secrets of a cluster: made up once, and shared by its instances. Each is a file for its owner alone.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use super::place::Place;
use crate::process::Outcome;

/// The key of the first admin.
pub const ADMIN: &str = "admin_key";
/// Signs tokens.
pub const JWT: &str = "jwt_secret";
/// Seals audit trails.
pub const ENCRYPTION: &str = "encryption_key";
/// The password by which instances get into the database.
pub const DATABASE: &str = "database_password";
/// The password of the database's superuser.
pub const SUPERUSER: &str = "superuser_password";
/// The password of the servers of Redis.
pub const REDIS: &str = "redis_password";
/// That of its Sentinels.
pub const SENTINEL: &str = "sentinel_password";

/// Where one is.
pub fn file(place: &Place, name: &str) -> PathBuf {
    place.path("secrets").join(name)
}

/// Makes one of 256 random bits, in hexadecimal.
pub fn make(place: &Place, name: &str) -> Outcome<String> {
    let mut bits = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bits)?;
    let secret = bits.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    keep(place, name, &secret)?;
    Ok(secret)
}

/// Keeps one that was made elsewhere.
pub fn keep(place: &Place, name: &str, secret: &str) -> Outcome {
    match DirBuilder::new().mode(0o700).create(place.path("secrets")) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(file(place, name))?;
    Ok(writeln!(file, "{secret}")?)
}

/// Reads one that was made.
pub fn read(place: &Place, name: &str) -> Outcome<String> {
    let file = file(place, name);
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().to_owned());
        let secret = make(&place, JWT).expect("it can be made");
        assert_eq!((secret.len(), read(&place, JWT).expect("it is there")), (64, secret.clone()));
        assert_ne!(make(&place, ADMIN).expect("it can be made"), secret);
        assert!(make(&place, JWT).is_err(), "instances have the first one");
        let rights = |path: PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!((rights(place.path("secrets")), rights(file(&place, JWT))), (0o700, 0o600));
    }
}
