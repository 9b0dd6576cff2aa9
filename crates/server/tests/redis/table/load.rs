//! Callers that record events and ask for usage all the time, and note when each was answered, and how.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::asking::{Known, Question};
use crate::support::{Account, Node};

/// Callers of each kind on each server: as many as one client may have questions at one time.
const CALLERS: usize = 3;
/// Their pause after each call, so that two cores have time for all of them.
const PAUSE: Duration = Duration::from_millis(10);

/// Callers at work.
pub struct Load {
    stop: watch::Sender<bool>,
    callers: JoinSet<Vec<Call>>,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    pub begun: Instant,
    pub took: Duration,
    /// What was wrong with the answer.
    pub trouble: Option<String>,
}

impl Load {
    /// Starts them: writers of an account that nothing limits, and readers who know what is stored.
    pub fn start(nodes: &[Node], writer: &Account, known: &[Known]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut callers = JoinSet::new();
        for node in nodes {
            for _ in 0..CALLERS {
                callers.spawn(repeat(stopped.clone(), vec![Question::event(node, writer)]));
                let questions = known.iter().map(|known| known.question(node));
                callers.spawn(repeat(stopped.clone(), questions.collect()));
            }
        }
        Self { stop, callers }
    }

    /// Ends them. Returns all calls.
    pub async fn finish(mut self) -> Vec<Call> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        while let Some(calls) = self.callers.join_next().await {
            all.extend(calls.unwrap());
        }
        all
    }
}

/// Asks one after the other until it is told to stop.
async fn repeat(stopped: watch::Receiver<bool>, questions: Vec<Question>) -> Vec<Call> {
    let mut calls = Vec::new();
    for question in questions.iter().cycle() {
        if *stopped.borrow() {
            break;
        }
        let begun = Instant::now();
        let trouble = question.ask().await.err();
        calls.push(Call { begun, took: begun.elapsed(), trouble });
        tokio::time::sleep(PAUSE).await;
    }
    calls
}
