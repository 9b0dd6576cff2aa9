//! Postgres keeps the laws of every port.

mod kit;

use activity_contract::Stores;

async fn fresh() -> Stores {
    let database = kit::database();
    Stores::of(kit::store(&database), database)
}

activity_contract::laws!(fresh);
