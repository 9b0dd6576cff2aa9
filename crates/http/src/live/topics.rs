//! Who is told of what usage is now: computed once for all who listen, when it may have changed, and at most once a
//! second.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use activity_domain::id::ClientId;
use activity_domain::live::{About, Scope};
use activity_domain::port::{Hints, LiveFeed};
use activity_domain::service::Caller;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::snapshots::{Snapshots, Subject};

/// Between two looks at the same thing.
const PAUSE: Duration = Duration::from_secs(1);
/// After a change it is looked at once more: the first look may have been at a replica that was behind.
const AFTER: Duration = Duration::from_secs(3);
/// It changes by time alone, too.
const QUIET: Duration = Duration::from_mins(1);
/// Quotas come back by time; asking for them costs the store nothing.
const QUIET_LIMIT: Duration = Duration::from_secs(5);
/// Looks at a time, of all topics together.
const AT_ONCE: usize = 4;

/// The topics that somebody listens to.
pub struct Topics {
    feed: Arc<dyn LiveFeed>,
    snapshots: Snapshots,
    turns: Arc<Semaphore>,
    open: Arc<Open>,
}

type Open = Mutex<HashMap<Subject, Weak<Topic>>>;

/// What is known of a subject, and who keeps it so. It goes with the last who listens.
struct Topic {
    subject: Subject,
    latest: watch::Receiver<Option<Bytes>>,
    spent: Arc<Notify>,
    keeper: AbortHandle,
    open: Arc<Open>,
}

impl Topics {
    /// Nobody listens yet.
    pub fn new(feed: Arc<dyn LiveFeed>, snapshots: Snapshots) -> Self {
        Self { feed, snapshots, turns: Arc::new(Semaphore::new(AT_ONCE)), open: Arc::default() }
    }

    /// Listens to a subject, as one who may know it.
    pub fn listen(&self, subject: &Subject, caller: &Caller) -> Listener {
        let mut open = self.open.lock();
        let topic = open.get(subject).and_then(Weak::upgrade).unwrap_or_else(|| {
            let topic = self.begin(subject.clone(), caller.clone());
            open.insert(subject.clone(), Arc::downgrade(&topic));
            topic
        });
        drop(open);
        let mut latest = topic.latest.clone();
        // What is known already is news to this one.
        latest.mark_changed();
        Listener { latest, _topic: topic }
    }

    /// A client's quotas were spent here.
    pub fn spent(&self, client: &ClientId) {
        let open = self.open.lock();
        if open.is_empty() {
            return;
        }
        let topic = open.get(&Subject::RateLimit(Scope::Client(client.clone()))).and_then(Weak::upgrade);
        drop(open);
        if let Some(topic) = topic {
            topic.spent.notify_one();
        }
    }

    fn begin(&self, subject: Subject, caller: Caller) -> Arc<Topic> {
        let (sender, latest) = watch::channel(None);
        let about = match &subject {
            Subject::Daily(scope) | Subject::RateLimit(scope) => scope.clone(),
            Subject::Top => Scope::Everybody,
        };
        let spent = Arc::new(Notify::new());
        let keeper = Keeper {
            hints: self.feed.hints(About::Usage(about)),
            quiet: if matches!(subject, Subject::RateLimit(_)) { QUIET_LIMIT } else { QUIET },
            snapshots: self.snapshots.clone(),
            turns: self.turns.clone(),
            spent: spent.clone(),
            subject: subject.clone(),
            caller,
            sender,
        };
        let keeper = tokio::spawn(keeper.keep()).abort_handle();
        Arc::new(Topic { subject, latest, spent, keeper, open: self.open.clone() })
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        self.keeper.abort();
        let mut open = self.open.lock();
        // Another one may have taken its place by now.
        if open.get(&self.subject).is_some_and(|topic| topic.strong_count() == 0) {
            open.remove(&self.subject);
        }
    }
}

/// Keeps a topic up to date.
struct Keeper {
    hints: Box<dyn Hints>,
    quiet: Duration,
    snapshots: Snapshots,
    turns: Arc<Semaphore>,
    spent: Arc<Notify>,
    subject: Subject,
    caller: Caller,
    sender: watch::Sender<Option<Bytes>>,
}

impl Keeper {
    async fn keep(mut self) {
        let mut known = None;
        let mut is_fresh = false;
        loop {
            let looked = Instant::now();
            let turn = self.turns.acquire().await;
            let snapshot = self.snapshots.look(&self.subject, &self.caller).await;
            drop(turn);
            is_fresh |= snapshot.is_none();
            if let Some(snapshot) = snapshot.filter(|now| known.as_ref() != Some(&now.essence)) {
                known = Some(snapshot.essence);
                self.sender.send_replace(Some(snapshot.body));
            }
            sleep_until(looked + PAUSE).await;
            let wait = if is_fresh { AFTER } else { self.quiet };
            let changed = async {
                tokio::select! {
                    goes_on = self.hints.next() => goes_on,
                    () = self.spent.notified() => true,
                }
            };
            match timeout(wait, changed).await {
                Ok(true) => is_fresh = true,
                // The feed is closed: nobody listens for long any more.
                Ok(false) => std::future::pending().await,
                Err(_) => is_fresh = false,
            }
        }
    }
}

/// One who listens to a topic.
pub struct Listener {
    latest: watch::Receiver<Option<Bytes>>,
    _topic: Arc<Topic>,
}

impl Listener {
    /// Waits for how it is now, if that is not known yet or has changed. Of several changes the last one counts.
    /// Nothing is lost if the caller gives up waiting.
    pub async fn next(&mut self) -> Bytes {
        loop {
            if self.latest.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Some(body) = self.latest.borrow_and_update().clone() {
                return body;
            }
        }
    }
}
