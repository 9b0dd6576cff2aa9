//! The laws, by the stack as production wires it.

use activity_contract::Stores;
use activity_contract::cached::{AsCallersAsk, CachedStores};
use activity_contract::make;

use crate::stack::{HOUR, Stack, memory_cache, policy};

/// The clock stands where all that is asked for is closed, or where histories happen.
fn cached(now: &str) -> CachedStores {
    let stack = Stack::with(policy(HOUR, HOUR), memory_cache);
    stack.clock.set(make::at(now));
    let store = stack.store.clone();
    let stores = Stores {
        clients: store.clone(),
        sink: stack.sink,
        usage: std::sync::Arc::new(AsCallersAsk(stack.usage)),
        upkeep: store.clone(),
        guard: Box::new(()),
    };
    CachedStores { stores, uncached: store, cache: stack.cache }
}

mod all_closed {
    use super::*;

    async fn fresh() -> Stores {
        cached("2126-03-12T12:34:56Z").stores
    }

    async fn beside() -> CachedStores {
        cached("2126-03-12T12:34:56Z")
    }

    activity_contract::laws!(fresh);
    activity_contract::cached_laws!(beside);
}

mod in_the_middle {
    use super::*;

    async fn beside() -> CachedStores {
        cached("2026-03-10T10:08:30Z")
    }

    activity_contract::cached_laws!(beside);
}
