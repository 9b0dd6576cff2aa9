//! A process that ends with the value that stands for it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::Outcome;

/// The program under test, built beside this one with the same profile.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_activity-tracker");

/// A running process; dropping it kills it.
pub struct Process {
    /// The process itself.
    pub child: Child,
    log: Option<PathBuf>,
}

impl Process {
    /// Starts a command whose output goes to a file.
    pub fn logged(command: &mut Command, log: &Path) -> Outcome<Self> {
        let file = File::create(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Ok(Self { child: command.spawn()?, log: Some(log.to_owned()) })
    }

    /// Starts a command with pipes for its input and output.
    pub fn piped(command: &mut Command) -> Outcome<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        Ok(Self { child: command.spawn()?, log: None })
    }

    /// Waits for its end, looking every few milliseconds.
    pub async fn ended(&mut self) -> Outcome<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The last lines that it wrote.
    pub fn last_words(&self) -> String {
        let text = self.log.as_ref().and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under test with a folder of its own. Nothing of the caller's environment reaches it,
/// nor a configuration file of the folder that the benchmark is run in.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .current_dir(folder)
        .env_clear()
        .env("DATA_DIR", data(folder))
        .env("PORT", "0")
        // What is measured is the work, not how much of it is allowed.
        .env("API_RATE_LIMIT", "1000000000");
    command
}

/// Where the program keeps its data.
pub fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Its embedded database.
pub fn database(folder: &Path) -> PathBuf {
    data(folder).join("activity.db")
}
