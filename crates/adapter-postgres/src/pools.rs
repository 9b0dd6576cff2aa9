//! Connections: bounded in number, and in how long they are waited for and kept busy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use activity_domain::error::StoreError;
use bb8::ErrorSink;
use diesel::ConnectionError;
use diesel::result::Error;
use diesel_async::pooled_connection::bb8::{Pool, PooledConnection, RunError};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError, PoolableConnection, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls, Socket};

use crate::error::out_of_reach;
use crate::options::Server;

/// For a server that is not there; one that is answers in milliseconds.
const CONNECT: Duration = Duration::from_secs(2);
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

/// Connections to one server.
#[derive(Clone)]
pub(crate) struct Connections {
    pool: Pool<AsyncPgConnection>,
    server: Server,
    trouble: Trouble,
}

impl Connections {
    /// Connects to nobody yet.
    pub fn new(server: &Server, size: u32, wait: Duration, work: Work) -> Self {
        let mut config = ManagerConfig::default();
        // The driver notices a closed connection by itself, so that no question need be asked first.
        config.recycling_method = RecyclingMethod::CustomFunction(Box::new(|c: &mut AsyncPgConnection| {
            let is_broken = c.is_broken();
            async move { if is_broken { Err(Error::BrokenTransactionManager) } else { Ok(()) } }.boxed()
        }));
        let target = server.clone();
        config.custom_setup = Box::new(move |_| {
            let target = target.clone();
            async move { connect(&target, work.session()).await }.boxed()
        });
        let trouble = Trouble::default();
        let pool = Pool::builder()
            .max_size(size)
            .connection_timeout(wait)
            .max_lifetime(Some(MAX_LIFETIME))
            .idle_timeout(Some(IDLE))
            .test_on_check_out(true)
            .error_sink(trouble.boxed_clone())
            .build_unchecked(AsyncDieselConnectionManager::new_with_config("", config));
        Self { pool, server: server.clone(), trouble }
    }

    /// A connection, or the reason why there is none within the time.
    pub async fn get(&self) -> Result<PooledConnection<'_, AsyncPgConnection>, StoreError> {
        match self.pool.get().await {
            Ok(connection) => {
                self.trouble.take();
                Ok(connection)
            }
            Err(RunError::TimedOut) => {
                let reason = self.trouble.last().unwrap_or_else(|| "all connections are busy".into());
                Err(out_of_reach(&format_args!("{}: {reason}", self.server)))
            }
            Err(error) => Err(out_of_reach(&format_args!("{}: {error}", self.server))),
        }
    }
}

/// Why the last attempt to connect failed. The pool goes on trying for as long as somebody waits, and then says
/// that the time is over.
#[derive(Debug, Clone, Default)]
struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    fn last(&self) -> Option<String> {
        self.lock().clone()
    }

    fn take(&self) {
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ErrorSink<PoolError> for Trouble {
    fn sink(&self, error: PoolError) {
        *self.lock() = Some(error.to_string());
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<PoolError>> {
        Box::new(self.clone())
    }
}

/// A connection of its own.
pub(crate) async fn connect(server: &Server, session: &str) -> Result<AsyncPgConnection, ConnectionError> {
    let mut config: Config = server.config().clone();
    config.connect_timeout(CONNECT).keepalives_idle(Duration::from_secs(30));
    let mut connection = match server.trust() {
        None => established(&config, NoTls).await?,
        Some(trust) => {
            established(&config, trust.connector().map_err(ConnectionError::BadConnection)?).await?
        }
    };
    connection.batch_execute(session).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

async fn established<T>(config: &Config, tls: T) -> Result<AsyncPgConnection, ConnectionError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let failed = |error: tokio_postgres::Error| ConnectionError::BadConnection(with_cause(&error));
    let (client, connection) = config.connect(tls).await.map_err(failed)?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// The driver's own text leaves out what it was that happened.
fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_cause(cause)),
        None => error.to_string(),
    }
}
