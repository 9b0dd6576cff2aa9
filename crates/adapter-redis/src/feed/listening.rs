//! Hears other instances. This one hears itself too: where that stops, nothing is heard at all, and the library is made
//! to subscribe or to connect anew, for it does not notice by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::Message;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Inner, codec};
use crate::link::{Options, keep_connected, subscriber};

/// Between two looks whether anything is heard.
const LOOK: Duration = Duration::from_millis(250);
/// After so much silence, it subscribes anew ...
const SILENCE: Duration = Duration::from_millis(1_500);
/// ... and after so much, and at most so often, it connects anew.
const LONG_SILENCE: Duration = Duration::from_secs(3);

pub(super) struct Listener {
    inner: Arc<Inner>,
    client: Client,
    connection: JoinHandle<()>,
    instance: u64,
    channel: String,
    is_sharded: bool,
    /// Since when nothing was missed, as far as is known.
    since: Option<Instant>,
    /// When this instance last heard itself, or was made to.
    heard: Instant,
    connected: Instant,
    has_told: bool,
}

impl Listener {
    /// Begins to connect.
    pub fn open(
        inner: Arc<Inner>,
        options: &Options,
        instance: u64,
        channel: String,
    ) -> Result<Self, String> {
        let client = subscriber(options)?;
        let connection = keep_connected(client.clone());
        let (heard, connected) = (Instant::now(), Instant::now());
        Ok(Self {
            inner,
            client,
            connection,
            instance,
            channel,
            is_sharded: options.is_cluster(),
            since: None,
            heard,
            connected,
            has_told: false,
        })
    }

    /// Listens for ever.
    pub async fn run(mut self) {
        let mut messages = self.client.message_rx();
        let mut reconnects = self.client.reconnect_rx();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Ok(message) => self.hear(&message),
                    // Numbers tell what that was.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => messages = self.client.message_rx(),
                },
                _ = reconnects.recv() => self.subscribe().await,
                _ = looks.tick() => self.look().await,
            }
        }
    }

    fn hear(&mut self, message: &Message) {
        let Some(bytes) = message.value.as_bytes() else { return };
        let heard = match codec::decode(bytes) {
            Ok(heard) => heard,
            Err(error) => {
                if !std::mem::replace(&mut self.has_told, true) {
                    tracing::warn!(%error, "other instances say what is not understood; is one of another version?");
                }
                return;
            }
        };
        if heard.instance == self.instance {
            self.heard = Instant::now();
            self.since.get_or_insert(self.heard);
            self.inner.heard.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let is_whole = self.since.is_some_and(|since| heard.sign.age < since.elapsed());
        self.inner.local.take(heard.sign, is_whole, heard.events);
        self.inner.local.hint_here(&heard.hints);
    }

    async fn look(&mut self) {
        let silence = self.heard.elapsed();
        if silence < SILENCE {
            return;
        }
        self.since = None;
        if silence >= LONG_SILENCE && self.connected.elapsed() >= LONG_SILENCE {
            self.connected = Instant::now();
            tracing::warn!("nothing is heard of other instances; connecting to Redis anew");
            // It answers when it is connected again, which may take for ever.
            let _ = timeout(LOOK, self.client.force_reconnection()).await;
        }
        self.subscribe().await;
    }

    async fn subscribe(&mut self) {
        if self.client.is_connected() {
            let channel = &*self.channel;
            // Where it fails, silence goes on and is noticed; and where a cluster gives the channel to another server.
            let _ = timeout(SILENCE, async {
                if self.is_sharded {
                    self.client.ssubscribe(channel).await
                } else {
                    self.client.subscribe(channel).await
                }
            })
            .await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.connection.abort();
        crate::link::quit(self.client.clone());
    }
}
