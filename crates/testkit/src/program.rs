//! Any program in a folder of its own, with what it starts.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

use crate::{folder::Folder, processes, until};

/// Time for what was killed to be gone.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a program is called: its arguments and its environment.
type Call = Box<dyn Fn(&mut Command)>;

/// A program that works in a folder of its own, as the account that runs servers. It ends, and its children and its
/// folder with it, when this is dropped or our process is gone.
pub struct Program {
    file: PathBuf,
    call: Call,
    process: Option<Child>,
    folder: Folder,
}

impl Program {
    /// A program that does not run yet, and the folder for it, which is made there. What it says goes to the file
    /// `log` in it; it inherits no environment.
    pub fn in_folder(folder: &Path, program: &Path, call: impl Fn(&mut Command) + 'static) -> Self {
        Self { file: program.to_owned(), call: Box::new(call), process: None, folder: Folder::named(folder) }
    }

    /// Writes a file in its folder, for its account to read.
    pub fn give(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::write(&file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.folder.account().own(&file);
    }

    /// Starts it, or starts it again after it has ended, however that was. What an earlier start has left running
    /// is killed.
    pub fn start(&mut self) {
        assert!(!self.is_running(), "it is running already");
        until("what is left of it", PATIENCE, || {
            let left = processes::working_in(self.folder.path());
            for pid in &left {
                processes::signal(*pid, Signal::KILL);
            }
            left.is_empty().then_some(())
        });
        let mut command = self.folder.command(&self.file);
        (self.call)(command.env_clear());
        let process = command.stdout(self.folder.log()).stderr(self.folder.log()).spawn();
        self.process = Some(process.unwrap_or_else(|error| panic!("{}: {error}", self.file.display())));
    }

    /// Asks it to end (SIGTERM), and kills it if it has not after that time.
    pub fn stop(&mut self, within: Duration) {
        let Some(pid) = self.process_id() else { return };
        processes::signal(Pid::from_child(self.process.as_ref().expect("it runs")), Signal::TERM);
        let begun = Instant::now();
        until(&format!("the end of process {pid}"), within + PATIENCE, || {
            if begun.elapsed() > within
                && let Some(process) = &mut self.process
            {
                let _ = process.kill();
            }
            (!self.is_running()).then_some(())
        });
    }

    /// Whether it was started and has not ended since.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    /// Its number, while it runs.
    pub fn process_id(&mut self) -> Option<u32> {
        self.is_running().then(|| self.process.as_ref().map(Child::id)).flatten()
    }

    /// What it said since its first start.
    pub fn log(&self) -> String {
        self.folder.log_text()
    }

    /// From now on its folder stays when it ends.
    pub fn keep_folder(&self) {
        self.folder.keep();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.folder.close();
        // It has ended by now, unless somebody has killed its watcher.
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
