//! Several instances on one database keep the laws together: what one remembers must not be wrong when another
//! changes something.

mod kit;

use std::sync::Arc;

use activity_contract::Stores;

/// Each port by an instance of its own.
async fn fresh() -> Stores {
    let database = kit::database();
    let instance = || Arc::new(kit::store(&database));
    Stores {
        clients: instance(),
        sink: instance(),
        usage: instance(),
        upkeep: instance(),
        set_aside: instance(),
        tickets: instance(),
        acts: instance(),
        guard: Box::new(database),
    }
}

activity_contract::laws!(fresh);
