//! Some of the limiter's subjects, behind one lock: bounded in number, and how that bound is kept.

use std::collections::HashMap;

use activity_domain::limit::{Cost, Counts, Decision, Now, QuotaState, Quotas, Steady, Subject, Taken};
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
            crowd: Counts::default(),
            time: Steady::default(),
        }
    }

    pub fn take(&mut self, subject: &Subject, quotas: &Quotas, cost: Cost, shown: Timestamp) -> Decision {
        let now = self.time.see(shown);
        self.admit(subject, now).take(quotas, cost, now)
    }

    pub fn refund(&mut self, subject: &Subject, quotas: &Quotas, taken: &Taken) {
        let counts = match self.index.get(subject) {
            Some(at) => &mut self.entries[*at].1,
            None => &mut self.crowd,
        };
        counts.refund(quotas, taken);
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

    pub fn subjects(&self) -> usize {
        self.entries.len()
    }

    /// The counts of a subject, or of the crowd while there is no room for it.
    fn admit(&mut self, subject: &Subject, now: Now) -> &mut Counts {
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
        self.entries.push((subject.clone(), self.crowd.clone()));
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
mod tests {
    use activity_domain::client::RateLimit;
    use activity_domain::id::ClientId;
    use activity_domain::limit::{Quota, QuotaName, Verdict, Window};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn subject(number: usize) -> Subject {
        Subject::Client(ClientId::parse(&format!("CL-{number}")).unwrap())
    }

    /// Ten a minute.
    fn quotas() -> Quotas {
        let name = QuotaName::parse("default").unwrap();
        let (limit, window) = (RateLimit::parse(10).unwrap(), Window::parse(60).unwrap());
        Quotas::from(Quota { name, limit, window })
    }

    fn take(shard: &mut Shard, number: usize, cost: u64, seconds: i64) -> Verdict {
        shard.take(&subject(number), &quotas(), Cost::parse(cost).unwrap(), at(seconds)).verdict
    }

    fn admits(shard: &mut Shard, number: usize, cost: u64, seconds: i64) -> bool {
        matches!(take(shard, number, cost, seconds), Verdict::Admitted(_))
    }

    fn remaining(shard: &mut Shard, number: usize, seconds: i64) -> u32 {
        shard.peek(&subject(number), &quotas(), at(seconds))[0].remaining
    }

    #[test]
    fn idle_subjects_leave_and_the_others_stay_where_they_are_found() {
        let mut shard = Shard::with_room(100);
        for number in 0..100 {
            assert!(admits(&mut shard, number, 3, 600));
        }
        for number in (0..100).step_by(3) {
            assert!(admits(&mut shard, number, 3, 650));
        }
        // Only every third counts now; each newcomer looks at a few.
        for number in 100..130 {
            assert!(admits(&mut shard, number, 3, 670));
        }
        assert_eq!(shard.subjects(), 34 + 30);
        assert_eq!(shard.index.len(), shard.entries.len());
        for number in (0..100).step_by(3).chain(100..130) {
            assert_eq!(remaining(&mut shard, number, 670), 7, "{number}");
        }
    }

    #[test]
    fn without_room_newcomers_share_one_limit() {
        let mut shard = Shard::with_room(2);
        for number in 0..2 {
            assert!(admits(&mut shard, number, 10, 600));
        }
        assert!(admits(&mut shard, 2, 6, 600));
        assert!(admits(&mut shard, 3, 4, 600));
        assert!(!admits(&mut shard, 2, 1, 600));
        assert!(!admits(&mut shard, 4, 1, 600));
        assert_eq!((shard.subjects(), remaining(&mut shard, 4, 600)), (2, 0));
    }

    #[test]
    fn who_finds_room_does_not_get_its_limit_twice() {
        let mut shard = Shard::with_room(1);
        assert!(admits(&mut shard, 0, 1, 600));
        assert!(admits(&mut shard, 1, 10, 640));
        // The first is idle now, and there is room.
        assert!(!admits(&mut shard, 1, 1, 670));
        assert_eq!(shard.subjects(), 1);
        assert!(shard.index.contains_key(&subject(1)));
        assert!(admits(&mut shard, 1, 10, 701));
    }

    #[test]
    fn the_crowd_is_forgotten_when_nothing_counts() {
        let mut shard = Shard::with_room(1);
        assert!(admits(&mut shard, 0, 1, 600));
        assert!(admits(&mut shard, 1, 10, 600));
        assert!(admits(&mut shard, 0, 1, 660));
        assert!(admits(&mut shard, 2, 10, 661));
        assert!(admits(&mut shard, 3, 1, 800));
        assert!(shard.index.contains_key(&subject(3)));
        assert_eq!(format!("{:?}", shard.crowd), format!("{:?}", Counts::default()));
    }

    #[test]
    fn what_the_crowd_took_can_be_given_back() {
        let mut shard = Shard::with_room(1);
        assert!(admits(&mut shard, 0, 1, 600));
        let Verdict::Admitted(taken) = take(&mut shard, 1, 10, 600) else { panic!("there is room") };
        shard.refund(&subject(1), &quotas(), &taken);
        assert_eq!(remaining(&mut shard, 1, 600), 10);
    }

    #[test]
    fn a_clock_put_back_frees_nobody_who_was_forgotten() {
        let mut shard = Shard::with_room(10);
        assert!(admits(&mut shard, 0, 10, 600));
        // The clock runs ahead; the first is forgotten, takes all again, and the clock comes back.
        assert!(admits(&mut shard, 1, 1, 4_000));
        assert!(!shard.index.contains_key(&subject(0)));
        assert!(admits(&mut shard, 0, 10, 610));
        assert!(!admits(&mut shard, 0, 1, 700));
        assert!(!admits(&mut shard, 0, 1, 4_059));
        assert!(admits(&mut shard, 0, 1, 4_061));
    }
}
