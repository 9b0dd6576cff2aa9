//! The server under test: started, asked and stopped like any other.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Outcome;
use crate::http::Connection;
use crate::process::{Process, data, program};
use crate::rows::Row;
use crate::storage::Place;
use crate::template::{Template, get, post, stamp};

/// A start takes a fraction of a second, and longer with much to migrate or to drain.
const PATIENCE: Duration = Duration::from_secs(30);

/// Much longer than any backlog of a round should take.
const DRAIN_PATIENCE: Duration = Duration::from_mins(10);

/// A client that was registered.
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its key.
    pub key: String,
}

/// A running server. Dropping it kills it and removes its folder, in that order.
pub struct Tracker {
    process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    /// The admin's key.
    pub admin: String,
    _folder: TempDir,
}

impl Tracker {
    /// Starts a server at a place, and waits until it listens.
    pub async fn start(place: Place) -> Outcome<Self> {
        Self::start_with(place, &[]).await
    }

    /// The same with settings.
    pub async fn start_with(place: Place, settings: &[(&str, &str)]) -> Outcome<Self> {
        let Place { folder, settings: needed } = place;
        let data = data(folder.path());
        let mut program = program(folder.path());
        program.envs(needed.iter().map(|(name, value)| (name, value))).envs(settings.iter().copied());
        let mut process = Process::logged(&mut program, &folder.path().join("server.log"))?;
        let begun = Instant::now();
        let url = loop {
            match std::fs::read_to_string(data.join("server.url")) {
                Ok(url) if !url.is_empty() => break url,
                _ if begun.elapsed() > PATIENCE => {
                    return Err(format!("the server is not ready: {}", process.last_words()).into());
                }
                _ => {}
            }
            if let Some(status) = process.child.try_wait()? {
                return Err(format!("the server ended with {status}: {}", process.last_words()).into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let address = url.trim().trim_start_matches("http://").parse()?;
        let admin = match needed.into_iter().find(|(name, _)| *name == "ADMIN_API_KEY") {
            Some((_, key)) => key,
            None => std::fs::read_to_string(data.join("secrets").join("admin_key"))?.trim().to_owned(),
        };
        Ok(Self { process, address, admin, _folder: folder })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.child.id()
    }

    /// Registers so many clients, and gives their keys.
    pub async fn register(&self, count: usize) -> Outcome<Vec<String>> {
        Ok(self.clients(count).await?.into_iter().map(|client| client.key).collect())
    }

    /// Registers so many clients.
    pub async fn clients(&self, count: usize) -> Outcome<Vec<Client>> {
        let mut connection = Connection::open(self.address).await?;
        let mut clients = Vec::with_capacity(count);
        for number in 0..count {
            let wish = json!({
                "name": format!("Client {number}"),
                "email": format!("client-{number}@bench.test"),
                "rateLimit": 1_000_000_000,
            });
            let request = post("/api/register", &self.admin, "", &wish.to_string());
            let answer = json_of(&mut connection, &request, 201).await?;
            let field = |name: &str| answer[name].as_str().map(str::to_owned).ok_or("half a registration");
            clients.push(Client { id: field("clientId")?, key: field("apiKey")? });
        }
        Ok(clients)
    }

    /// The memory that it has now, in KiB.
    pub fn memory(&self) -> Outcome<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.child.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no memory is stated")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// Waits until everything before is stored, by recording one more event with the wish to wait for
    /// it. Gives how many events it took.
    pub async fn settle(&self, key: &str, row: &Row) -> Outcome<u64> {
        let mut connection = Connection::open(self.address).await?;
        let mut template = Template::logs(key, std::slice::from_ref(row), "prefer: wait=10\r\n");
        let begun = Instant::now();
        let mut sent = 0;
        while begun.elapsed() < DRAIN_PATIENCE {
            template.stamp(&stamp(SystemTime::now()));
            match connection.call(&template.bytes).await?.status {
                201 => return Ok(sent + 1),
                202 => sent += 1,
                status => return Err(format!("an event of its own was answered {status}").into()),
            }
        }
        Err("the backlog is not drained after ten minutes".into())
    }

    /// All events that the server knows of since a day.
    pub async fn total(&self, from: &str) -> Outcome<u64> {
        let mut connection = Connection::open(self.address).await?;
        let mut walk = Walk::daily(&format!("from={from}"));
        let mut total = 0;
        loop {
            let page = json_of(&mut connection, &get(&walk.path, &self.admin), 200).await?;
            total += requests(&page);
            if walk.next(&page) {
                return Ok(total);
            }
        }
    }
}

/// The pages of an answer about days, one after the other.
pub struct Walk {
    first: String,
    /// Path and query of the next page.
    pub path: String,
}

impl Walk {
    /// From the first page on.
    pub fn daily(query: &str) -> Self {
        let first = format!("/api/usage/daily?{query}");
        Self { path: first.clone(), first }
    }

    /// Goes on to the page after this one. After the last it begins anew, and says so.
    pub fn next(&mut self, page: &Value) -> bool {
        let cursor = page["nextCursor"].as_str();
        self.path = cursor.map_or_else(|| self.first.clone(), |c| format!("{}&cursor={c}", self.first));
        cursor.is_none()
    }
}

/// The requests that a page about days counts.
pub fn requests(page: &Value) -> u64 {
    let rows = page["data"].as_array();
    rows.into_iter().flatten().filter_map(|row| row["requestCount"].as_u64()).sum()
}

async fn json_of(connection: &mut Connection, request: &[u8], status: u16) -> Outcome<Value> {
    let response = connection.call(request).await?;
    if response.status != status {
        let body = String::from_utf8_lossy(response.body);
        return Err(format!("answered {} instead of {status}: {body}", response.status).into());
    }
    Ok(serde_json::from_slice(response.body)?)
}
