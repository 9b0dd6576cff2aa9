//! What an import did, in a few lines.

use std::fmt::Write;
use std::time::Duration;

use activity_domain::time::Timestamp;

use super::clients::Owners;
use super::rejects::Rejects;
use super::target::Outcome;

/// Counts over a whole import.
pub struct Summary {
    files: usize,
    outcome: Outcome,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    clients_made: u64,
}

impl Summary {
    /// A summary over so many files.
    pub fn new(files: usize) -> Self {
        Self { files, outcome: Outcome::default(), first: None, last: None, clients_made: 0 }
    }

    /// Notes an event's time.
    pub fn saw(&mut self, at: Timestamp) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = self.last.max(Some(at));
    }

    /// Adds what became of a batch.
    pub fn add(&mut self, outcome: &Outcome) {
        self.outcome.add(outcome);
    }

    /// Notes which clients were made.
    pub fn clients(&mut self, owners: &Owners) {
        self.clients_made = owners.made();
    }

    /// The summary as text, with where a server at this address shows what was read.
    pub fn render(&self, took: Duration, rejects: &Rejects, server: &str) -> String {
        let (rejected, file) = rejects.found();
        let o = &self.outcome;
        let read = o.total() + rejected;
        let rate = read as f64 / took.as_secs_f64().max(0.001);
        let plural = |n: u64| if n == 1 { "" } else { "s" };
        let mut text = format!(
            "{read} line{} from {} file{} in {:.1} s ({rate:.0} lines/s)\n",
            plural(read),
            self.files,
            plural(self.files as u64),
            took.as_secs_f64()
        );
        // Writing to a string cannot fail.
        let mut line = |name: &str, count: u64, note: &str| {
            let _ = writeln!(text, "  {name:<12}{count:>12}{note}");
        };
        if o.handed_over > 0 {
            line("handed over", o.handed_over, "  to the running server, which counts nothing twice");
        } else {
            line("stored", o.stored, "");
            line("duplicates", o.duplicate, "");
        }
        for (name, count) in [("discarded", o.discarded), ("set aside", o.set_aside)] {
            if count > 0 {
                line(name, count, "");
            }
        }
        let note = if rejected > 0 { format!("  see {}", file.display()) } else { String::new() };
        line("rejected", rejected, &note);
        line("new clients", self.clients_made, "");
        if let (Some(first), Some(last)) = (self.first, self.last) {
            let _ = writeln!(text, "  from {first} to {last}");
            let end = last.plus_seconds(60);
            let how = if o.handed_over > 0 { "" } else { "  (while a server runs)" };
            let _ = writeln!(text, "  see them     {server}/app/traffic?from={first}&to={end}{how}");
        }
        text
    }
}
