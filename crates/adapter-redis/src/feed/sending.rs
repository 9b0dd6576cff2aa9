//! Sends what waits, and a sign of life where nothing does.

use std::sync::Arc;
use std::time::Duration;

use fred::interfaces::PubsubInterface;
use tokio::time::{sleep, timeout};

use super::{Inner, codec};
use crate::link::Link;

/// Between two signs of life.
pub(super) const LIFE: Duration = Duration::from_millis(500);
/// Before what could not be sent is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// Sends for ever, by a sharded channel or a plain one. What is added while a message is on its way goes with the next.
pub(super) async fn run(inner: Arc<Inner>, link: Link, instance: u64, channel: String, is_sharded: bool) {
    loop {
        let parcel = inner.outbox.take();
        let (is_empty, sign) = (parcel.is_empty(), parcel.sign.unwrap_or_else(|| inner.local.sign()));
        // Its age is that of now.
        let now = inner.local.sign();
        let sign = activity_domain::port::Sign { age: now.age, ..sign };
        let sent = match codec::encode(instance, sign, &parcel) {
            Ok(message) => {
                let (channel, message) = (&*channel, message.as_slice());
                link.run(async |client| {
                    if is_sharded {
                        client.spublish::<u64, _, _>(channel, message).await
                    } else {
                        client.publish(channel, message).await
                    }
                })
                .await
            }
            Err(error) => {
                // It would fail again.
                tracing::error!(%error, "a message to other instances cannot be encoded");
                inner.unsent(parcel.len());
                continue;
            }
        };
        if sent.is_err() {
            // Whether it got there is not known. Who has it already passes it over.
            let dropped = inner.outbox.put_back(parcel);
            inner.unsent(dropped);
            sleep(AGAIN).await;
        } else if is_empty {
            let _ = timeout(LIFE, inner.outbox.added()).await;
        }
    }
}
