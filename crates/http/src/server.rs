//! Sockets, limits and time-outs.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::Server;
use actix_web::web::Data;
use rustls::ServerConfig as TlsConfig;
use socket2::SockRef;

use crate::app::{Services, app};
use crate::memory::BodyMemory;
use crate::turns::Turns;

/// Time for a request's headers to arrive.
const HEADERS_DEADLINE: Duration = Duration::from_secs(5);
/// Time for TLS to be agreed upon.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
/// An idle connection is kept so long.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Connections per worker thread; more wait in the backlog.
const MAX_CONNECTIONS: usize = 12_500;

/// A peer that takes nothing of what it is sent for so long is cut off.
const STALLED: Duration = Duration::from_secs(30);
/// What may wait in the system to be sent on a connection, in bytes. More would only grow old there.
const UNSENT: u32 = 64 << 10;
/// What may wait here for that, in bytes, before a body is asked for more of itself.
const UNWRITTEN: usize = 8 << 10;

/// How the server is run.
#[derive(Debug, Clone, Copy)]
pub struct ServerConfig {
    /// Threads that serve requests.
    pub workers: usize,
    /// How long a stop waits for requests in flight, in seconds.
    pub grace_seconds: u64,
}

/// Starts serving on a socket. The future ends when the server has been stopped through its handle.
pub fn serve(services: Services, listener: TcpListener, config: ServerConfig) -> std::io::Result<Server> {
    serve_by(None, services, listener, config)
}

/// The same by TLS, if it is given how.
pub fn serve_by(
    tls: Option<TlsConfig>,
    services: Services,
    listener: TcpListener,
    config: ServerConfig,
) -> std::io::Result<Server> {
    let live = services.live.clone();
    // It ends with the process: whoever may not listen is to be found out to the last.
    tokio::spawn(async move { live.warden.run().await });
    listen_patiently(&listener)?;
    // One of each for all workers.
    let bodies = Data::new(BodyMemory::default());
    let turns = Data::new(Turns::default());
    let server =
        HttpServer::new(move || app(services.clone()).app_data(bodies.clone()).app_data(turns.clone()))
            .workers(config.workers)
            .max_connections(MAX_CONNECTIONS)
            .client_request_timeout(HEADERS_DEADLINE)
            .tls_handshake_timeout(HANDSHAKE_DEADLINE)
            .client_disconnect_timeout(Duration::from_secs(1))
            .keep_alive(KEEP_ALIVE)
            .h1_write_buffer_size(UNWRITTEN)
            .shutdown_timeout(config.grace_seconds)
            .disable_signals();
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

/// Bounds that connections take over from the socket which they are accepted by. What Actix has written it never
/// gives up waiting for.
fn listen_patiently(listener: &TcpListener) -> std::io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_tcp_user_timeout(Some(STALLED))?;
    socket.set_tcp_notsent_lowat(UNSENT)
}
