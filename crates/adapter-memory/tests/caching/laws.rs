//! The laws, by the stack as production wires it.

use activity_contract::Stores;
use activity_contract::cached::{AsCallersAsk, CachedStores};
use activity_contract::make;
use activity_domain::service::CachePolicy;

use crate::stack::{HOUR, Stack, memory_cache, policy};

/// The clock stands where all that is asked for is closed, or where histories happen.
fn cached(now: &str, day_rows: usize) -> CachedStores {
    let stack = Stack::with(CachePolicy { day_rows, ..policy(HOUR, HOUR) }, memory_cache);
    stack.clock.set(make::at(now));
    let store = stack.store.clone();
    let stores = Stores {
        clients: store.clone(),
        sink: stack.sink,
        usage: std::sync::Arc::new(AsCallersAsk(stack.usage)),
        upkeep: store.clone(),
        set_aside: store.clone(),
        tickets: store.clone(),
        acts: store.clone(),
        guard: Box::new(()),
    };
    CachedStores { stores, uncached: store, cache: stack.cache }
}

mod all_closed {
    use super::*;

    async fn fresh() -> Stores {
        cached("2126-03-12T12:34:56Z", 20_000).stores
    }

    async fn beside() -> CachedStores {
        cached("2126-03-12T12:34:56Z", 20_000)
    }

    activity_contract::laws!(fresh);
    activity_contract::cached_laws!(beside);
}

mod in_the_middle {
    use super::*;

    async fn beside() -> CachedStores {
        cached("2026-03-10T10:08:30Z", 20_000)
    }

    activity_contract::cached_laws!(beside);
}

/// Days are soon too long to be kept.
mod hardly_any_room {
    use super::*;

    async fn beside() -> CachedStores {
        cached("2026-03-10T10:08:30Z", 3)
    }

    #[test]
    fn cached_answers_are_those_of_the_store() {
        activity_contract::run(activity_contract::cached::cached_answers_are_those_of_the_store(&beside));
    }
}
