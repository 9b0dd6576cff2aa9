//! Where values are read, and how to get there.

use std::time::Duration;

use bb8_redis::bb8::ManageConnection;
use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{AsyncConnectionConfig, ConnectionAddr, ErrorKind, RedisConnectionInfo, RedisError};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::link::{Login, Options, Place};

/// What connecting may take.
pub(super) const CONNECT: Duration = Duration::from_millis(500);

/// The library's words may hold what was sent.
pub(super) fn told(error: &RedisError) -> String {
    format!("{:?}", error.kind())
}

/// Where values are read.
pub(super) enum Servers {
    One { host: String, port: u16, tls: Option<TlsConnector>, login: Login },
    Replica { sentinels: Vec<(String, u16)>, master_name: String, sentinel_login: Login, login: Login },
}

/// A connection, and whether it is of no use any more.
pub(super) struct Held {
    pub connection: MultiplexedConnection,
    pub is_broken: bool,
}

impl Servers {
    /// `None` where there is only the primary, or no way.
    pub fn of(options: &Options, at: Option<(String, u16)>) -> Result<Option<Self>, String> {
        let (login, tls) = (options.login(), options.tls()?.map(TlsConnector::from));
        if let Some((host, port)) = at {
            return Ok(Some(Self::One { host, port, tls, login }));
        }
        Ok(match options.place() {
            Place::Sentinel { hosts, master_name, login: sentinel_login } if tls.is_none() => {
                Some(Self::Replica { sentinels: hosts, master_name, sentinel_login, login })
            }
            Place::Sentinel { .. } | Place::Elsewhere => None,
        })
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        match self {
            Self::One { host, port, tls, login } => one(host, *port, tls.as_ref(), login).await,
            Self::Replica { sentinels, master_name, sentinel_login, login } => {
                let places = sentinels.iter().map(|(host, port)| ConnectionAddr::Tcp(host.clone(), *port));
                let mut builder =
                    SentinelClientBuilder::new(places, master_name.clone(), SentinelServerType::Replica)?;
                if let Some(user) = &login.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = &login.password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if let Some(user) = &sentinel_login.user {
                    builder = builder.set_client_to_sentinel_username(user);
                }
                if let Some(password) = &sentinel_login.password {
                    builder = builder.set_client_to_sentinel_password(password);
                }
                builder = builder.set_client_to_redis_db(login.database.into());
                builder.build()?.get_async_connection().await
            }
        }
    }
}

/// A connection to one server. The library has TLS too, but takes authorities and ciphers from elsewhere.
async fn one(
    host: &str,
    port: u16,
    tls: Option<&TlsConnector>,
    login: &Login,
) -> Result<MultiplexedConnection, RedisError> {
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
