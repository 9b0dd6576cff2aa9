//! The same journey over HTTP on either store, with the same answers.

use std::collections::BTreeMap;

use activity_testkit::Database;
use jiff::{SignedDuration, Timestamp};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{Account, Node, until};
use crate::{ADMIN_KEY, JWT_SECRET, LONG, node};

/// What differs from run to run.
const PASSING: &[&str] = &[
    "apiKey",
    "token",
    "keyId",
    "createdAt",
    "lastUsedAt",
    "lastAccessAt",
    "expiresAt",
    "generatedAt",
    "requestId",
    "nextCursor",
    "resetAt",
    "instance",
    "from",
    "to",
];

/// A traveller and what he was answered.
struct Journey<'a> {
    node: &'a Node,
    names: BTreeMap<String, &'static str>,
    answers: Vec<(String, u16, Value)>,
}

impl Journey<'_> {
    async fn register(&mut self, name: &'static str, role: &str) -> Account {
        let account = self.node.register(name, role).await;
        self.names.insert(account.id.clone(), name);
        account
    }

    async fn get(&mut self, key: &str, path: &str) -> Value {
        let request = self.node.http.get(self.node.at(path)).header("x-api-key", key);
        self.send(path, request).await
    }

    async fn send(&mut self, what: &str, request: RequestBuilder) -> Value {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        self.answers.push((self.named(what), status, self.scrubbed(&body)));
        body
    }

    /// With names in place of ids, and without what passes.
    fn scrubbed(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| {
                        let passes = PASSING.contains(&name.as_str()) && !value.is_null();
                        (name.clone(), if passes { "*".into() } else { self.scrubbed(value) })
                    })
                    .collect(),
            ),
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.scrubbed(item)).collect();
                // Ties are told apart by ids, which are made up.
                items.sort_by_key(Value::to_string);
                Value::Array(items)
            }
            Value::String(text) => Value::String(self.named(text)),
            other => other.clone(),
        }
    }

    fn named(&self, text: &str) -> String {
        if text.starts_with("anon-") {
            return "anonymous".to_owned();
        }
        self.names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }
}

