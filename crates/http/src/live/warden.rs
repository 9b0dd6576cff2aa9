//! Ends streams whose callers may not listen any more: keys that were revoked, clients that were deactivated or
//! erased, tokens that are over, and all of them when the server stops.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use activity_domain::client::Role;
use activity_domain::error::AccessError;
use activity_domain::id::{ClientId, Fingerprint, KeyId};
use activity_domain::port::Clock;
use activity_domain::service::{AUTH_STALE_MAX_SECONDS, Access, AccessWatch, Caller};
use activity_domain::time::Timestamp;
use futures_util::StreamExt;
use futures_util::stream;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::auth::Lasting;

/// Everybody is looked at again so often: what is remembered counts for a while only.
const ROUND: Duration = Duration::from_secs(15);
/// What could not be found out is asked again so much later.
const RETRY: Duration = Duration::from_millis(250);
/// Callers that are looked up at a time.
const AT_ONCE: usize = 8;

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The key was revoked or is over, or the client was erased.
    Revoked,
    /// The client was deactivated.
    Deactivated,
    /// The client's role is another one now, which may see other things.
    OtherRole,
    /// The token or key that it was opened with is over.
    Expired,
    /// Nobody could say for long whether the caller may still listen.
    Unknown,
    /// The server stops.
    Stopping,
}

impl Ending {
    /// For a reader.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Revoked => "the key is not valid any more",
            Self::Deactivated => "this client is deactivated",
            Self::OtherRole => "the client's role has changed",
            Self::Expired => "the token or key is over",
            Self::Unknown => "it cannot be found out at present whether the key is still valid",
            Self::Stopping => "the server is shutting down",
        }
    }
}

/// A key of a client, as a stream came with it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Credential {
    client: ClientId,
    key: KeyId,
    role: Role,
}

struct Watched {
    streams: usize,
    /// When it was last known that it is good.
    good: Instant,
    tell: watch::Sender<Option<Ending>>,
}

/// Looks after all streams of the process.
pub struct Warden {
    access: Arc<Access>,
    clock: Arc<dyn Clock>,
    watched: Mutex<HashMap<Fingerprint, HashMap<Credential, Watched>>>,
    changed: Mutex<HashSet<Fingerprint>>,
    wake: Notify,
    is_closed: AtomicBool,
}

impl AccessWatch for Warden {
    fn changed(&self, client: Option<&Fingerprint>) {
        let watched = self.watched.lock();
        let mut changed = self.changed.lock();
        match client {
            // Most of those that change have no stream.
            Some(client) if !watched.contains_key(client) => return,
            Some(client) => {
                changed.insert(*client);
            }
            None => changed.extend(watched.keys()),
        }
        drop((changed, watched));
        self.wake.notify_one();
    }
}

