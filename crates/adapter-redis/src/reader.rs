//! The read end: connections (bb8-redis) to the server that values are read from, a replica as a rule. It may be behind, or
//! away: then the primary is asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bb8_redis::RedisConnectionManager;
use bb8_redis::bb8::{ManageConnection, Pool};
use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError};
use tokio::time::{sleep, timeout};

use crate::link::{Login, Options, Place};

/// Each is used by one question at a time.
const CONNECTIONS: u32 = 8;
/// What connecting may take.
const CONNECT: Duration = Duration::from_millis(500);
/// Between two looks at whether it is back.
const LOOK: Duration = Duration::from_millis(500);
/// A key that nobody has.
const NOTHING: &str = "activity:nothing";

/// Reads values. Clones share it.
#[derive(Clone)]
pub struct Reader(Arc<Inner>);

struct Inner {
    pool: Pool<Servers>,
    patience: Duration,
    /// It is not asked then. Something in the background finds out when it is back.
    is_lost: AtomicBool,
}

impl Reader {
    /// A read end at a place of its own, or at a replica that Sentinels name. `None` where all there is is the primary,
    /// and with TLS, which the read end does not speak. Needs a runtime.
    pub fn open(options: &Options, at: Option<(String, u16)>) -> Option<Self> {
        let servers = Servers::of(options, at)?;
        let patience = options.patience();
        let pool = Pool::builder()
            .max_size(CONNECTIONS)
            .connection_timeout(CONNECT.min(patience))
            .test_on_check_out(false)
            .build_unchecked(servers);
        let inner = Arc::new(Inner { pool, patience, is_lost: AtomicBool::new(true) });
        tokio::spawn(look_for(Arc::downgrade(&inner)));
        Some(Self(inner))
    }

    /// The value of a key as far as the server has it; `None` if it does not answer.
    pub async fn get(&self, key: &str) -> Option<Option<Vec<u8>>> {
        if self.is_lost() {
            return None;
        }
        match self.0.ask(key).await {
            Ok(value) => Some(value),
            Err(reason) => {
                self.0.lose(&reason);
                None
            }
        }
    }

    /// Whether it does not answer, as far as is known.
    pub fn is_lost(&self) -> bool {
        self.0.is_lost.load(Ordering::Relaxed)
    }
}

impl Inner {
    async fn ask(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let work = async {
            let mut held = self.pool.get().await.map_err(|error| error.to_string())?;
            // One that is left in the middle of an answer is not used again.
            held.is_broken = true;
            let asked = redis::cmd("GET").arg(key).query_async(&mut held.connection).await;
            let value = asked.map_err(|error| told(&error))?;
            held.is_broken = false;
            Ok(value)
        };
        timeout(self.patience, work).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    fn lose(self: &Arc<Self>, reason: &str) {
        if !self.is_lost.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "the read end of Redis is lost; values are read from the primary");
            tokio::spawn(look_for(Arc::downgrade(self)));
        }
    }
}

/// Until it answers.
async fn look_for(inner: Weak<Inner>) {
    loop {
        let Some(inner) = inner.upgrade() else { return };
        if inner.ask(NOTHING).await.is_ok() {
            inner.is_lost.store(false, Ordering::Relaxed);
            tracing::info!("the read end of Redis answers");
            return;
        }
        drop(inner);
        sleep(LOOK).await;
    }
}

/// The library's words may hold what was sent.
fn told(error: &RedisError) -> String {
    format!("{:?}", error.kind())
}

/// Where values are read.
enum Servers {
    One(RedisConnectionManager),
    Replica { sentinels: Vec<(String, u16)>, master_name: String, sentinel_login: Login, login: Login },
}

/// A connection, and whether it is of no use any more.
struct Held {
    connection: MultiplexedConnection,
    is_broken: bool,
}

impl Servers {
    fn of(options: &Options, at: Option<(String, u16)>) -> Option<Self> {
        if options.has_tls() {
            return None;
        }
        let login = options.login();
        if let Some(at) = at {
            let place = at.into_connection_info().ok()?.set_redis_settings(settings(&login));
            return RedisConnectionManager::new(place).ok().map(Self::One);
        }
        let Place::Sentinel { hosts, master_name, login: sentinel_login } = options.place() else {
            return None;
        };
        Some(Self::Replica { sentinels: hosts, master_name, sentinel_login, login })
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        match self {
            Self::One(manager) => manager.connect().await,
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
