//! How a test makes the store fail. Every switch does what a real store does on a bad day and nothing
//! that a real store would not do; all are off at first.

use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use activity_domain::activity::Activity;
use activity_domain::error::StoreError;
use activity_domain::id::StreamId;

use crate::store::{MemoryStore, RowKey};

/// How often something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The next so many times, then no more.
    Next(u64),
    /// Until [`MemoryStore::heal`].
    UntilHealed,
}

impl Times {
    const NEVER: Self = Self::Next(0);

    /// Whether it goes wrong now; one time less is left.
    fn strike(&mut self) -> bool {
        match self {
            Self::Next(0) => false,
            Self::Next(left) => {
                *left -= 1;
                true
            }
            Self::UntilHealed => true,
        }
    }
}

type Predicate = Box<dyn Fn(&Activity) -> bool + Send>;

pub(crate) struct Switches {
    cut_off: bool,
    failing_appends: Times,
    lost_answers: Times,
    refused: Option<Predicate>,
    held: Option<Vec<Waker>>,
    standby: Option<Vec<Commit>>,
}

/// What one append changed, so that it can be forgotten.
#[derive(Debug)]
pub(crate) struct Commit {
    pub stream: StreamId,
    /// Where the stream stood before, if it was there.
    pub cursor: Option<u64>,
    pub rows: Vec<RowKey>,
    /// How much had been counted before.
    pub counted: usize,
    /// The number of the last row that had been set aside before.
    pub set_aside: u64,
}

impl MemoryStore {
    /// Every call of every port answers [`StoreError::Unavailable`] and changes nothing, as with a
    /// server that is down, until [`MemoryStore::heal`].
    pub fn cut_off(&self) {
        self.state().switches.cut_off = true;
    }

    /// `append` answers [`StoreError::Unavailable`] and changes nothing, as with a transaction that is
    /// rolled back. The other calls work.
    pub fn fail_appends(&self, times: Times) {
        self.state().switches.failing_appends = times;
    }

    /// `append` stores the batch and answers [`StoreError::Unavailable`] all the same, as with a
    /// connection that is cut during COMMIT. Batches that are not stored do not use up a time.
    pub fn lose_answers(&self, times: Times) {
        self.state().switches.lost_answers = times;
    }

    /// Rows for which the predicate holds are poison, as with a broken constraint: one in a batch is set
    /// aside; if all rows of a batch of two or more are, the append is [`StoreError::Unavailable`].
    pub fn refuse_rows(&self, predicate: impl Fn(&Activity) -> bool + Send + 'static) {
        self.state().switches.refused = Some(Box::new(predicate));
    }

    /// `account` reads what is there and holds the answer back until [`MemoryStore::heal`], as with a
    /// slow network.
    pub fn hold_accounts(&self) {
        self.state().switches.held = Some(Vec::new());
    }

    /// How many answers are held back.
    pub fn held(&self) -> usize {
        self.state().switches.held.as_ref().map_or(0, Vec::len)
    }

    /// From now on there is a standby that may lag behind: [`MemoryStore::promote`].
    pub fn add_standby(&self) {
        self.state().switches.standby.get_or_insert_default();
    }

    /// The standby takes over and lacks the newest so many appends since it was added (or all of them): rows,
    /// what was set aside, and cursors, as with an asynchronous standby that had not got them. Says how many
    /// rows are lost by that. Other ports' changes stay. The new primary has a standby too, which lacks
    /// nothing yet.
    pub fn promote(&self, lacking: usize) -> usize {
        let mut state = self.state();
        let Some(standby) = &mut state.switches.standby else { return 0 };
        let lost = standby.split_off(standby.len().saturating_sub(lacking));
        standby.clear();
        lost.into_iter().rev().map(|commit| state.forget(&commit)).sum()
    }

    /// How many appends a standby may lack.
    pub fn commits(&self) -> usize {
        self.state().switches.standby.as_ref().map_or(0, Vec::len)
    }

    /// Turns all switches off. What is stored or set aside stays.
    pub fn heal(&self) {
        let old = std::mem::take(&mut self.state().switches);
        old.held.into_iter().flatten().for_each(Waker::wake);
    }

    /// Waits for as long as answers are held back.
    pub(crate) async fn pass(&self) {
        poll_fn(|context| match &mut self.state().switches.held {
            Some(waiting) => {
                waiting.push(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
    }
}

impl Switches {
    pub fn check_reach(&self) -> Result<(), StoreError> {
        if self.cut_off { Err(unavailable("cut off by a test")) } else { Ok(()) }
    }

    /// To be called before an append looks at anything.
    pub fn check_append(&mut self) -> Result<(), StoreError> {
        let fails = self.failing_appends.strike();
        if fails { Err(unavailable("appends are failed by a test")) } else { Ok(()) }
    }

    /// To be called after an append has changed everything.
    pub fn check_answer(&mut self) -> Result<(), StoreError> {
        let lost = self.lost_answers.strike();
        if lost { Err(unavailable("the answer is lost by a test")) } else { Ok(()) }
    }

    /// Whether somebody wants to know what appends change.
    pub fn has_standby(&self) -> bool {
        self.standby.is_some()
    }

    /// To be called after an append has changed everything.
    pub fn committed(&mut self, commit: Commit) {
        if let Some(standby) = &mut self.standby {
            standby.push(commit);
        }
    }

    pub fn refuses(&self, activity: &Activity) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused(activity))
    }
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable(reason.to_owned())
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            cut_off: false,
            failing_appends: Times::NEVER,
            lost_answers: Times::NEVER,
            refused: None,
            held: None,
            standby: None,
        }
    }
}

impl fmt::Debug for Switches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switches")
            .field("cut_off", &self.cut_off)
            .field("failing_appends", &self.failing_appends)
            .field("lost_answers", &self.lost_answers)
            .field("refused", &self.refused.is_some())
            .field("held", &self.held.is_some())
            .field("standby", &self.standby.is_some())
            .finish()
    }
}
