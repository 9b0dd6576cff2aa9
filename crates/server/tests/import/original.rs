//! The tables of the original service, made here in two of the forms that they may have, brought into either store.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use activity_testkit::{Address, Database};
use serde_json::{Value, json};

use crate::counted;
use crate::support::{self, Count, Days, Node, until};

/// Far more than anything here needs.
const LONG: Duration = Duration::from_mins(1);
const RANGE: &str = "from=2025-12-31&to=2026-01-09";
const CALLS: u64 = 6_000;
/// Calls that lack what a call cannot be counted without.
const BAD: u64 = 4;

/// The original's `ENCRYPTION_KEY`, and keys that were sealed under it with the crypto module of Node 20.
const OLD_KEY: &str = "8d1f0c5be2a94763b0d58e21f7c6934a5be07d18c29f4036ad7e51b8340cf962";
const ADA: (&str, &str) = (
    "sk_live_5f2d8c0be7a14c39",
    "a1b2c3d4e5f60718293a4b5c5d6e7f80:a0854956b9b1878cd6c075a229093912:0885f56a0703a92f646218dce7ca66a3110b2b4ef87c34a3",
);
const BOB: (&str, &str) = (
    "3c9e1f70b2d84a5690c7e4d1b8f2a635",
    "0102030405060708090a0b0c:47043c6df25e212aecbcb7cfd4ce4c21:d905fa25d9d072846a6a1edb45af0377893b407c1b4e0c2627f6b49bfef7c2e7",
);

