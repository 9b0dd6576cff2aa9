//! The read end: connections (bb8-redis) to the server that values are read from, a replica as a rule. It may be behind, or
//! away: then the primary is asked.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bb8_redis::bb8::Pool;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::link::Options;
use crate::link::pace::Pace;

mod replica;
mod servers;

use servers::{CONNECT, Servers, Telling, told};

/// Each is used by one question at a time.
const CONNECTIONS: u32 = 8;
/// Between two looks at whether it is back.
const LOOK: Duration = Duration::from_millis(500);
/// A key that nobody has.
const NOTHING: &str = "activity:nothing";

/// Reads values. Clones share it.
#[derive(Clone)]
pub struct Reader(Arc<Inner>);

struct Inner {
    pool: Pool<Servers>,
    pace: Pace,
    /// It is not asked then. Something in the background finds out when it is back.
    is_lost: watch::Sender<bool>,
}

impl Reader {
    /// A read end at a place of its own, or at a replica that Sentinels name. `None` where all there is is the primary.
    /// The error says why TLS will never succeed. Needs a runtime.
    pub fn open(options: &Options, at: Option<(String, u16)>) -> Result<Option<Self>, String> {
        let Some(servers) = Servers::of(options, at)? else { return Ok(None) };
        let patience = options.patience();
        let pool = Pool::builder()
            .max_size(CONNECTIONS)
            .connection_timeout(CONNECT.min(patience))
            .test_on_check_out(false)
            .error_sink(Box::new(Telling::default()))
            .build_unchecked(servers);
        let (pace, is_lost) = (Pace::new(patience), watch::Sender::new(true));
        let inner = Arc::new(Inner { pool, pace, is_lost });
        tokio::spawn(look_for(Arc::downgrade(&inner)));
        Ok(Some(Self(inner)))
    }

    /// The value of a key as far as the server has it; `None` if it does not answer.
    pub async fn get(&self, key: &str) -> Option<Option<Vec<u8>>> {
        let mut lost = self.0.is_lost.subscribe();
        if *lost.borrow_and_update() {
            return None;
        }
        let answer = tokio::select! {
            biased;
            answer = self.0.pace.keep(self.0.ask(key)) => answer,
            // Somebody else has noticed.
            _ = lost.wait_for(|is_lost| *is_lost) => return None,
        };
        match answer.unwrap_or_else(|| Err("no answer in time".to_owned())) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.0.lose(&reason);
                None
            }
        }
    }

    /// Whether it does not answer, as far as is known.
    pub fn is_lost(&self) -> bool {
        *self.0.is_lost.borrow()
    }
}

impl Inner {
    async fn ask(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let mut held = self.pool.get().await.map_err(|error| error.to_string())?;
        // One that is left in the middle of an answer is not used again.
        held.is_broken = true;
        let asked = redis::cmd("GET").arg(key).query_async(&mut held.connection).await;
        let value = asked.map_err(|error| told(&error))?;
        held.is_broken = false;
        Ok(value)
    }

    fn lose(self: &Arc<Self>, reason: &str) {
        if !self.is_lost.send_replace(true) {
            tracing::warn!(reason, "the read end of Redis is lost; values are read from the primary");
            tokio::spawn(look_for(Arc::downgrade(self)));
        }
    }
}

/// Until it answers.
async fn look_for(inner: Weak<Inner>) {
    loop {
        let Some(inner) = inner.upgrade() else { return };
        if let Some(Ok(_)) = inner.pace.keep(inner.ask(NOTHING)).await {
            inner.is_lost.send_replace(false);
            tracing::info!("the read end of Redis answers");
            return;
        }
        drop(inner);
        sleep(LOOK).await;
    }
}
