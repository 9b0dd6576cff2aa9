//! Requests to a node.

use std::fs;
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{Days, Event, Ledger, Node, Random, until};

/// A registered client.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: String,
    pub key: String,
    pub token: String,
}

impl Node {
    /// The admin's key, which is configured, or the server made it.
    pub fn admin_key(&self) -> String {
        if let Some(key) = self.setting("ADMIN_API_KEY") {
            return key.to_owned();
        }
        fs::read_to_string(self.path("data/secrets/admin_key")).unwrap().trim().to_owned()
    }

    /// Registers a client, with a limit that no test reaches.
    pub async fn register(&self, name: &str, role: &str) -> Account {
        let email = format!("{name}@example.org");
        let wish = json!({ "name": name, "email": email, "role": role, "rateLimit": 1_000_000_000 });
        let request = self.http.post(self.at("/api/register")).header("x-api-key", self.admin_key());
        let answer = request.json(&wish).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let new: Value = answer.json().await.unwrap();
        let text = |name: &str| new[name].as_str().unwrap().to_owned();
        Account { id: text("clientId"), key: text("apiKey"), token: text("token") }
    }

    /// A request that records events.
    pub fn post(&self, key: &str) -> RequestBuilder {
        self.http.post(self.at("/api/logs")).header("x-api-key", key)
    }

    /// Records events, which all have to be taken; status 201 where that is waited for.
    pub async fn record(&self, key: &str, events: &[Event], wait: bool) {
        let body: Vec<Value> = events.iter().map(Event::json).collect();
        let mut request = self.post(key).json(&body);
        if wait {
            request = request.header("prefer", "wait=10");
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), if wait { 201 } else { 202 });
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer, json!({ "accepted": events.len(), "rejected": [] }));
    }

    /// Waits until everything that was accepted so far is in the database: the spool is drained in
    /// order, so it is when one more event is.
    pub async fn drain(&self, account: &Account, ledger: &mut Ledger) {
        let mut random = Random(0);
        until("the spool to be drained", Duration::from_mins(1), async || {
            let last = vec![Event::new(account, &mut random)];
            let request = self.post(&account.key).header("prefer", "wait=5");
            ledger.send(request, last).await.filter(|status| *status == StatusCode::CREATED)
        })
        .await;
    }

    /// Usage by day as the admin sees it, all pages; only requests and errors are filled in.
    pub async fn daily(&self, query: &str) -> Days {
        let mut days = Days::new();
        let mut cursor = String::new();
        loop {
            let url = self.at(&format!("/api/usage/daily?limit=3&{query}{cursor}"));
            let answer = self.http.get(url).header("x-api-key", self.admin_key()).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{query}{cursor}");
            let page: Value = answer.json().await.unwrap();
            for row in page["data"].as_array().unwrap() {
                let text = |name: &str| row[name].as_str().unwrap().to_owned();
                let day = days.entry((text("date"), text("clientId"))).or_default();
                day.requests += row["requestCount"].as_u64().unwrap();
                day.errors += row["errorCount"].as_u64().unwrap();
            }
            let Some(next) = page["nextCursor"].as_str() else { return days };
            cursor = format!("&cursor={next}");
        }
    }

    /// The address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", *self.url.borrow())
    }
}
