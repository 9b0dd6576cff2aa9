//! Connections: bounded in number, and in how long they are waited for and kept busy.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use activity_domain::error::StoreError;
use diesel::ConnectionError;
use diesel::result::Error;
use diesel_async::pooled_connection::bb8::{Pool, PooledConnection, RunError};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls, Socket};

use crate::ailment::Ailment;
use crate::breaker::Breaker;
use crate::error::out_of_reach;
use crate::options::Server;

/// For a server that is not there; one that is answers in milliseconds.
const CONNECT: Duration = Duration::from_secs(2);
/// For one that takes the connection and then says nothing.
const GREETING: Duration = Duration::from_secs(5);
/// So that a change of addresses, or of what a server is, is noticed in the end.
const MAX_LIFETIME: Duration = Duration::from_mins(30);
const IDLE: Duration = Duration::from_mins(5);

/// What a connection is for. The server itself puts an end to what takes too long, unless a statement says
/// otherwise. `UTC` and `UTF8` are set by diesel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// Somebody waits for the answer.
    Reading,
    /// What is written comes again if it fails.
    Writing,
}

impl Work {
    const fn session(self) -> &'static str {
        match self {
            Self::Reading => {
                "SET statement_timeout = '10s'; SET lock_timeout = '800ms'; \
                 SET idle_in_transaction_session_timeout = '30s'; \
                 SET application_name = 'activity-tracker reading'"
            }
            Self::Writing => {
                "SET statement_timeout = '10s'; SET lock_timeout = '3s'; \
                 SET idle_in_transaction_session_timeout = '30s'; \
                 SET application_name = 'activity-tracker writing'"
            }
        }
    }
}

/// How a pool does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolState {
    /// What it is for: `write` or `read`.
    pub name: &'static str,
    /// The most connections that it may have.
    pub size: u32,
    /// Those that somebody works with.
    pub busy: u32,
    /// Those that nobody does.
    pub idle: u32,
    /// How often somebody waited for one and got none, since the start.
    pub timeouts: u64,
    /// How long connections were waited for, since the start.
    pub waited: Duration,
}

/// Connections to one server.
#[derive(Clone)]
pub(crate) struct Connections {
    pool: Pool<AsyncPgConnection>,
    size: u32,
    server: Server,
    trouble: Trouble,
    /// Before which nobody waits for a connection.
    breaker: Option<Breaker>,
}

impl Connections {
    /// Connects to nobody yet.
    pub fn new(server: &Server, size: u32, wait: Duration, work: Work) -> Self {
        Self::telling(server, size, wait, work, None)
    }

    /// To a primary, whose breaker hears how attempts to connect end.
    pub fn to_primary(server: &Server, size: u32, wait: Duration, work: Work, breaker: &Breaker) -> Self {
        Self::telling(server, size, wait, work, Some(breaker))
    }

    /// The same, for those who do not wait while the breaker is open.
    #[must_use]
    pub fn refused_by(self, breaker: &Breaker) -> Self {
        Self { breaker: Some(breaker.clone()), ..self }
    }

    fn telling(server: &Server, size: u32, wait: Duration, work: Work, breaker: Option<&Breaker>) -> Self {
        let mut config = ManagerConfig::default();
        // The driver notices a closed connection by itself, so that no question need be asked first.
        config.recycling_method = RecyclingMethod::CustomFunction(Box::new(|c: &mut AsyncPgConnection| {
            let is_broken = c.is_broken();
            async move { if is_broken { Err(Error::BrokenTransactionManager) } else { Ok(()) } }.boxed()
        }));
        let (trouble, target) = (Trouble::default(), server.clone());
        let (noted, told) = (trouble.clone(), breaker.cloned());
        config.custom_setup = Box::new(move |_| {
            let (target, noted, told) = (target.clone(), noted.clone(), told.clone());
            async move {
                let connected = match &told {
                    Some(breaker) => breaker.connect(work.session()).await,
                    None => connect(&target, work.session()).await,
                };
                connected.map_err(|error| {
                    let told = ConnectionError::BadConnection(error.reason.clone());
                    noted.note(error);
                    told
                })
            }
            .boxed()
        });
        let pool = Pool::builder()
            .max_size(size)
            .connection_timeout(wait)
            .max_lifetime(Some(MAX_LIFETIME))
            .idle_timeout(Some(IDLE))
            .test_on_check_out(true)
            .build_unchecked(AsyncDieselConnectionManager::new_with_config("", config));
        Self { pool, size, server: server.clone(), trouble, breaker: None }
    }

