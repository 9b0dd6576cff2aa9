//! A part of a cluster: a process, with its children, that its holder can start, stop and tell of.

use std::time::Duration;

use activity_testkit::Program;

use super::place::Row;

/// A server of any kind.
pub trait Part {
    /// Its name, which is that of its folder.
    fn name(&self) -> &str;
    /// Where it listens.
    fn port(&self) -> u16;
    /// Its first process, while it runs.
    fn pid(&mut self) -> Option<u32>;
    /// Starts it again after it has ended.
    fn start_again(&mut self);
    /// Ends it in order. Its folder may stay.
    fn stop(&mut self, keep: bool);

    /// What to tell of it.
    fn row(&mut self) -> Row {
        Row { name: self.name().to_owned(), pid: self.pid(), port: self.port() }
    }
}

/// A part that is a program without a kit of its own.
pub struct Other {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub port: u16,
    /// The program.
    pub program: Program,
    /// How long it may take to end.
    pub patience: Duration,
}

impl Part for Other {
    fn name(&self) -> &str {
        &self.name
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn pid(&mut self) -> Option<u32> {
        self.program.process_id()
    }

    fn start_again(&mut self) {
        self.program.start();
    }

    fn stop(&mut self, keep: bool) {
        if keep {
            self.program.keep_folder();
        }
        self.program.stop(self.patience);
    }
}
