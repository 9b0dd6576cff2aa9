//! Where the demo plays: a folder of its own, and settings that nothing around it changes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Failure;
use crate::cli::DemoOptions;
use crate::config::Sources;

/// What is taken from the environment.
const TAKEN: [&str; 2] = ["LOG_LEVEL", "LOG_FORMAT"];

/// The folder and what is to be played in it.
pub struct Stage {
    folder: PathBuf,
    /// What is to be played.
    pub options: DemoOptions,
    /// Removed with this value.
    temporary: Option<TempDir>,
}

impl Stage {
    /// Makes the folder, or takes the one that is named if nothing is in it.
    pub fn set(options: DemoOptions) -> Result<Self, Failure> {
        let temporary = match &options.data_dir {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("activity-tracker-demo-").tempdir()?),
        };
        let folder = match (&temporary, &options.data_dir) {
            (None, Some(folder)) => {
                require_empty(folder)?;
                std::path::absolute(folder)?
            }
            (Some(made), _) => made.path().to_owned(),
            (None, None) => return Err("there is no folder".into()),
        };
        Ok(Self { folder, options, temporary })
    }

    /// Whether the folder goes when the demo ends.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// What the settings of its server are read from: neither files nor, but for the log, the environment.
    pub fn sources(&self, process: &Sources) -> Sources {
        let mut env: BTreeMap<String, String> = BTreeMap::new();
        env.insert("LOG_LEVEL".into(), "warn".into());
        for name in TAKEN {
            env.extend(process.env.get_key_value(name).map(|(name, value)| (name.clone(), value.clone())));
        }
        env.insert("DATA_DIR".into(), self.folder.to_string_lossy().into_owned());
        env.insert("PORT".into(), self.options.port.to_string());
        env.insert("LOG_BATCH_INTERVAL_MS".into(), "500".into());
        Sources { dir: self.folder.clone(), env, is_terminal: process.is_terminal }
    }
}

fn require_empty(folder: &Path) -> Result<(), Failure> {
    let is_empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(format!("{}: {error}", folder.display()).into()),
    };
    if is_empty {
        return Ok(());
    }
    Err(format!("{} has something in it already; the demo takes a new or an empty folder", folder.display())
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn options(data_dir: Option<PathBuf>) -> DemoOptions {
        DemoOptions { data_dir, port: 0, seed: 1, days: 7, calls_per_day: 10 }
    }

    #[test]
    fn nothing_around_it_changes_the_settings() {
        let stage = Stage::set(options(None)).unwrap();
        let vars =
            [("DATABASE_HOST", "db"), ("REDIS_HOST", "r"), ("APP_ENV", "production"), ("LOG_LEVEL", "error")];
        let env = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let process = Sources { dir: "/".into(), env, is_terminal: false };
        let settings = Settings::load(&stage.sources(&process)).unwrap();
        assert!(settings.database.is_none() && settings.redis.is_none());
        assert_eq!((settings.data_dir.as_path(), settings.port), (stage.folder.as_path(), 0));
        let folder = stage.folder.clone();
        drop(stage);
        assert!(!folder.exists());
    }

    #[test]
    fn a_folder_with_something_in_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!Stage::set(options(Some(dir.path().join("new")))).unwrap().is_temporary());
        fs::write(dir.path().join("activity.db"), "").unwrap();
        let error = Stage::set(options(Some(dir.path().to_owned()))).err().unwrap().to_string();
        assert!(error.contains("has something in it"), "{error}");
        assert!(dir.path().join("activity.db").exists());
    }
}