    /// A connection, or the reason why there is none within the time.
    pub async fn get(&self) -> Result<PooledConnection<'_, AsyncPgConnection>, StoreError> {
        let Some(breaker) = &self.breaker else { return self.wait().await };
        let has_connections = || self.pool.state().connections > 0;
        tokio::select! {
            biased;
            trouble = breaker.refusal(has_connections) => {
                Err(out_of_reach(&format_args!("{}: {trouble}", self.server)))
            }
            connection = self.wait() => connection,
        }
    }

    async fn wait(&self) -> Result<PooledConnection<'_, AsyncPgConnection>, StoreError> {
        match self.pool.get().await {
            Ok(connection) => {
                self.trouble.take();
                Ok(connection)
            }
            Err(RunError::TimedOut) => {
                let reason = self.trouble.last().map(|trouble| trouble.reason);
                let reason = reason.unwrap_or_else(|| "all connections are busy".into());
                Err(out_of_reach(&format_args!("{}: {reason}", self.server)))
            }
            Err(error) => Err(out_of_reach(&format_args!("{}: {error}", self.server))),
        }
    }

    /// How it does.
    pub fn state(&self, name: &'static str) -> PoolState {
        let state = self.pool.state();
        PoolState {
            name,
            size: self.size,
            busy: state.connections.saturating_sub(state.idle_connections),
            idle: state.idle_connections,
            timeouts: state.statistics.get_timed_out,
            waited: state.statistics.get_wait_time,
        }
    }

    /// What was wrong when there was no connection to be had.
    pub fn ailment(&self) -> Ailment {
        self.trouble.last().map_or(Ailment::Silent, |trouble| trouble.ailment)
    }
}

/// Why there is no connection.
#[derive(Debug, Clone)]
pub(crate) struct NotConnected {
    /// For everybody.
    pub ailment: Ailment,
    /// For the log.
    pub reason: String,
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<ConnectionError> for NotConnected {
    fn from(error: ConnectionError) -> Self {
        Self { ailment: Ailment::Away, reason: error.to_string() }
    }
}

/// Why the last attempt to connect failed. The pool goes on trying for as long as somebody waits, and then says
/// that the time is over.
#[derive(Debug, Clone, Default)]
struct Trouble(Arc<Mutex<Option<NotConnected>>>);

impl Trouble {
    fn last(&self) -> Option<NotConnected> {
        self.lock().clone()
    }

    fn note(&self, error: NotConnected) {
        *self.lock() = Some(error);
    }

    fn take(&self) {
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<NotConnected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of its own, within a few seconds.
pub(crate) async fn connect(server: &Server, session: &str) -> Result<AsyncPgConnection, NotConnected> {
    let silent = |_| NotConnected {
        ailment: Ailment::Silent,
        reason: format!("no answer within {} seconds", GREETING.as_secs()),
    };
    timeout(GREETING, connect_in_time(server, session)).await.map_err(silent)?
}

async fn connect_in_time(server: &Server, session: &str) -> Result<AsyncPgConnection, NotConnected> {
    let mut config: Config = server.config().clone();
    config.connect_timeout(CONNECT).keepalives_idle(Duration::from_secs(30));
    let mut connection = match server.trust() {
        None => established(&config, NoTls).await?,
        Some(trust) => {
            let untrusted = |reason| NotConnected { ailment: Ailment::Away, reason };
            established(&config, trust.connector().map_err(untrusted)?).await?
        }
    };
    connection.batch_execute(session).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

async fn established<T>(config: &Config, tls: T) -> Result<AsyncPgConnection, NotConnected>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let failed = |error: tokio_postgres::Error| NotConnected {
        ailment: Ailment::of(&error),
        reason: with_cause(&error),
    };
    let (client, connection) = config.connect(tls).await.map_err(failed)?;
    Ok(AsyncPgConnection::try_from_client_and_connection(client, connection).await?)
}

/// The driver's own text leaves out what it was that happened.
fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_cause(cause)),
        None => error.to_string(),
    }
}
