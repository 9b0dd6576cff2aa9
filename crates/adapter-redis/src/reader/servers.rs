//! Where values are read, and how to get there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bb8_redis::bb8::{ErrorSink, ManageConnection};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::replica::{self, Watchers};
use crate::link::{Login, Options, Place, tls_trouble};

/// What connecting may take.
pub(super) const CONNECT: Duration = Duration::from_millis(500);

/// The library's words may hold what was sent; those of a handshake do not.
pub(super) fn told(error: &RedisError) -> String {
    let trouble = (error.kind() == ErrorKind::Io).then(|| tls_trouble(&error.to_string())).flatten();
    trouble.map_or_else(|| format!("{:?}", error.kind()), str::to_owned)
}

/// How to get in, wherever it is.
#[derive(Clone)]
pub(super) struct Way {
    pub tls: Option<TlsConnector>,
    pub login: Login,
}

/// Where values are read.
pub(super) struct Servers {
    place: At,
    way: Way,
}

enum At {
    One(String, u16),
    Replica(Watchers),
}

/// A connection, and whether it is of no use any more.
pub(super) struct Held {
    pub connection: MultiplexedConnection,
    pub is_broken: bool,
}

impl Servers {
    /// `None` where there is only the primary.
    pub fn of(options: &Options, at: Option<(String, u16)>) -> Result<Option<Self>, String> {
        let way = Way { tls: options.tls()?.map(TlsConnector::from), login: options.login() };
        let place = match (at, options.place()) {
            (Some((host, port)), _) => At::One(host, port),
            (None, Place::Sentinel { hosts, master_name, login }) => {
                At::Replica(Watchers { hosts, master_name, login })
            }
            (None, Place::Elsewhere) => return Ok(None),
        };
        Ok(Some(Self { place, way }))
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        match &self.place {
            At::One(host, port) => one(host, *port, &self.way).await,
            At::Replica(watchers) => replica::connection(watchers, &self.way).await,
        }
    }
}

/// A connection to one server. The library has TLS too, but takes authorities and ciphers from elsewhere.
pub(super) async fn one(host: &str, port: u16, way: &Way) -> Result<MultiplexedConnection, RedisError> {
    let Way { tls, login } = way;
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return over(stream, login).await };
    let bad = |_| RedisError::from((ErrorKind::InvalidClientConfig, "no name of a server"));
    let name = ServerName::try_from(host.to_owned()).map_err(bad)?;
    over(tls.connect(name, stream).await?, login).await
}

/// Its work goes on in the background until it is dropped.
async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    login: &Login,
) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::default();
    let (connection, work) = MultiplexedConnection::new_with_config(&settings(login), stream, config).await?;
    tokio::spawn(work);
    Ok(connection)
}

fn settings(login: &Login) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_db(login.database.into());
    if let Some(user) = &login.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password);
    }
    settings
}

/// Says why there is no connection: each reason once, until another comes.
#[derive(Debug, Clone, Default)]
pub(super) struct Telling(Arc<Mutex<String>>);

impl ErrorSink<RedisError> for Telling {
    fn sink(&self, error: RedisError) {
        let reason = told(&error);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != reason {
            tracing::warn!(reason, "the read end of Redis cannot be reached");
            *last = reason;
        }
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<RedisError>> {
        Box::new(self.clone())
    }
}

impl ManageConnection for Servers {
    type Connection = Held;
    type Error = RedisError;

    async fn connect(&self) -> Result<Held, RedisError> {
        let connected = timeout(CONNECT, self.connection()).await;
        let slow = || RedisError::from((ErrorKind::Io, "no connection in time"));
        Ok(Held { connection: connected.map_err(|_| slow())??, is_broken: false })
    }

    async fn is_valid(&self, _: &mut Held) -> Result<(), RedisError> {
        Ok(())
    }

    fn has_broken(&self, held: &mut Held) -> bool {
        held.is_broken
    }
}