impl Warden {
    /// Nobody is there yet.
    pub fn new(access: Arc<Access>, clock: Arc<dyn Clock>) -> Self {
        Self {
            access,
            clock,
            watched: Mutex::default(),
            changed: Mutex::default(),
            wake: Notify::new(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Looks after one more stream.
    pub fn admit(self: &Arc<Self>, lasting: &Lasting) -> Guard {
        let Lasting { caller, ends } = lasting;
        let credential =
            Credential { client: caller.client.id.clone(), key: caller.key.clone(), role: caller.role() };
        let client = Fingerprint::of(&credential.client);
        let mut watched = self.watched.lock();
        let entry = watched.entry(client).or_default().entry(credential.clone());
        let entry = entry.or_insert_with(|| Watched {
            streams: 0,
            good: Instant::now(),
            tell: watch::Sender::new(None),
        });
        if !self.is_closed.load(Ordering::SeqCst) && entry.tell.borrow().is_some() {
            // The caller was let in again; those that were ended know.
            entry.tell = watch::Sender::new(None);
        }
        entry.streams += 1;
        let told = entry.tell.subscribe();
        if self.is_closed.load(Ordering::SeqCst) {
            entry.tell.send_replace(Some(Ending::Stopping));
        }
        drop(watched);
        // It may have changed since it was let in.
        self.changed.lock().insert(client);
        self.wake.notify_one();
        Guard { warden: self.clone(), credential, told, ends: ends.map(|at| self.instant(at)) }
    }

    /// Ends all streams, and those that are opened from now on.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        for watched in self.watched.lock().values().flat_map(HashMap::values) {
            watched.tell.send_replace(Some(Ending::Stopping));
        }
    }

    /// Looks after streams for ever: at those of clients that changed at once, at all now and then.
    pub async fn run(&self) {
        let mut round = Instant::now() + ROUND;
        let mut is_again = false;
        loop {
            let wait = if is_again { RETRY } else { ROUND };
            // Woken or not, what is to be looked at is there.
            let _woken = timeout(wait, self.wake.notified()).await;
            if is_again {
                // Whoever wakes it does not make it ask a store that is away more often.
                tokio::time::sleep(RETRY).await;
            }
            let clients = mem::take(&mut *self.changed.lock());
            let is_round = Instant::now() >= round;
            if is_round {
                round = Instant::now() + ROUND;
            }
            let meant = if is_round { self.everybody() } else { self.of(&clients) };
            let unknown = self.look(meant).await;
            is_again = !unknown.is_empty();
            self.changed.lock().extend(unknown);
        }
    }

    fn everybody(&self) -> Vec<(Fingerprint, Credential)> {
        let clients = self.watched.lock().keys().copied().collect();
        self.of(&clients)
    }

    fn of(&self, clients: &HashSet<Fingerprint>) -> Vec<(Fingerprint, Credential)> {
        let watched = self.watched.lock();
        let all = clients.iter().filter_map(|client| Some((client, watched.get(client)?)));
        all.flat_map(|(client, keys)| keys.keys().map(|one| (*client, one.clone()))).collect()
    }

    /// Looks at some callers, and says of which clients nothing could be found out.
    async fn look(&self, meant: Vec<(Fingerprint, Credential)>) -> Vec<Fingerprint> {
        let looks = stream::iter(meant).map(|(client, credential)| async move {
            let answer = self.access.by_token(&credential.client, &credential.key).await;
            (!self.heed(&client, &credential, answer)).then_some(client)
        });
        looks.buffer_unordered(AT_ONCE).filter_map(async |unknown| unknown).collect().await
    }

    /// Tells streams what became of their caller; false if that is not known.
    fn heed(&self, client: &Fingerprint, of: &Credential, answer: Result<Caller, AccessError>) -> bool {
        let mut watched = self.watched.lock();
        let Some(entry) = watched.get_mut(client).and_then(|all| all.get_mut(of)) else { return true };
        let longest = Duration::from_secs(AUTH_STALE_MAX_SECONDS.cast_unsigned());
        let ending = match answer {
            Ok(caller) if caller.role() == of.role => {
                entry.good = Instant::now();
                return true;
            }
            Ok(_) => Ending::OtherRole,
            Err(AccessError::Unknown) => Ending::Revoked,
            Err(AccessError::Deactivated) => Ending::Deactivated,
            Err(AccessError::Store(_)) if entry.good.elapsed() < longest => return false,
            Err(AccessError::Store(_)) => Ending::Unknown,
        };
        entry.tell.send_replace(Some(ending));
        true
    }

    fn instant(&self, at: Timestamp) -> Instant {
        let left = at.as_micros() - self.clock.now().as_micros();
        Instant::now() + Duration::from_micros(left.max(0).cast_unsigned())
    }
}

/// A stream that is looked after, until this is dropped.
pub struct Guard {
    warden: Arc<Warden>,
    credential: Credential,
    told: watch::Receiver<Option<Ending>>,
    ends: Option<Instant>,
}

impl Guard {
    /// Waits until the stream has to end.
    pub async fn ended(&mut self) -> Ending {
        let over = async {
            match self.ends {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            told = self.told.wait_for(Option::is_some) => {
                // The sender goes after all guards.
                told.ok().and_then(|told| *told).unwrap_or(Ending::Stopping)
            }
            () = over => Ending::Expired,
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let client = Fingerprint::of(&self.credential.client);
        let mut watched = self.warden.watched.lock();
        let Some(all) = watched.get_mut(&client) else { return };
        if let Some(entry) = all.get_mut(&self.credential) {
            entry.streams -= 1;
            if entry.streams == 0 {
                all.remove(&self.credential);
            }
        }
        if all.is_empty() {
            watched.remove(&client);
        }
    }
}
