//! SQLite keeps the laws of every port.

#![allow(clippy::expect_used, reason = "in a test, that is how it fails")]

use activity_adapter_sqlite::SqliteStore;
use activity_contract::Stores;

async fn fresh() -> Stores {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("activity.db")).await.expect("a new database opens");
    Stores::of(store, folder)
}

activity_contract::laws!(fresh);