/// Events of the last days, with everything that an event may have.
fn events(now: Timestamp) -> Vec<Value> {
    let event = |n: i64| {
        let at = now - SignedDuration::from_secs(n * 7_919);
        let one_of = |all: &[&'static str]| all[usize::try_from(n).unwrap() % all.len()];
        let status = 200 + n % 4 * 101;
        json!({
            "id": format!("018f0000-0000-7000-8000-{n:012}"), "timestamp": at.to_string(),
            "endpoint": format!("/v1/things/{n}?page=2"), "method": one_of(&["GET", "POST", "BREW"]),
            "statusCode": status,
            "responseTime": (n * 37 % 400) as f64 / 8.0,
            "ipAddress": "2001:db8::17", "userAgent": "curl/8.5 \u{1f600} '\"\\", "requestBytes": n, "responseBytes": n * n,
            "errorMessage": "it is\tso", "metadata": { "b": 1.50, "a": [null, "\u{e9}"], "n": n },
        })
    };
    (0..60).map(event).collect()
}

async fn travel(node: &Node, now: Timestamp) -> Vec<(String, u16, Value)> {
    let mut journey = Journey { node, names: BTreeMap::new(), answers: Vec::new() };
    let (ada, bob) = (journey.register("ada", "client").await, journey.register("bob", "client").await);
    let gateway = journey.register("gateway", "service").await;
    let admin = node.admin_key();
    let post = |path: &str, key: &str, body: &Value| {
        node.http.post(node.at(path)).header("x-api-key", key).json(body)
    };
    let again = json!({ "name": "x", "email": "ada@example.org" });
    journey.send("a second ada", post("/api/register", &admin, &again)).await;

    let stored = |request: RequestBuilder| request.header("prefer", "wait=10");
    let mut all = events(now);
    journey.send("events", stored(post("/api/logs", &ada.key, &json!(all)))).await;
    journey.send("the same again", stored(post("/api/logs", &ada.key, &json!(all)))).await;
    for event in &mut all {
        event["clientId"] = json!(bob.id);
        event["statusCode"] = json!(503);
    }
    let bad = json!([all[0], { "endpoint": "/x" }, { "endpoint": "/x", "method": "GET", "statusCode": 99 }]);
    journey.send("some are bad", stored(post("/api/logs", &gateway.key, &bad))).await;
    journey.send("for bob", stored(post("/api/logs", &gateway.key, &json!(all[..20])))).await;
    all[0]["clientId"] = json!("CL-nobody");
    journey.send("for nobody", stored(post("/api/logs", &gateway.key, &all[0]))).await;

    look(&mut journey, now, &[&ada, &bob, &gateway], &admin).await;

    let path = format!("/api/clients/{}", bob.id);
    let change = json!({ "name": "Robert", "rateLimit": 17, "limits": [
        { "name": "search", "rateLimit": 3, "window": 60, "endpoint": "/search" } ] });
    let changing = node.http.patch(node.at(&path)).header("x-api-key", &admin).json(&change);
    journey.send("a change", changing).await;
    let issued = post(&format!("{path}/keys"), &bob.key, &json!({ "overlap": 3_600, "expiresIn": 86_400 }));
    journey.send("another key", issued).await;
    journey.get(&bob.key, "/api/rate-limit").await;
    let erase = node.http.delete(node.at(&format!("/api/clients/{}", ada.id))).header("x-api-key", &admin);
    journey.send("ada is erased", erase).await;
    journey.get(&ada.key, "/api/usage/daily").await;
    let logs = node.at(&format!("/api/logs?clientId={}", ada.id));
    until("ada's rows are gone", LONG, async || {
        let answer = node.http.get(&logs).header("x-api-key", &admin).send().await.unwrap();
        (answer.status() == 404).then_some(())
    })
    .await;
    look(&mut journey, now, &[&bob, &gateway], &admin).await;
    journey.answers
}

/// All questions that there are.
async fn look(journey: &mut Journey<'_>, now: Timestamp, callers: &[&Account], admin: &str) {
    // Fixed, because the second journey begins a little later.
    let [from, to] = [-200, 0].map(|hours| now + SignedDuration::from_hours(hours));
    let series = |rest: &str| format!("/api/usage/series?from={from}&to={to}&{rest}");
    let questions = [
        "/api/usage/daily?days=30",
        "/api/usage/daily?days=10&timezone=Asia/Kathmandu",
        "/api/usage/daily?days=10&limit=2",
        "/api/usage/top?hours=200&limit=10",
        &series("bucket=1d&groupBy=status&timezone=Europe/Berlin"),
        &series("bucket=1h&groupBy=method"),
        &series("bucket=1d&groupBy=endpoint"),
        &series("bucket=1h&groupBy=client"),
        "/api/usage/endpoints?sort=p95&limit=50",
        "/api/logs?limit=7",
        "/api/logs?status=5xx&limit=100",
        "/api/logs?method=BREW&endpoint=/v1&limit=100",
        "/api/rate-limit",
        "/api/clients",
        "/api/usage/daily?days=0",
        "/api/usage/series?bucket=7m",
    ];
    let keys = callers.iter().map(|caller| caller.key.as_str()).chain([admin]);
    for key in keys.collect::<Vec<_>>() {
        for question in questions {
            journey.get(key, question).await;
        }
    }
    let one = callers[0].id.clone();
    for question in ["/api/usage/daily?days=9&clientId=", "/api/logs?limit=5&clientId=", "/api/clients/"] {
        journey.get(admin, &format!("{question}{one}")).await;
        journey.get(&callers[1].key, &format!("{question}{one}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_store_gives_the_same_answers() {
    let database = Database::empty();
    let on_postgres = node(database.address(), &[]);
    let embedded = Node::new(&[
        ("ADMIN_API_KEY", ADMIN_KEY),
        ("JWT_SECRET", JWT_SECRET),
        ("LOG_BATCH_INTERVAL_MS", "50"),
    ]);
    // Some minutes ago, so that the two runs see the same minutes as closed.
    let now = Timestamp::now() - SignedDuration::from_mins(10);
    let mut answers = Vec::new();
    for mut node in [on_postgres, embedded] {
        node.start().await;
        answers.push(travel(&node, now).await);
        node.stop().await;
    }
    let [on_postgres, embedded] = <[_; 2]>::try_from(answers).unwrap();
    assert_eq!(on_postgres.len(), embedded.len());
    let mut seen = BTreeMap::new();
    for (ours, theirs) in on_postgres.iter().zip(&embedded) {
        assert_eq!(ours, theirs);
        *seen.entry(ours.1).or_insert(0) += 1;
    }
    for status in [200, 201, 204, 401, 403, 404, 409, 422] {
        assert!(seen.contains_key(&status), "{status} was never answered: {seen:?}");
    }
}
