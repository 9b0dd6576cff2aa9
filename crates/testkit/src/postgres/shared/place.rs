//! Where processes meet that share a server: a folder with two lock files and a note.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::Address;

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Place(PathBuf);

/// A server that was started here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Running {
    /// Gone when the server is.
    pub(super) folder: PathBuf,
    pub(super) address: Address,
}

impl Place {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The file that every user of the server has a shared lock on. It stays when the server goes: whoever waits for
    /// a lock on it must not wait at a file that is not there any more.
    pub(super) fn lease(&self) -> PathBuf {
        self.0.join("lease")
    }

    /// Closes the door behind us, until the file is dropped.
    pub(super) fn door(&self) -> File {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(self.0.join("door"));
        let file = file.expect("the door can be opened");
        file.lock().expect("the door can be locked");
        file
    }

    /// The server that the note tells of, if it answers. The caller holds the lease, so it will not go away now.
    pub(super) fn running(&self) -> Option<Running> {
        let note = fs::read_to_string(self.note()).ok()?;
        let mut lines = note.lines();
        let folder = PathBuf::from(lines.next()?);
        let address = Address::new(lines.next()?.parse().ok()?, lines.next()?.to_owned());
        // The port may be somebody else's by now, but the password is not.
        (folder.is_dir() && address.try_sql("").is_ok()).then_some(Running { folder, address })
    }

    /// Leaves the note. The door is closed, so nobody reads half of it.
    pub(super) fn tell(&self, running: &Running) {
        let Running { folder, address } = running;
        let note = format!("{}\n{}\n{}\n", folder.display(), address.port, address.password);
        let mut options = OpenOptions::new();
        // Its password is nobody else's business.
        let file = options.create(true).truncate(true).write(true).mode(0o600).open(self.note());
        file.and_then(|mut file| file.write_all(note.as_bytes())).expect("the note can be written");
    }

    fn note(&self) -> PathBuf {
        self.0.join("server")
    }
}

/// Where all tests of this user meet. The name has the version of what lies there.
pub(super) fn usual() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    let folder = env::temp_dir().join(format!("activity-testkit-shared-1-{user}"));
    match DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => panic!("{}: {error}", folder.display()),
    }
    // Others may write to the folder that it is in.
    let about = fs::symlink_metadata(&folder).expect("it is there");
    assert!(about.is_dir() && about.uid() == user, "{} belongs to somebody else", folder.display());
    folder
}
