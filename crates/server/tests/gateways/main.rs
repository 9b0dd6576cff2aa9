//! Real gateways in front of a service, with the files of `deploy/gateways`: they ask the tracker who may pass.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; clippy knows only the tests")]

mod behind;
mod front;
mod passing;
#[path = "../support/mod.rs"]
mod support;

use serde_json::{Value, json};
use support::{Account, Node};

use behind::Behind;
use front::{Front, Kind};

/// A tracker, a service, and a gateway in front of that.
struct Scene {
    tracker: Node,
    behind: Behind,
    front: Front,
}

impl Scene {
    async fn of(kind: Kind) -> Self {
        let settings = [("TRUSTED_PROXIES", "127.0.0.1/32"), ("LOG_BATCH_INTERVAL_MS", "50")];
        let tracker = Node::started(&settings).await;
        let behind = Behind::start();
        let front = Front::start(kind, &tracker, &behind).await;
        Self { tracker, behind, front }
    }

    /// A client that may call so often an hour, and the endpoint `/reports` so often.
    async fn client(&self, name: &str, limit: u64, reports: u64) -> Account {
        let account = self.tracker.register(name, "client").await;
        let limits =
            json!([{ "name": "reports", "limit": reports, "window": 3_600, "endpoint": "/reports" }]);
        self.change(&account, &json!({ "rateLimit": limit, "limits": limits })).await;
        account
    }

    async fn change(&self, account: &Account, change: &Value) {
        let path = self.tracker.at(&format!("/api/clients/{}", account.id));
        let request = self.tracker.http.patch(path).header("x-api-key", self.tracker.admin_key());
        assert_eq!(request.json(change).send().await.unwrap().status(), 200);
    }

    /// What the tracker has recorded.
    async fn recorded(&self) -> Vec<Value> {
        let path = self.tracker.at("/api/logs?limit=1000");
        let page = self.tracker.http.get(path).header("x-api-key", self.tracker.admin_key());
        let page: Value = page.send().await.unwrap().json().await.unwrap();
        page["data"].as_array().unwrap().clone()
    }
}
