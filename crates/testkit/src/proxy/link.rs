//! One connection through the proxy.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{net::TcpStream, sync::watch};

use super::{
    Weather,
    pump::{self, Seen},
    trap::{Moment, Sprung, Traps, Watch},
};

/// A client, and what is known about its connection.
pub(super) struct Link {
    client: TcpStream,
    weather: watch::Receiver<Weather>,
    traps: Arc<Traps>,
    /// How often everything had been cut when it came.
    cuts: u64,
}

/// How a connection ends.
enum End {
    /// Both sides have said all that they had to say.
    Closed,
    /// It breaks, for both sides.
    Broken,
}

impl Link {
    pub(super) fn new(client: TcpStream, weather: watch::Receiver<Weather>, traps: Arc<Traps>) -> Self {
        let cuts = weather.borrow().cuts;
        Self { client, weather, traps, cuts }
    }

    /// Connects to the server and forwards until the end.
    pub(super) async fn run(mut self, server: SocketAddr) {
        let mut until_cut = self.weather.clone();
        let cut = until_cut.wait_for(|weather| weather.cuts != self.cuts);
        let mut server_side = None;
        let mut sprung = None;
        let end = tokio::select! {
            _ = cut => End::Broken,
            end = forward(&mut self.client, server, &mut server_side, &mut sprung, &self.weather, &self.traps) => {
                end.unwrap_or(End::Broken)
            }
        };
        if matches!(end, End::Broken) {
            for side in server_side.iter().chain([&self.client]) {
                // Then closing it resets it.
                let _ = side.set_zero_linger();
            }
        }
        drop((self.client, server_side));
        if let Some(sprung) = sprung {
            sprung.tell();
        }
    }
}

/// Forwards in both directions until both are through. The server's side is the caller's, for it to end.
async fn forward(
    client: &mut TcpStream,
    server: SocketAddr,
    server_side: &mut Option<TcpStream>,
    sprung: &mut Option<Sprung>,
    weather: &watch::Receiver<Weather>,
    traps: &Traps,
) -> io::Result<End> {
    let server = server_side.insert(TcpStream::connect(server).await?);
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let caught = AtomicBool::new(false);
    let mut watch = Watch::new(traps);
    // What the client sends.
    let there = pump::pump(from_client, to_server, weather, |bytes| {
        let Some(trap) = watch.see(bytes) else { return Seen::Forward };
        caught.store(true, Ordering::Relaxed);
        match sprung.insert(trap).moment() {
            Moment::Before => Seen::Break,
            // No more comes after that, so the server does what it was told and closes.
            Moment::After => Seen::Last,
        }
    });
    // What the server answers.
    let back = pump::pump(from_server, to_client, weather, |_| {
        if caught.load(Ordering::Relaxed) { Seen::Discard } else { Seen::Forward }
    });
    tokio::try_join!(there, back)?;
    Ok(if caught.into_inner() { End::Broken } else { End::Closed })
}
