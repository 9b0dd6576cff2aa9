//! Redis is back: it is told what it has to know, and only then believed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use activity_domain::error::Degraded;
use activity_domain::limit::{Held, Subject};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Inner;
use super::heartbeat::Heart;
use crate::link::{Contact, NoAnswer, State};

/// Between two heartbeats.
const BEAT: Duration = Duration::from_secs(1);
/// Before another attempt to tell Redis.
const AGAIN: Duration = Duration::from_millis(50);
/// Subjects that are told about at once.
const AT_ONCE: usize = 64;
/// Of what is moving in a cluster, so much is kept to be told later. Without more, limits hold as without Redis.
const MOVING: usize = 16_384;

/// What Redis has to know about a subject, as it was at an instant.
type Told = (Subject, Vec<Held>, Instant);

struct Returning {
    inner: Arc<Inner>,
    heart: Heart,
    /// The history of data that this instance has told all to.
    history: Option<String>,
    /// What was taken out of the limiter and not brought to Redis.
    left: Vec<Told>,
    /// What could not be brought because its subject moves to another server; everybody else is decided on by Redis.
    moving: VecDeque<Told>,
}

/// Looks after it for ever.
pub(super) async fn run(inner: Arc<Inner>) {
    let mut states = inner.link.states();
    let mut returning =
        Returning { inner, heart: Heart::new(), history: None, left: Vec::new(), moving: VecDeque::new() };
    loop {
        let state = states.borrow_and_update().clone();
        let is_settled = match state {
            State::Up(contact) => returning.meet(contact).await.is_ok(),
            State::Lost(_) => true,
        };
        tokio::select! {
            () = sleep(if is_settled { BEAT } else { AGAIN }) => {}
            changed = states.changed() => if changed.is_err() { return },
        }
    }
}

impl Returning {
    async fn meet(&mut self, contact: Contact) -> Result<(), Degraded> {
        let instances = match self.heart.beat(&self.inner.link, contact.number).await {
            Ok(instances) => instances,
            // As many as before.
            Err(NoAnswer::Moving) => self.inner.instances.load(Ordering::Relaxed),
            Err(NoAnswer::Degraded(degraded)) => return Err(degraded),
        };
        self.inner.instances.store(instances, Ordering::Relaxed);
        self.inner.remote.set_instances(instances);
        let is_new = self.inner.trusted.load(Ordering::Acquire) != contact.number;
        if is_new {
            self.inner.remote.let_go();
        }
        if is_new && self.is_another(&contact) {
            self.bring_all().await?;
        } else {
            self.bring_unknown().await?;
        }
        if is_new {
            self.history.clone_from(&contact.history);
            self.inner.trusted.store(contact.number, Ordering::Release);
            tracing::info!(instances, "limits are shared by Redis");
            // What was admitted between the last look and now.
            self.bring_unknown().await?;
        }
        Ok(())
    }

    /// Whether the data may lack what this instance has told before.
    fn is_another(&self, contact: &Contact) -> bool {
        self.history.is_some() && contact.history.is_some() && self.history != contact.history
    }

    async fn bring_all(&mut self) -> Result<(), Degraded> {
        let (all, unknown) = (self.inner.locals.all.clone(), self.inner.locals.unknown.clone());
        self.left.clear();
        self.moving.clear();
        // It is among all.
        (0..unknown.parts()).for_each(|part| drop(unknown.drain(part)));
        for part in 0..all.parts() {
            self.left.extend(now(all.held(part)));
            self.bring_left().await?;
        }
        Ok(())
    }

    async fn bring_unknown(&mut self) -> Result<(), Degraded> {
        self.left.extend(self.moving.drain(..));
        self.bring_left().await?;
        let unknown = self.inner.locals.unknown.clone();
        for part in 0..unknown.parts() {
            self.left.extend(now(unknown.drain(part)));
            self.bring_left().await?;
        }
        Ok(())
    }

    /// What cannot be brought stays for the next time.
    async fn bring_left(&mut self) -> Result<(), Degraded> {
        while !self.left.is_empty() {
            let rest = self.left.split_off(self.left.len().min(AT_ONCE));
            let mut bringing = JoinSet::new();
            for told in std::mem::replace(&mut self.left, rest) {
                let inner = self.inner.clone();
                bringing.spawn(async move { (bring(&inner, &told).await, told) });
            }
            let mut failed = None;
            while let Some(brought) = bringing.join_next().await {
                match brought {
                    Ok((Err(NoAnswer::Moving), told)) => self.moving.push_back(told),
                    Ok((Err(NoAnswer::Degraded(error)), told)) => {
                        failed = Some(error);
                        self.left.push(told);
                    }
                    Ok((Ok(()), _)) | Err(_) => {}
                }
            }
            let over = self.moving.len().saturating_sub(MOVING);
            self.moving.drain(..over);
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(())
    }
}

async fn bring(inner: &Inner, (subject, held, then): &Told) -> Result<(), NoAnswer> {
    let later = u64::try_from(then.elapsed().as_micros()).unwrap_or(u64::MAX);
    let aged = held.iter().map(|held| Held {
        parts: held.parts.iter().map(|(age, count)| (age.saturating_add(later), *count)).collect(),
        ..held.clone()
    });
    inner.remote.merge(subject, &aged.collect::<Vec<_>>()).await
}

fn now(held: Vec<(Subject, Vec<Held>)>) -> impl Iterator<Item = Told> {
    let now = Instant::now();
    held.into_iter().map(move |(subject, held)| (subject, held, now))
}
