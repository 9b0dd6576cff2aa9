//! Bytes in one direction of a connection.

use std::io;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::tcp::{ReadHalf, WriteHalf},
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::Weather;

/// Bytes that are read at once.
const CHUNK: usize = 16 * 1024;

/// Chunks that are under way at one time. They and no more are kept for a receiver that is slow.
const UNDER_WAY: usize = 32;

/// What to do with bytes that were read.
pub(super) enum Seen {
    Forward,
    /// Forward these, and then it ends as if the sender had said so.
    Last,
    Discard,
    /// Break the connection without forwarding them.
    Break,
}

/// Bytes and when they arrive.
type Chunk = (Instant, Vec<u8>);

/// Forwards until the sender ends, or an error breaks the connection.
pub(super) async fn pump(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    weather: &watch::Receiver<Weather>,
    look: impl FnMut(&[u8]) -> Seen,
) -> io::Result<()> {
    let (send, receive) = mpsc::channel(UNDER_WAY);
    tokio::try_join!(read(from, send, weather, look), write(receive, to, weather.clone()))?;
    Ok(())
}

async fn read(
    mut from: ReadHalf<'_>,
    to: mpsc::Sender<Chunk>,
    weather: &watch::Receiver<Weather>,
    mut look: impl FnMut(&[u8]) -> Seen,
) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK];
    loop {
        let place = to.reserve().await.map_err(io::Error::other)?;
        let size = from.read(&mut bytes).await?;
        if size == 0 {
            return Ok(());
        }
        let send = || place.send((Instant::now() + weather.borrow().delay, bytes[..size].to_vec()));
        match look(&bytes[..size]) {
            Seen::Forward => send(),
            Seen::Last => {
                send();
                return Ok(());
            }
            Seen::Discard => {}
            Seen::Break => return Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
}

async fn write(
    mut from: mpsc::Receiver<Chunk>,
    mut to: WriteHalf<'_>,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    while let Some((arrival, bytes)) = from.recv().await {
        sleep_until(arrival).await;
        clear(&mut weather).await;
        to.write_all(&bytes).await?;
    }
    // Nor is the end of it forwarded while everything is stalled.
    clear(&mut weather).await;
    to.shutdown().await
}

/// Waits while everything is stalled.
async fn clear(weather: &mut watch::Receiver<Weather>) {
    // An error means that the proxy is gone, and this connection will be in a moment.
    let _ = weather.wait_for(|weather| !weather.stalled).await;
}
