//! What was set aside.

use activity_domain::error::StoreError;
use activity_domain::port::{KeptAside, SetAsideRepo};
use async_trait::async_trait;

use crate::store::MemoryStore;

#[async_trait]
impl SetAsideRepo for MemoryStore {
    async fn list(&self, after: u64, limit: usize) -> Result<Vec<KeptAside>, StoreError> {
        let state = self.reach()?;
        Ok(state.set_aside.iter().filter(|kept| kept.no > after).take(limit).cloned().collect())
    }

    async fn remove(&self, no: u64) -> Result<bool, StoreError> {
        let mut state = self.reach()?;
        let before = state.set_aside.len();
        state.set_aside.retain(|kept| kept.no != no);
        Ok(state.set_aside.len() < before)
    }
}
