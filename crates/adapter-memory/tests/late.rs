//! The reference model keeps the laws of what comes late.

use std::sync::Arc;

use activity_adapter_memory::{ManualClock, MemoryLateFeed, MemoryStore};
use activity_contract::late::LateStores;
use activity_contract::make;

async fn fresh() -> LateStores {
    let clock = Arc::new(ManualClock::new(make::at("2026-11-10T10:00:00Z")));
    let store = Arc::new(MemoryLateFeed::new(Arc::new(MemoryStore::new()), clock));
    LateStores { sink: store.clone(), feed: store, guard: Box::new(()) }
}

activity_contract::late_laws!(fresh);
