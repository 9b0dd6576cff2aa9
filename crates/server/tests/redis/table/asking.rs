//! Questions whose right answers are known.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{Account, Node};

/// What is stored of a client on a day that is over.
#[derive(Debug, Clone)]
pub struct Known {
    account: Account,
    pub day: String,
    requests: u64,
}

/// A call, and what has to come of it.
pub struct Question {
    request: RequestBuilder,
    known: Option<Known>,
}

/// The day so many days ago.
fn day(ago: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * ago)).to_string()[..10].to_owned()
}

impl Known {
    /// Stores some events of a client on each of three days, another number each time.
    pub async fn store(node: &Node, account: &Account, number: u64) -> Vec<Self> {
        let mut all = Vec::new();
        for ago in 3..6 {
            let known =
                Self { account: account.clone(), day: day(ago), requests: 10 * number + ago.cast_unsigned() };
            let event = json!({
                "endpoint": "/late", "method": "GET", "statusCode": 200,
                "timestamp": format!("{}T12:00:00Z", known.day),
            });
            let events = vec![event; usize::try_from(known.requests).unwrap()];
            let request = node.post(&account.key).header("prefer", "wait=10").json(&events);
            assert_eq!(request.send().await.unwrap().status(), 201);
            all.push(known);
        }
        all
    }

    /// Where Redis has the answer.
    pub fn place(&self) -> String {
        format!("activity:cache1:{{v1:daily:UTC:{}:{}}}", self.day, self.account.id)
    }

    pub fn question(&self, node: &Node) -> Question {
        let path = format!("/api/usage/daily?from={0}&to={0}", self.day);
        let request = node.http.get(node.at(&path)).header("x-api-key", &self.account.key);
        Question { request, known: Some(self.clone()) }
    }

    /// What is wrong with an answer.
    fn check(&self, answer: &Value) -> Result<(), String> {
        let rows = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
        let is_right = matches!(rows, [row] if row["clientId"] == self.account.id
            && row["date"] == self.day && row["requestCount"] == self.requests);
        if is_right { Ok(()) } else { Err(format!("{self:?} is told as {answer}")) }
    }
}

impl Question {
    /// An event to be taken.
    pub fn event(node: &Node, account: &Account) -> Self {
        let event = json!({ "endpoint": "/things", "method": "GET", "statusCode": 200 });
        Self { request: node.post(&account.key).json(&event), known: None }
    }

    /// Asks it. The error says what is wrong with the answer.
    pub async fn ask(&self) -> Result<(), String> {
        let answer = self.request.try_clone().unwrap().send().await.map_err(|error| error.to_string())?;
        let (status, expected) = (answer.status().as_u16(), if self.known.is_some() { 200 } else { 202 });
        let body: Value = answer.json().await.map_err(|error| error.to_string())?;
        if status != expected {
            return Err(format!("{status}: {body}"));
        }
        self.known.as_ref().map_or(Ok(()), |known| known.check(&body))
    }
}
