//! Readers that ask for as long as they may, and note how they were answered.

use std::time::{Duration, Instant};

use reqwest::{Response, StatusCode};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::{Account, Node};

/// Questions of one client that are answered at one time; more would wait, and not for the database.
pub const TURNS: usize = 3;
/// Between two questions of a reader.
const PAUSE: Duration = Duration::from_millis(10);
/// What a client asks.
const QUESTIONS: [&str; 3] =
    ["/api/usage/daily?days=7", "/api/usage/endpoints?limit=20", "/api/logs?limit=5"];

/// Readers at work.
pub struct Readers {
    stop: watch::Sender<bool>,
    readers: JoinSet<Seen>,
}

/// How questions were answered.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// With 200.
    pub answered: u64,
    /// With a 503 that says when to come again.
    pub refused: u64,
    /// In any other way, of which one is shown.
    pub failed: u64,
    pub such_as: Option<String>,
    /// The longest time that one took.
    pub slowest: Duration,
}

impl Readers {
    /// Starts them on a node: as many for each client as have their turn at one time.
    pub fn start(node: &Node, accounts: &[Account]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut readers = JoinSet::new();
        for number in 0..TURNS * accounts.len() {
            let key = accounts[number % accounts.len()].key.clone();
            let (http, stopped) = (node.http.clone(), stopped.clone());
            let urls = QUESTIONS.map(|question| node.at(question));
            readers.spawn(async move {
                let mut seen = Seen::default();
                for url in urls.iter().cycle().skip(number) {
                    if *stopped.borrow() {
                        break;
                    }
                    let begun = Instant::now();
                    let answer = http.get(url).header("x-api-key", &key).send().await;
                    seen.note(answer).await;
                    seen.slowest = seen.slowest.max(begun.elapsed());
                    tokio::time::sleep(PAUSE).await;
                }
                seen
            });
        }
        Self { stop, readers }
    }

    /// Ends them when their questions are answered.
    pub async fn finish(mut self) -> Seen {
        self.stop.send_replace(true);
        let mut all = Seen::default();
        while let Some(seen) = self.readers.join_next().await {
            let seen = seen.unwrap();
            all.answered += seen.answered;
            all.refused += seen.refused;
            all.failed += seen.failed;
            all.such_as = all.such_as.or(seen.such_as);
            all.slowest = all.slowest.max(seen.slowest);
        }
        all
    }
}

impl Seen {
    async fn note(&mut self, answer: reqwest::Result<Response>) {
        let (status, comes_again, text) = match answer {
            Ok(answer) => {
                let header = |name: &str| answer.headers().get(name).cloned();
                let is_problem =
                    header("content-type").is_some_and(|kind| kind == "application/problem+json");
                let comes_again = is_problem && header("retry-after").is_some();
                (answer.status(), comes_again, answer.text().await.unwrap_or_default())
            }
            Err(error) => (StatusCode::IM_A_TEAPOT, false, error.to_string()),
        };
        match status {
            StatusCode::OK => self.answered += 1,
            StatusCode::SERVICE_UNAVAILABLE if comes_again => self.refused += 1,
            _ => {
                self.failed += 1;
                self.such_as = Some(format!("{status}: {text}"));
            }
        }
    }
}
