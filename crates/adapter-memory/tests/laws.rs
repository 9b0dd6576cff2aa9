//! The reference model keeps the laws of every port.

use activity_adapter_memory::MemoryStore;
use activity_contract::Stores;

async fn fresh() -> Stores {
    Stores::of(MemoryStore::new(), ())
}

activity_contract::laws!(fresh);
