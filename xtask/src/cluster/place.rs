//! The folder of a cluster, and how its holder and those who wish something of it meet there.

use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::ErrorKind,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::process::Outcome;

/// The folder, which need not be there.
#[derive(Debug, Clone)]
pub struct Place(PathBuf);

/// What is in it.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A cluster that is held.
    Held,
    /// What a cluster left behind.
    Left,
    /// Something else.
    Foreign,
}

/// What somebody wants of the holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Everything that has ended is to be started again.
    Start,
    /// All of it is to end.
    Stop {
        /// Data and logs stay.
        keep: bool,
    },
}

/// A part as the holder tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its first process, while it runs.
    pub pid: Option<u32>,
    /// Where it listens on the loopback address.
    pub port: u16,
}

impl Place {
    /// A place by its absolute path.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Something in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder. Others may pass through it, because servers may run as another account; what is not theirs to
    /// read has rights of its own.
    pub fn make(&self) -> Outcome {
        let problem = |error| format!("{}: {error}", self.0.display());
        if let Some(parent) = self.0.parent() {
            fs::create_dir_all(parent).map_err(problem)?;
        }
        match fs::create_dir(&self.0) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(problem(error).into()),
            _ => {}
        }
        fs::set_permissions(&self.0, Permissions::from_mode(0o711)).map_err(problem)?;
        self.lock().map(|_| ())
    }

    /// Looks what is there.
    pub fn look(&self) -> Outcome<Found> {
        match fs::read_dir(&self.0).map(|mut entries| entries.next().is_none()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(format!("{}: {error}", self.0.display()).into()),
            Ok(true) => return Ok(Found::Nothing),
            Ok(false) => {}
        }
        if !self.path("lock").is_file() {
            return Ok(Found::Foreign);
        }
        match self.lock()?.try_lock_shared() {
            Ok(()) => Ok(Found::Left),
            Err(TryLockError::WouldBlock) => Ok(Found::Held),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Becomes the holder, for as long as the file lives. The kernel ends it with the process, however that goes.
    pub fn hold(&self) -> Outcome<File> {
        let lock = self.lock()?;
        lock.try_lock().map_err(|_| "another process holds this cluster")?;
        Ok(lock)
    }

    fn lock(&self) -> Outcome<File> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.path("lock"));
        Ok(file.map_err(|error| format!("{}: {error}", self.0.display()))?)
    }

    /// Tells how the parts are, all at once: whoever reads sees the old rows or the new ones.
    pub fn tell(&self, rows: &[Row]) -> Outcome {
        let line = |row: &Row| {
            let pid = row.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
            format!("{} {pid} {}\n", row.name, row.port)
        };
        fs::write(self.path("parts.new"), rows.iter().map(line).collect::<String>())?;
        Ok(fs::rename(self.path("parts.new"), self.path("parts"))?)
    }

    /// What was told last; nothing before all parts were started once.
    pub fn told(&self) -> Option<Vec<Row>> {
        let text = fs::read_to_string(self.path("parts")).ok()?;
        text.lines().map(row).collect()
    }

    /// Wishes something.
    pub fn wish(&self, wish: Wish) -> Outcome {
        let text = match wish {
            Wish::Start => "start",
            Wish::Stop { keep: false } => "stop",
            Wish::Stop { keep: true } => "stop and keep",
        };
        fs::write(self.path("wish.new"), text)?;
        Ok(fs::rename(self.path("wish.new"), self.path("wish"))?)
    }

    /// What is wished at present.
    pub fn wished(&self) -> Option<Wish> {
        match fs::read_to_string(self.path("wish")).ok()?.as_str() {
            "start" => Some(Wish::Start),
            "stop" => Some(Wish::Stop { keep: false }),
            "stop and keep" => Some(Wish::Stop { keep: true }),
            _ => None,
        }
    }

    /// The wish has come true.
    pub fn grant(&self) -> Outcome {
        Ok(fs::remove_file(self.path("wish"))?)
    }
}

fn row(line: &str) -> Option<Row> {
    let mut words = line.split(' ');
    let (name, pid, port) = (words.next()?.to_owned(), words.next()?, words.next()?.parse().ok()?);
    Some(Row { name, pid: pid.parse().ok(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_tells_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().join("deep/cluster"));
        let look = || place.look().expect("it can be looked at");
        assert_eq!(look(), Found::Nothing);
        place.make().expect("it can be made");
        assert_eq!(look(), Found::Left);
        let held = place.hold().expect("nobody else has it");
        assert_eq!(look(), Found::Held);
        assert!(place.hold().is_err());
        drop(held);
        assert_eq!(look(), Found::Left);
        fs::rename(place.path("lock"), place.path("letter")).expect("it can be renamed");
        assert_eq!(look(), Found::Foreign);
        fs::remove_file(place.path("letter")).expect("it is there");
        assert_eq!(look(), Found::Nothing);
    }

    #[test]
    fn what_is_told_and_wished_arrives() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::new(folder.path().to_owned());
        assert_eq!((place.told(), place.wished()), (None, None));
        let row = |name: &str, pid, port| Row { name: name.to_owned(), pid, port };
        let rows = [row("primary", Some(17), 5432), row("server-1", None, 8081)];
        place.tell(&rows).expect("it can be told");
        assert_eq!(place.told().as_deref(), Some(&rows[..]));
        for wish in [Wish::Start, Wish::Stop { keep: false }, Wish::Stop { keep: true }] {
            place.wish(wish).expect("it can be wished");
            assert_eq!(place.wished(), Some(wish));
        }
        place.grant().expect("it is there");
        assert_eq!(place.wished(), None);
    }
}
