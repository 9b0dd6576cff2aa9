//! Activities, stored exactly once.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use activity_domain::error::StoreError;
use activity_domain::id::StreamId;
use activity_domain::port::{ActivitySink, Append, Appended, Batch, KeptAside, Record, SetAside};
use async_trait::async_trait;

use crate::store::{MemoryStore, State};
use crate::switches::Commit;

#[async_trait]
impl ActivitySink for MemoryStore {
    async fn position(&self, stream: StreamId) -> Result<u64, StoreError> {
        Ok(self.reach()?.position(stream))
    }

    async fn append(&self, batch: &Arc<Batch>) -> Result<Append, StoreError> {
        let mut state = self.reach()?;
        state.switches.check_append()?;
        let position = state.position(batch.stream);
        if position != batch.expected {
            return Ok(Append::Moved(position));
        }
        let appended = state.store(batch)?;
        state.switches.check_answer()?;
        Ok(Append::Stored(appended))
    }
}

impl State {
    fn position(&self, stream: StreamId) -> u64 {
        self.cursors.get(&stream).copied().unwrap_or(0)
    }

    fn store(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        let is_offered = |record: &Record| {
            record.activity.at >= self.retained_from && !self.is_erased(&record.activity.client)
        };
        let (refused, taken): (Vec<&Record>, Vec<&Record>) = batch
            .records
            .iter()
            .partition(|record| is_offered(record) && self.switches.refuses(&record.activity));
        if refused.len() > 1 && !taken.iter().any(|record| is_offered(record)) {
            return Err(StoreError::Unavailable("every row of a batch is refused".to_owned()));
        }
        // From here on nothing fails, so that a batch is stored as a whole or not at all.
        let mut commit = Commit {
            stream: batch.stream,
            cursor: self.cursors.get(&batch.stream).copied(),
            rows: Vec::new(),
            counted: self.counted.len(),
            set_aside: self.set_aside_ever,
        };
        let mut appended = Appended::default();
        for record in taken {
            let activity = &record.activity;
            if activity.at < self.retained_from || self.is_erased(&activity.client) {
                appended.discarded += 1;
                continue;
            }
            match self.rows.entry((activity.client.clone(), activity.at, activity.id)) {
                Entry::Occupied(_) => appended.duplicate += 1,
                Entry::Vacant(free) => {
                    self.counted.push(activity.clone());
                    if self.switches.has_standby() {
                        commit.rows.push(free.key().clone());
                    }
                    free.insert(activity.clone());
                    appended.stored += 1;
                }
            }
        }
        let refused = refused.into_iter().map(|record| SetAside {
            payload: record.payload.clone(),
            reason: "refused by a test".to_owned(),
        });
        for SetAside { payload, reason } in refused.chain(batch.unreadable.iter().cloned()) {
            self.set_aside_ever += 1;
            let no = self.set_aside_ever;
            self.set_aside.push(KeptAside { no, stream: batch.stream, payload, reason });
            appended.set_aside += 1;
        }
        self.cursors.insert(batch.stream, batch.next);
        self.switches.committed(commit);
        Ok(appended)
    }

    /// Takes back what an append changed; later ones have been taken back already. Says how many rows that
    /// were.
    pub fn forget(&mut self, commit: &Commit) -> usize {
        match commit.cursor {
            Some(next) => self.cursors.insert(commit.stream, next),
            None => self.cursors.remove(&commit.stream),
        };
        self.counted.truncate(commit.counted);
        self.set_aside.retain(|kept| kept.no <= commit.set_aside);
        commit.rows.iter().filter(|key| self.rows.remove(key).is_some()).count()
    }
}
