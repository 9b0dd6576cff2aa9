//! What rests on disks: addresses, what is left of erased clients, and what is encrypted with which key; on both
//! stores.

mod addresses;
mod brought_over;
mod erased;
mod rotated;

use std::fs;
use std::path::{Path, PathBuf};

use activity_testkit::Database;
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::support::Node;
use crate::{ADMIN_KEY, ENCRYPTION_KEY, JWT_SECRET, node};

/// A store and nodes on it.
enum Store {
    Embedded,
    Postgres(Database),
}

impl Store {
    /// One of each kind, empty.
    fn each() -> [Self; 2] {
        [Self::Embedded, Self::Postgres(Database::empty())]
    }

    /// A node on it, not running yet.
    fn node(&self, more: &[(&'static str, &str)]) -> Node {
        match self {
            Self::Postgres(database) => node(database.address(), more),
            Self::Embedded => {
                let settings = [
                    ("ADMIN_API_KEY", ADMIN_KEY),
                    ("JWT_SECRET", JWT_SECRET),
                    ("ENCRYPTION_KEY", ENCRYPTION_KEY),
                    ("LOG_BATCH_INTERVAL_MS", "50"),
                ];
                Node::new(&[&settings[..], more].concat())
            }
        }
    }

    /// Changes something behind the server's back.
    fn change(&self, node: &Node, sql: &str) {
        match self {
            Self::Embedded => crate::support::Database::change(node, sql),
            Self::Postgres(database) => {
                database.sql(sql);
            }
        }
    }

    /// The files of a node and the tables of its database that have one of these somewhere.
    fn find(&self, node: &Node, canaries: &[Canary]) -> Vec<String> {
        let mut found = Vec::new();
        for file in files(&node.path("data")).into_iter().chain([node.path("log")]) {
            let bytes = fs::read(&file).unwrap_or_default();
            // Room that is reserved for records.
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let here = |canary: &&Canary| canary.is_in(&bytes[..end]);
            let name = file.strip_prefix(node.path(".")).unwrap_or(&file).display().to_string();
            found.extend(canaries.iter().filter(here).map(|canary| format!("{} in {name}", canary.name)));
        }
        if let Self::Postgres(database) = self {
            for (table, rows) in tables(database) {
                let here = |canary: &&Canary| canary.is_in_text(&rows);
                found
                    .extend(canaries.iter().filter(here).map(|canary| format!("{} in {table}", canary.name)));
            }
        }
        found
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(|entry| below(entry.path())).collect()
}

/// Every table and partition, with all its rows as text.
fn tables(database: &Database) -> Vec<(String, String)> {
    let names = database.sql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1",
    );
    names
        .lines()
        .map(|name| (name.to_owned(), database.sql(&format!("SELECT t::text FROM {name} t"))))
        .collect()
}

/// What is looked for: a text, or bytes that stand for it.
#[derive(Clone)]
struct Canary {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    fn text(text: &str) -> Self {
        Self { name: text.to_owned(), forms: vec![text.as_bytes().to_vec()] }
    }

    /// An address, as text and as the bytes that it is made of.
    fn address(text: &str) -> Self {
        let octets = match text.parse().unwrap() {
            std::net::IpAddr::V4(v4) => v4.octets().to_vec(),
            std::net::IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        Self { name: text.to_owned(), forms: vec![text.as_bytes().to_vec(), octets] }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        // The first byte is looked for quickly, also where nothing is optimised.
        self.forms.iter().any(|form| {
            let mut rest = bytes;
            while let Some(at) = rest.iter().position(|byte| *byte == form[0]) {
                if rest[at..].starts_with(form) {
                    return true;
                }
                rest = &rest[at + 1..];
            }
            false
        })
    }

    /// In text, and in bytes that the database shows in hexadecimal. Four bytes are found there by chance.
    fn is_in_text(&self, text: &str) -> bool {
        let hex = |form: &[u8]| form.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let mut forms = self.forms.iter().filter(|form| form.len() > 4);
        text.contains(&self.name) || forms.any(|form| text.contains(&hex(form)))
    }
}

/// What the admin is answered.
async fn ask(node: &Node, path: &str) -> Value {
    let answer = as_admin(node.http.get(node.at(path))).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap()
}

fn as_admin(request: RequestBuilder) -> RequestBuilder {
    request.header("x-api-key", ADMIN_KEY)
}
