//! The store that the suite runs on, with what a test does to it. The ports are behind it, whichever store
//! that is, so that no test knows.

mod opened;
mod ports;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use activity_domain::activity::Activity;
use activity_domain::error::StoreError;
use activity_domain::port::{ClientRepo, Read};
use activity_domain::time::Timestamp;
use activity_domain::usage::{LogFilter, LogQuery, MAX_PAGE};
use tokio::sync::watch;

use opened::Opened;

/// An empty store that works, until a test says otherwise.
#[derive(Clone)]
pub struct Store {
    /// Those of `inner`, in somebody's name or not.
    clients: Arc<dyn ClientRepo>,
    inner: Arc<Opened>,
    is_cut_off: Arc<AtomicBool>,
    holds_accounts: watch::Sender<bool>,
}

impl Store {
    pub fn open() -> Self {
        let inner = Arc::new(Opened::by_environment());
        Self {
            clients: inner.clients.clone(),
            inner,
            is_cut_off: Arc::default(),
            holds_accounts: watch::Sender::new(false),
        }
    }

    /// All raw rows with their trails, in order of client, time and id. A test may look even while the store is
    /// cut off.
    pub async fn rows(&self) -> Vec<Activity> {
        let mut query = LogQuery {
            from: Timestamp::EPOCH,
            to: Timestamp::LATEST,
            client: None,
            filter: LogFilter::default(),
            with_audit: true,
            limit: MAX_PAGE,
            after: None,
        };
        let mut rows = Vec::new();
        loop {
            let page = self.inner.usage.activities(&query, Read::Latest).await.unwrap();
            rows.extend(page.rows);
            query.after = page.next;
            if query.after.is_none() {
                rows.sort_by_key(|row| (row.client.clone(), row.at, row.id));
                return rows;
            }
        }
    }

    /// Every call of every port fails as with a server that is down, and changes nothing, until
    /// [`Store::heal`].
    pub fn cut_off(&self) {
        self.is_cut_off.store(true, Ordering::SeqCst);
    }

    /// `account` reads what is there and holds the answer back until [`Store::heal`], as with a slow network.
    pub fn hold_accounts(&self) {
        self.holds_accounts.send_replace(true);
    }

    pub fn heal(&self) {
        self.is_cut_off.store(false, Ordering::SeqCst);
        self.holds_accounts.send_replace(false);
    }

    /// The store itself, for a port.
    fn reach(&self) -> Result<&Opened, StoreError> {
        if self.is_cut_off.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("cut off by a test".to_owned()));
        }
        Ok(&self.inner)
    }

    /// Clients, likewise.
    fn clients(&self) -> Result<&dyn ClientRepo, StoreError> {
        self.reach().map(|_| self.clients.as_ref())
    }

    /// Waits for as long as answers are held back.
    async fn pass(&self) {
        self.holds_accounts.subscribe().wait_for(|holds| !holds).await.unwrap();
    }
}
