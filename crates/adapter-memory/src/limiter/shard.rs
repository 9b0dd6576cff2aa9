//! Some of the limiter's subjects, behind one lock: bounded in number, and how that bound is kept.

use std::collections::HashMap;

use activity_domain::limit::{
    Charges, Counts, Decision, Held, Now, QuotaState, Quotas, Steady, Subject, Taken,
};
use activity_domain::time::Timestamp;

/// How many subjects are looked at for each that comes in. More than one, so that idle ones leave
/// faster than new ones come.
const LOOKS: usize = 4;
/// The same where there is no room: worth looking harder, and still bounded.
const HARD_LOOKS: usize = 16;

#[derive(Debug)]
pub(super) struct Shard {
    index: HashMap<Subject, usize>,
    entries: Vec<(Subject, Counts)>,
    /// Where the search for idle subjects goes on.
    cursor: usize,
    room: usize,
    /// What all subjects share for whom there is no room.
    crowd: Counts,
    /// For the whole shard, so that time does not run back for a subject that was forgotten either.
    time: Steady,
}

impl Shard {
    pub fn with_room(room: usize) -> Self {
        Self {
            index: HashMap::new(),
            entries: Vec::new(),
            cursor: 0,
            room,
            crowd: Counts::shared(),
            time: Steady::default(),
        }
    }

    pub fn take(&mut self, subject: &Subject, charges: &Charges, shown: Timestamp) -> Decision {
        let now = self.time.see(shown);
        self.admit(subject, charges, now).take(charges, now)
    }

    pub fn refund(&mut self, subject: &Subject, charges: &Charges, taken: &Taken) {
        let counts = match self.index.get(subject) {
            Some(at) => &mut self.entries[*at].1,
            None => &mut self.crowd,
        };
        counts.refund(charges, taken);
    }

    pub fn peek(&mut self, subject: &Subject, quotas: &Quotas, shown: Timestamp) -> Vec<QuotaState> {
        let now = self.time.see(shown);
        let counts = self.index.get(subject).map_or(&self.crowd, |at| &self.entries[*at].1);
        counts.peek(quotas, now)
    }

    /// The subject's entry stays, idle, until it is found.
    pub fn reset(&mut self, subject: &Subject) {
        if let Some(at) = self.index.get(subject) {
            self.entries[*at].1.clear();
        }
    }

    pub fn held(&mut self, shown: Timestamp) -> Vec<(Subject, Vec<Held>)> {
        let now = self.time.see(shown);
        let held = self.entries.iter().map(|(subject, counts)| (subject.clone(), counts.held(now)));
        held.filter(|(_, held)| !held.is_empty()).collect()
    }

    /// Forgets all subjects that have counters of their own.
    pub fn forget(&mut self) {
        self.entries.clear();
        self.index.clear();
        self.cursor = 0;
    }

    pub fn subjects(&self) -> usize {
        self.entries.len()
    }

    /// The counts of a subject, or of the crowd while there is no room for it.
    fn admit(&mut self, subject: &Subject, charges: &Charges, now: Now) -> &mut Counts {
        if let Some(at) = self.index.get(subject) {
            return &mut self.entries[*at].1;
        }
        self.forget_idle(now);
        let at = self.entries.len();
        if at >= self.room {
            return &mut self.crowd;
        }
        // What the crowd took may be this subject's: it starts from there, so that it does not get its
        // limit twice by having found room.
        self.index.insert(subject.clone(), at);
        self.entries.push((subject.clone(), self.crowd.of_one(charges, now)));
        &mut self.entries[at].1
    }

    fn forget_idle(&mut self, now: Now) {
        let looks = if self.entries.len() < self.room { LOOKS } else { HARD_LOOKS };
        for _ in 0..looks.min(self.entries.len()) {
            self.cursor %= self.entries.len();
            let (subject, counts) = &self.entries[self.cursor];
            if !counts.is_idle(now) {
                self.cursor += 1;
                continue;
            }
            self.index.remove(subject);
            self.entries.swap_remove(self.cursor);
            if let Some((moved, _)) = self.entries.get(self.cursor) {
                self.index.insert(moved.clone(), self.cursor);
            }
        }
        if self.crowd.is_idle(now) {
            self.crowd.clear();
        }
    }
}

#[cfg(test)]
mod tests;
