//! What admins did.

use activity_domain::act::{ACTS_KEPT_SECONDS, Act, ActQuery, Entry, Signature};
use activity_domain::error::StoreError;
use activity_domain::port::{ActLog, Read};
use activity_domain::time::Timestamp;
use async_trait::async_trait;

use crate::store::{MemoryStore, State};

#[async_trait]
impl ActLog for MemoryStore {
    async fn note(&self, by: &Signature, act: &Act) -> Result<(), StoreError> {
        self.reach()?.write_down(Some(by), act.clone());
        Ok(())
    }

    async fn acts(&self, query: &ActQuery, _: Read) -> Result<Vec<Entry>, StoreError> {
        let state = self.reach()?;
        let newest_first = state.acts.iter().rev();
        Ok(newest_first.filter(|entry| is_wanted(entry, query)).take(query.limit).cloned().collect())
    }
}

fn is_wanted(entry: &Entry, query: &ActQuery) -> bool {
    let Entry { no, by, act } = entry;
    (query.from..query.to).contains(&by.at)
        && query.before.is_none_or(|before| *no < before)
        && query.actor.as_ref().is_none_or(|actor| by.actor == *actor)
        && query.target.as_ref().is_none_or(|target| act.target.as_ref() == Some(target))
        && query.action.is_none_or(|action| act.action == action)
}

impl State {
    /// Writes an act down, if there is a signature.
    pub fn write_down(&mut self, by: Option<&Signature>, act: Act) {
        if let Some(by) = by {
            self.acts_ever += 1;
            self.acts.push(Entry { no: self.acts_ever, by: by.clone(), act });
        }
    }

    pub fn forget_acts(&mut self, now: Timestamp) {
        let kept_from = now.plus_seconds(-ACTS_KEPT_SECONDS);
        self.acts.retain(|entry| entry.by.at >= kept_from);
    }
}
