//! What the library is told. Its defaults know no time-out for commands and no bound for its queue, and give up a lost
//! server for good.

use std::time::{Duration, Instant};

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::ClientLike;
use fred::types::Builder;
use fred::types::config::{
    ConnectionConfig, PerformanceConfig, ReconnectError, ReconnectPolicy, TcpConfig, UnresponsiveConfig,
};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{Options, tls};

/// What an answer may take at most, unless told otherwise. Far more than it takes, and little enough to be waited for once.
pub(super) const ANSWER: Duration = Duration::from_millis(100);
/// What connecting may take, and what is asked then.
const CONNECT: Duration = Duration::from_millis(500);
/// Commands that wait to be sent. What is more is refused.
const QUEUE: usize = 8_192;
/// Messages of a subscription that wait for whoever is to read them.
const MESSAGES: usize = 512;
/// The same of what happens to a connection.
const EVENTS: usize = 64;
/// Why Redis is lost that says nothing.
pub(super) const LATE: &str = "no answer in time";

/// How far apart instances connect anew, in milliseconds.
const JITTER: u32 = 20;
/// Before a client that has given up begins again, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A client that has not begun to connect.
pub(super) fn client(options: &Options) -> Result<Client, String> {
    with_messages(options, EVENTS)
}

/// One for subscriptions.
pub(crate) fn subscriber(options: &Options) -> Result<Client, String> {
    with_messages(options, MESSAGES)
}

fn with_messages(options: &Options, messages: usize) -> Result<Client, String> {
    let mut builder = Builder::from_config(options.config()?);
    builder.set_policy(reconnecting());
    builder.set_connection_config(ConnectionConfig {
        connection_timeout: CONNECT,
        internal_command_timeout: CONNECT,
        // What may have run once is not run again: it would count twice.
        max_command_attempts: 1,
        // In a cluster it would send a command again to the server that has just sent it away (`ASK`), and end for good where
        // it does not know the other one. It learns where a slot has gone (`MOVED`) all the same.
        max_redirections: 0,
        max_command_buffer_len: QUEUE,
        // A password may be changed, and a server that has just started may not know its users yet.
        reconnect_on_auth_error: true,
        tcp: TcpConfig { nodelay: Some(true), ..TcpConfig::default() },
        unresponsive: UnresponsiveConfig { max_timeout: Some(CONNECT * 4), interval: CONNECT },
        // A primary that has become a replica says READONLY and keeps its connections.
        reconnect_errors: vec![
            ReconnectError::ClusterDown,
            ReconnectError::Loading,
            ReconnectError::MasterDown,
            ReconnectError::ReadOnly,
        ],
        ..ConnectionConfig::default()
    });
    builder.set_performance_config(PerformanceConfig {
        default_command_timeout: options.patience(),
        broadcast_channel_capacity: messages,
        ..PerformanceConfig::default()
    });
    builder.build().map_err(|error| told(&error))
}

/// Connects a client, and again whenever the library gives up for good, which it does for an error that it takes for final:
/// a server says that it is no cluster. Ends when the client is told to quit.
pub(crate) fn keep_connected(client: Client) -> JoinHandle<()> {
    let mut connection = client.connect();
    tokio::spawn(async move {
        let (least, most) = AGAIN;
        let mut pause = least;
        loop {
            let begun = Instant::now();
            let error = match connection.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) if *error.kind() == ErrorKind::Canceled => return,
                Ok(Err(error)) => told(&error),
                Err(panic) => panic.to_string(),
            };
            pause = if begun.elapsed() > most { least } else { most.min(pause * 2) };
            tracing::debug!(error, ?pause, "the library has given up; connecting to Redis anew");
            sleep(pause).await;
            connection = client.connect();
        }
    })
}

/// Closes the connections of a client that nobody needs any more.
pub(crate) fn quit(client: Client) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move { client.quit().await });
    }
}

/// For ever: after 50 ms, then 100, doubling to a second.
fn reconnecting() -> ReconnectPolicy {
    let mut policy = ReconnectPolicy::new_exponential(0, 50, 1_000, 2);
    policy.set_jitter(JITTER);
    policy
}

/// Whether a server of a cluster has sent a command to another one, or has but some of its keys while they move. It has not
/// run.
pub(super) fn is_sent_away(error: &Error) -> bool {
    let is_redirected = *error.kind() == ErrorKind::Routing && error.details() == "Too many redirections.";
    is_redirected || error.details().starts_with("TRYAGAIN")
}

/// Why a server cannot be reached, where that is known and will not mend itself.
pub(super) fn trouble(error: &Error) -> Option<String> {
    match error.kind() {
        ErrorKind::Auth => Some(told(error)),
        _ => tls::trouble(error.details()).map(str::to_owned),
    }
}

/// An error for people. The library's own words name no secrets, but may name addresses.
pub(super) fn told(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Timeout => LATE.to_owned(),
        ErrorKind::Canceled => "the connection is lost".to_owned(),
        ErrorKind::Backpressure => "too much waits to be sent".to_owned(),
        ErrorKind::Auth => "user or password are wrong".to_owned(),
        kind => format!("{}: {}", kind.to_str(), error.details()),
    }
}
