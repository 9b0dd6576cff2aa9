//! Leases that were asked for, of which nobody knows whether they were given: a Redis that was silent gives them when nobody
//! waits any more, and until they end nobody else would compute those values.

use std::sync::{Mutex, PoisonError};

use activity_domain::cache::CacheKey;
use activity_domain::error::Degraded;

use super::Shared;
use super::script::Asked;

/// So many are given back. Those that find no room end by themselves.
const MOST: usize = 1_024;

/// Keys and tokens.
#[derive(Default)]
pub(super) struct Doubtful(Mutex<Vec<(CacheKey, String)>>);

impl Shared {
    /// Asks as [`Leases::ask`](super::script::Leases::ask) does.
    pub async fn ask(&self, key: &CacheKey, token: &str, seen: Option<&[u8]>) -> Result<Asked, Degraded> {
        self.doubting(key, token, self.leases.ask(&self.link, key, token, seen)).await
    }

    pub async fn lease(&self, key: &CacheKey, token: &str) -> Result<Asked, Degraded> {
        self.doubting(key, token, self.leases.lease(&self.link, key, token)).await
    }

    async fn doubting(
        &self,
        key: &CacheKey,
        token: &str,
        asked: impl Future<Output = Result<Asked, Degraded>>,
    ) -> Result<Asked, Degraded> {
        let may_be_sent = self.link.contact().is_some();
        let asked = asked.await;
        if asked.is_err() && may_be_sent {
            self.doubt(key, token);
        }
        asked
    }

    /// Notes one.
    pub fn doubt(&self, key: &CacheKey, token: &str) {
        let mut doubtful = self.doubtful.0.lock().unwrap_or_else(PoisonError::into_inner);
        if doubtful.len() < MOST {
            doubtful.push((key.clone(), token.to_owned()));
        }
    }

    /// Gives them back, as far as Redis answers.
    pub async fn give_back_doubtful(&self) {
        while self.link.contact().is_some() {
            let next = self.doubtful.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some((key, token)) = next else { return };
            let released = self.leases.release(&self.link, &key, &token).await;
            // What Redis refuses to take back ends by itself.
            if released.is_err() && self.link.contact().is_none() {
                self.doubt(&key, &token);
                return;
            }
        }
    }
}
