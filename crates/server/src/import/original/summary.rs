//! What an import from the original did, in a few lines.

use std::fmt::Write;
use std::time::Duration;

use activity_domain::time::Timestamp;

use super::calls::LeftOut;
use super::clients::Counts;
use crate::import::rejects::Rejects;
use crate::import::target::Outcome;

/// Counts over all calls.
#[derive(Default)]
pub struct Summary {
    /// What became of those that were sent to the store.
    pub outcome: Outcome,
    /// Those that were not taken.
    pub rejected: u64,
    /// Fields that did not fit.
    pub left_out: LeftOut,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Summary {
    /// Notes an event's time.
    pub fn saw(&mut self, at: Timestamp) {
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = self.last.max(Some(at));
    }

    /// The summary as text.
    pub fn render(&self, clients: &Counts, took: Duration, rejects: &Rejects) -> String {
        let read = self.outcome.total() + self.rejected;
        let rate = read as f64 / took.as_secs_f64().max(0.001);
        let mut text = format!(
            "{} clients and {read} rows in {:.1} s ({rate:.0} rows/s)\n",
            clients.read,
            took.as_secs_f64()
        );
        // Writing to a string cannot fail.
        let mut line = |name: &str, count: u64, note: &str| {
            let _ = writeln!(text, "  {name:<24}{count:>12}{note}");
        };
        line("clients brought", clients.brought, "");
        line("clients already there", clients.there, "");
        let told = format!("  see {}", rejects.found().1.display());
        for (name, count) in [
            ("clients without key", clients.without_key),
            ("clients without email", clients.without_email),
            ("clients rejected", clients.rejected),
        ] {
            line(name, count, if count > 0 { &told } else { "" });
        }
        for (name, count) in [("clients erased here", clients.erased), ("clients made", clients.made)] {
            if count > 0 {
                line(name, count, "");
            }
        }
        self.rows(&mut line, &told);
        if let (Some(first), Some(last)) = (self.first, self.last) {
            let _ = writeln!(text, "  from {first} to {last}");
        }
        text
    }

    fn rows(&self, line: &mut impl FnMut(&str, u64, &str), told: &str) {
        let o = &self.outcome;
        if o.handed_over > 0 {
            line("rows handed over", o.handed_over, "  to the running server, which knows duplicates");
        } else {
            line("rows stored", o.stored, "");
            line("rows duplicate", o.duplicate, "");
        }
        for (name, count) in [("rows discarded", o.discarded), ("rows set aside", o.set_aside)] {
            if count > 0 {
                line(name, count, "");
            }
        }
        line("rows rejected", self.rejected, if self.rejected > 0 { told } else { "" });
        for (column, count) in self.left_out.counts() {
            line("fields left out", count, &format!("  {column}"));
        }
    }
}