/// Numbers as keys, words as ids of clients, times with a zone.
const NUMBERED: &str = "
    CREATE TABLE clients (id serial PRIMARY KEY, client_id varchar(255) UNIQUE NOT NULL, name varchar(255),
        email varchar(255) UNIQUE, api_key text, rate_limit integer DEFAULT 1000, is_active boolean DEFAULT true,
        created_at timestamptz DEFAULT now(), last_access_at timestamptz);
    CREATE TABLE api_logs (id bigserial PRIMARY KEY, client_id varchar(255), endpoint varchar(500), method varchar(10),
        status_code integer, response_time integer, ip_address inet, user_agent text, error_message text,
        metadata jsonb, \"timestamp\" timestamptz);
    INSERT INTO clients (client_id, name, email, api_key, rate_limit, is_active, created_at, last_access_at) VALUES
        ('client_ada', 'Ada', 'ada@example.org', '$ADA', 50000, true, '2025-06-01 10:00:00.123456+02', '2026-01-05 00:00:00+00'),
        ('client_bob', 'Bob', 'bob@example.org', '$BOB', 700, true, '2025-07-01 10:00:00+00', NULL),
        ('client eve', 'Eve', 'eve@example.org', 'not:a:key', NULL, false, '2025-08-01 10:00:00+00', NULL);
    INSERT INTO api_logs (client_id, endpoint, method, status_code, response_time, ip_address, user_agent,
            error_message, metadata, \"timestamp\")
        SELECT (ARRAY['client_ada', 'client_bob', 'client eve', 'client_ada'])[n % 4 + 1], '/orders/' || n || '?q=1',
            CASE n % 3 WHEN 0 THEN 'POST' ELSE 'get' END, CASE WHEN n % 7 = 0 THEN 404 WHEN n % 11 = 0 THEN 500 ELSE 200 END,
            NULLIF(n % 300, 0), '192.0.2.7', 'curl/8.5.0', NULLIF('', ''), jsonb_build_object('n', n),
            '2026-01-01 00:00:00+00'::timestamptz + n * interval '61.000001 seconds'
        FROM generate_series(1, 6000) AS n;
    INSERT INTO api_logs (client_id, endpoint, method, status_code, \"timestamp\") VALUES
        ('client_ada', '/bad', 'GET', 99, '2026-01-01'), ('client_ada', '/bad', NULL, 200, '2026-01-01'),
        ('client_ada', '/bad', 'GET', 200, NULL), (NULL, '/bad', 'GET', 200, '2026-01-01');
";

/// UUIDs throughout, by which calls refer to clients; names in capitals; times without a zone; other types.
const UUIDS: &str = "
    CREATE TABLE clients (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), \"clientId\" uuid UNIQUE NOT NULL, name text,
        email text, \"apiKey\" varchar, \"rateLimit\" varchar, \"isActive\" smallint,
        \"createdAt\" timestamp, \"lastAccessAt\" timestamp);
    CREATE TABLE api_logs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), \"clientId\" uuid REFERENCES clients (id),
        endpoint text, method text, \"statusCode\" varchar, \"responseTime\" numeric, \"ipAddress\" varchar,
        \"userAgent\" text, \"errorMessage\" text, metadata text, \"timestamp\" timestamp);
    INSERT INTO clients (\"clientId\", name, email, \"apiKey\", \"rateLimit\", \"isActive\", \"createdAt\", \"lastAccessAt\") VALUES
        ('0b7ed1c9-f842-4a66-85e0-917dc24fb83a', 'Ada', 'ada@example.org', '$ADA', '50000', 1, '2025-06-01 10:00:00.123456', '2026-01-05'),
        ('1c8fe2da-0953-4b77-96f1-a28ed35fc94b', 'Bob', 'bob@example.org', '$BOB', '700', 1, '2025-07-01 10:00:00', NULL),
        ('2d90f3eb-1a64-4c88-a702-b39fe46fda5c', 'Eve', 'eve@example.org', NULL, 'many', 0, '2025-08-01 10:00:00', NULL);
    INSERT INTO api_logs (\"clientId\", endpoint, method, \"statusCode\", \"responseTime\", \"ipAddress\", \"userAgent\",
            \"errorMessage\", metadata, \"timestamp\")
        SELECT c.id, 'https://api.example.org/orders/' || n, 'GET', (CASE WHEN n % 7 = 0 THEN 404 ELSE 200 END)::text,
            (n % 300) + 0.125, CASE n % 2 WHEN 0 THEN '::ffff:192.0.2.7' ELSE 'unknown' END, NULL, 'timeout', '[1]',
            '2026-01-01 00:00:00'::timestamp + n * interval '61.5 seconds'
        FROM generate_series(1, 6000) AS n
        JOIN clients c ON c.name = (ARRAY['Ada', 'Bob', 'Eve', 'Ada'])[n % 4 + 1];
    INSERT INTO api_logs (\"clientId\", endpoint, method, \"statusCode\", \"timestamp\") SELECT id, e, m, s, t::timestamp FROM clients,
        (VALUES ('/bad', 'GET', '600', '2026-01-01'), ('/bad', NULL, '200', '2026-01-01'), ('/bad', 'GET', 'ok', '2026-01-01'),
            ('/bad', 'GET', '200', 'infinity')) AS bad (e, m, s, t) WHERE name = 'Ada';
";

/// Requests and errors by day and client, by the original's own database.
const NUMBERED_TRUTH: &str = "SELECT to_char(\"timestamp\" AT TIME ZONE 'UTC', 'YYYY-MM-DD'), client_id, count(*), \
    count(*) FILTER (WHERE status_code >= 400) FROM api_logs WHERE endpoint <> '/bad' GROUP BY 1, 2";
const UUIDS_TRUTH: &str = "SELECT to_char(\"timestamp\", 'YYYY-MM-DD'), c.\"clientId\", count(*), \
    count(*) FILTER (WHERE \"statusCode\"::int >= 400) FROM api_logs l JOIN clients c ON c.id = l.\"clientId\" \
    WHERE endpoint <> '/bad' GROUP BY 1, 2";

/// A database of the original, and what is in it.
struct Source {
    database: Database,
    truth: Days,
}

impl Source {
    fn new(schema: &str, truth: &str) -> Self {
        let database = Database::empty();
        database.sql(&schema.replace("$ADA", ADA.1).replace("$BOB", BOB.1));
        let rows = database.sql(truth);
        let truth = rows.lines().map(|line| {
            let fields: Vec<&str> = line.split('|').collect();
            let number = |at: usize| fields[at].parse().unwrap();
            let count = Count { requests: number(2), errors: number(3), ..Count::default() };
            ((fields[0].to_owned(), known(fields[1])), count)
        });
        Self { truth: truth.collect(), database }
    }

    fn numbered() -> Self {
        Self::new(NUMBERED, NUMBERED_TRUTH)
    }
}

/// The id of one that cannot be kept follows from the original's.
fn known(original: &str) -> String {
    if original.contains(' ') { EVE.to_owned() } else { original.to_owned() }
}

/// What `client eve` is known by.
const EVE: &str = "CL-qjviy6z6yc4fyyy5";

fn embedded() -> Node {
    Node::new(&[("LOG_BATCH_INTERVAL_MS", "50"), ("LOG_FORMAT", "json"), ("OLD_KEY", OLD_KEY)])
}

fn on_postgres(address: &Address) -> Node {
    let mut node = embedded();
    node.set("DATABASE_URL", &address.url());
    node.set("ADMIN_API_KEY", "9d04be17a2c65f38e1b7440c5a90d2f6");
    node.set("JWT_SECRET", "f3a9c1d07be24855912fa6630cd1e8b74410fe92ab67c35d8e01f4b2976ac3d5");
    node.set("ENCRYPTION_KEY", "50d1c8e2f7a94b3680e5d9c1a72f4b6e8d03c5f9172a4e6b80d3c9f5e1a7b246");
    node
}

fn import(node: &Node, url: &str) -> std::process::Output {
    let mut command = node.command();
    command.args(["import", "--from-original", url, "--original-key-env", "OLD_KEY"]);
    command.output().unwrap()
}

/// Counts of the summary: clients brought, already there, without key, rejected; rows stored, duplicate, rejected.
fn summary(output: &std::process::Output) -> [u64; 7] {
    [
        "clients brought",
        "clients already there",
        "clients without key",
        "clients rejected",
        "rows stored",
        "rows duplicate",
        "rows rejected",
    ]
    .map(|name| counted(output, name))
}

async fn get(node: &Node, key: &str, path: &str) -> (u16, Value) {
    let answer = node.http.get(node.at(path)).header("x-api-key", key).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// What the API says is what the original's database says: by day, and over all of it in order.
async fn check(node: &Node, truth: &Days) {
    assert_eq!(&node.daily(RANGE).await, truth);
    let path = "/api/usage/top?from=2025-12-31T00:00:00Z&to=2026-01-10T00:00:00Z&limit=1000";
    let (_, top) = get(node, &node.admin_key(), path).await;
    let rows = top["data"].as_array().unwrap().iter();
    let rows: Vec<(String, u64, u64)> = rows
        .map(|row| {
            let number = |name: &str| row[name].as_u64().unwrap();
            (row["clientId"].as_str().unwrap().to_owned(), number("requestCount"), number("errorCount"))
        })
        .collect();
    let mut sums: BTreeMap<String, Count> = BTreeMap::new();
    for ((_, client), count) in truth {
        sums.entry(client.clone()).or_default().add(*count);
    }
    let mut expected: Vec<_> = sums.into_iter().map(|(id, sum)| (id, sum.requests, sum.errors)).collect();
    expected.sort_by_key(|(id, requests, _)| (u64::MAX - requests, id.clone()));
    assert_eq!(rows, expected);
}

/// Brings everything, twice without a server and once through it.
async fn journey(source: &Source, mut node: Node, ids: [&str; 3]) {
    let url = source.database.url();
    assert_eq!(summary(&import(&node, &url)), [3, 0, 1, 0, CALLS, 0, BAD]);
    let rejects = fs::read_to_string(node.path("import.rejects")).unwrap();
    assert_eq!(rejects.lines().count() as u64, BAD + 1, "{rejects}");
    assert!(rejects.starts_with("clients:") && rejects.contains("brought without"), "{rejects}");
    assert_eq!(summary(&import(&node, &url)), [0, 3, 0, 0, 0, CALLS, BAD]);
    node.start().await;
    check(&node, &source.truth).await;

    // The old keys open, and only they do; what else was known of the clients came with them.
    for ((key, _), id) in [ADA, BOB].into_iter().zip(ids) {
        let (status, own) = get(&node, key, "/api/usage/daily?days=1").await;
        assert_eq!(status, 200, "{own}");
        let (status, client) = get(&node, key, &format!("/api/clients/{id}")).await;
        assert_eq!((status, client["clientId"].as_str()), (200, Some(id)));
        assert_eq!(get(&node, &key[1..], "/api/rate-limit").await.0, 401);
    }
    let (_, ada) = get(&node, &node.admin_key(), &format!("/api/clients/{}", ids[0])).await;
    assert_eq!(
        (&ada["name"], &ada["email"], &ada["rateLimit"]),
        (&json!("Ada"), &json!("ada@example.org"), &json!(50_000))
    );
    assert!(ada["createdAt"].as_str().unwrap().ends_with(":00:00.123456Z"), "{ada}");
    let (_, eve) = get(&node, &node.admin_key(), &format!("/api/clients/{}", ids[2])).await;
    assert_eq!((&eve["name"], &eve["isActive"], &eve["keys"]), (&json!("Eve"), &json!(false), &json!([])));

    // Through the server, which has the data: nothing changes.
    let handed = import(&node, &url);
    assert_eq!(counted(&handed, "rows handed over"), CALLS, "{}", String::from_utf8_lossy(&handed.stdout));
    let last = node.stop().await;
    assert_eq!((&last["stored"], &last["duplicate"]), (&json!(0), &json!(CALLS)), "{last}");
    node.start().await;
    check(&node, &source.truth).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_words_come_into_the_embedded_store() {
    let source = Source::numbered();
    // A page of these is more than a server takes at once.
    source.database.sql(
        "UPDATE api_logs SET metadata = jsonb_build_object('x', repeat('x', 6000)) WHERE id BETWEEN 1000 AND 2900",
    );
    journey(&source, embedded(), ["client_ada", "client_bob", EVE]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uuids_come_into_postgres() {
    let target = Database::empty();
    let ids = [
        "0b7ed1c9-f842-4a66-85e0-917dc24fb83a",
        "1c8fe2da-0953-4b77-96f1-a28ed35fc94b",
        "2d90f3eb-1a64-4c88-a702-b39fe46fda5c",
    ];
    journey(&Source::new(UUIDS, UUIDS_TRUTH), on_postgres(target.address()), ids).await;
}

/// What an import has stored that gets no further: two pages.
const STUCK: u64 = 4_000;
/// The original's database falls asleep over a row of the third page.
const ASLEEP: &str = "ALTER TABLE api_logs RENAME TO awake;
    CREATE VIEW api_logs AS SELECT id, client_id, endpoint, method, response_time, ip_address, user_agent, \"timestamp\",
        CASE WHEN id = 4500 THEN length(pg_sleep(100)::text) + status_code ELSE status_code END AS status_code FROM awake";
const AWAKE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'activity-tracker import' AND datname = current_database();
    DROP VIEW api_logs; ALTER TABLE awake RENAME TO api_logs";

/// Kills an import when some of it is stored, and runs it again.
async fn killed(source: &Source, mut node: Node, mut stored: impl FnMut(&Node) -> u64) {
    source.database.sql(ASLEEP);
    let url = source.database.url();
    let mut command = node.command();
    command.args(["import", "--from-original", &url, "--original-key-env", "OLD_KEY"]);
    let mut process = command.spawn().unwrap();
    until("two pages", LONG, async || (stored(&node) == STUCK).then_some(())).await;
    process.kill().unwrap();
    process.wait().unwrap();
    source.database.sql(AWAKE);
    assert_eq!(summary(&import(&node, &url)), [0, 3, 0, 0, CALLS - STUCK, STUCK, BAD]);
    node.start().await;
    check(&node, &source.truth).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_run_again_it_is_the_same_on_the_embedded_store() {
    killed(&Source::numbered(), embedded(), |node| {
        let is_there = node.path("data/activity.db").exists();
        if is_there { support::Database::of(node).try_count("activity") } else { 0 }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_run_again_it_is_the_same_on_postgres() {
    let target = Database::empty();
    let address = target.address().clone();
    killed(&Source::numbered(), on_postgres(target.address()), |_| {
        // There is no table at first.
        let count = address.try_sql("SELECT count(*) FROM activity");
        count.map_or(0, |count| count.trim().parse().unwrap())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_is_told_and_left_alone() {
    let source = Source::numbered();
    let url = source.database.url();
    let mut node = Node::started(&[("LOG_BATCH_INTERVAL_MS", "50"), ("OLD_KEY", &"5".repeat(64))]).await;
    // Another key than the original's changes nothing at all.
    let wrong = import(&node, &url);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        !wrong.status.success() && said.contains("does not open") && said.contains("--original-key-file"),
        "{said}"
    );
    let (_, clients) = get(&node, &node.admin_key(), "/api/clients").await;
    assert_eq!(clients["data"], json!([]));

    // One email is taken. One client is named by calls alone, one is erased later.
    node.register("ada", "client").await;
    source.database.sql(
        "DELETE FROM api_logs WHERE id > 100; UPDATE api_logs SET client_id = 'gone' WHERE id <= 10;
         UPDATE clients SET api_key = NULL WHERE client_id = 'client_bob'",
    );
    node.set("OLD_KEY", OLD_KEY);
    let brought = import(&node, &url);
    assert_eq!(summary(&brought)[..4], [3, 0, 2, 0]);
    assert_eq!([counted(&brought, "clients without email"), counted(&brought, "clients made")], [1, 1]);
    let (_, gone) = get(&node, &node.admin_key(), "/api/clients/gone").await;
    assert_eq!((&gone["name"], &gone["email"]), (&json!("gone"), &Value::Null));
    assert_eq!(get(&node, ADA.0, "/api/rate-limit").await.0, 200);

    let erase = node.http.delete(node.at("/api/clients/client_ada")).header("x-api-key", node.admin_key());
    assert!(erase.send().await.unwrap().status().is_success());
    // What was revoked or erased here does not come back.
    let again = import(&node, &url);
    assert_eq!((counted(&again, "clients erased here"), summary(&again)[1]), (1, 2));
    assert_eq!(get(&node, ADA.0, "/api/rate-limit").await.0, 401);

    // Another service's client of the same id is not this one.
    source.database.sql("UPDATE clients SET created_at = now() WHERE client_id = 'client_bob'");
    let other = import(&node, &url);
    assert_eq!(summary(&other)[..4], [0, 1, 0, 1]);
    let rejects = fs::read_to_string(node.path("import.rejects")).unwrap();
    assert!(rejects.contains("clients:client_bob\tis not brought"), "{rejects}");
    assert!(rejects.contains("belongs to a client that was rejected"), "{rejects}");
    node.stop().await;

    source.database.sql("DROP TABLE api_logs");
    let (ok, said) = node.run(&["import", "--from-original", &url, "--without-keys"]);
    assert!(!ok && said.contains("no table api_logs"), "{said}");
}
