//! Adapters to ports: what is behind each port is decided here, by the configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use activity_domain::client::{Client, ClientLimits, ClientName, RateLimit, Role};
use activity_domain::error::Invalid;
use activity_domain::id::ClientId;
use activity_domain::port::{Clock, LiveFeed, Recorder};
use activity_domain::service::{
    Access, Accounts, Acts, Clients, LimitPolicy, Limits, RegistrationMode, Usage,
};
use activity_http::app::Services;
use activity_http::live::Live;
use activity_http::operations::{EventsPolicy, Metrics};
use activity_http::peer::TrustedProxies;
use activity_http::ticket::Tickets;
use activity_http::token::Tokens;
use activity_ingest::disk::RealDisk;
use activity_ingest::{DrainConfig, OpenError, Spool, SpoolConfig};
use actix_web::web::Data;

pub use self::caching::{Caching, Far, cached, far};
pub use self::feeding::{feed, telling};
pub use self::fingerprints::of as fingerprints;
pub use self::limiting::{ByRedis, Limiting, limiting};
pub use self::measuring::Measuring;
pub use self::sealing::addresses;
pub use self::storage::{Storage, database_file, same_schema, storage};
use crate::config::{CorsOrigins, Registration, Settings};
use crate::secrets::Secrets;
use crate::system::{OsRandomness, SystemClock};

mod caching;
mod feeding;
mod fingerprints;
mod limiting;
mod measuring;
mod sealing;
mod storage;

/// Open registrations from one network: enough for an office that starts, too few to fill a store.
const REGISTRATIONS_PER_HOUR: i64 = 20;
/// Failed authentications from one network: enough for clumsy hands, too few for guessing.
const FAILURES_PER_MINUTE: i64 = 60;

/// Where the spool is. Who holds it holds the data folder.
pub fn spool_folder(settings: &Settings) -> PathBuf {
    settings.data_dir.join("spool")
}

/// Where a running server leaves its address for this program's other subcommands.
pub fn url_file(settings: &Settings) -> PathBuf {
    settings.data_dir.join("server.url")
}

/// Opens the spool.
pub fn spool(settings: &Settings) -> Result<Spool, OpenError> {
    let config = SpoolConfig { folder: spool_folder(settings), max_bytes: settings.spool_max_bytes };
    Spool::open(&config, Arc::new(RealDisk), &OsRandomness)
}

/// What a standby of the database may lack of the newest commits when it is promoted.
const KEEP: Duration = Duration::from_mins(15);

/// How long a segment of the spool is kept after the store has it. The embedded store loses no commit, so
/// it needs none of that; one that promotes asynchronous standbys does.
pub fn keep(settings: &Settings) -> Duration {
    if settings.database.is_some() { KEEP } else { Duration::ZERO }
}

/// When and how the spool is drained.
pub fn draining(settings: &Settings) -> DrainConfig {
    DrainConfig::new(settings.log_batch_size, settings.log_batch_interval).keeping(keep(settings))
}

/// Where events go.
pub struct Intake {
    /// What makes them durable.
    pub recorder: Arc<dyn Recorder>,
    /// What tells readers of them.
    pub feed: Arc<dyn LiveFeed>,
}

/// The use cases over those ports, as the HTTP crate takes them.
pub fn services(
    settings: &Settings,
    secrets: &Secrets,
    storage: &Storage,
    caching: &Caching,
    limiting: &Limiting,
    intake: Intake,
    measuring: Measuring,
) -> Result<Services, Invalid> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mode = match settings.registration {
        Registration::Open => RegistrationMode::Open,
        Registration::Admin => RegistrationMode::Admin,
    };
    let clients = Clients::new(
        storage.clients.clone(),
        clock.clone(),
        Arc::new(OsRandomness),
        mode,
        settings.api_rate_limit,
    );
    let policy = LimitPolicy {
        window: settings.api_rate_limit_window,
        reads_per_minute: settings.api_read_rate_limit,
        registrations_per_hour: RateLimit::parse(REGISTRATIONS_PER_HOUR)?,
        failures_per_minute: RateLimit::parse(FAILURES_PER_MINUTE)?,
    };
    let limits = Arc::new(Limits::new(limiting.limiter.clone(), policy));
    let access = Access::new(storage.clients.clone(), clock.clone());
    let access = Arc::new(access.with_root(root(settings, clock.as_ref())?, &secrets.admin));
    let accounts =
        Accounts::new(storage.clients.clone(), access.clone(), clock.clone(), Arc::new(OsRandomness))
            .beside(caching.cache.clone());
    let usage = Arc::new(Usage::new(storage.usage.clone(), storage.clients.clone()));
    let Intake { recorder, feed } = intake;
    let live = Live::new(
        feed.clone(),
        access.clone(),
        usage.clone(),
        limits.clone(),
        clock.clone(),
        settings.streams,
    );
    let jwt = secrets.jwt.reveal().as_bytes();
    let (live, limits) = (Data::new(live), Data::from(limits));
    let (watch, health) = (Data::new(measuring.watch()), Data::new(measuring.health.clone()));
    let metrics = Metrics {
        measured: Arc::new(measuring.sources(storage, caching, limiting, (&watch, &live, &limits), feed)),
        token: settings.metrics_token.as_ref().map(|token| token.reveal().into()),
    };
    Ok(Services {
        access: Data::from(access),
        clients: Data::new(clients),
        accounts: Data::new(accounts),
        acts: Data::new(Acts::new(storage.acts.clone(), clock.clone())),
        usage: Data::from(usage),
        cache: Data::new(caching.cache.clone()),
        prewarm: Data::from(caching.prewarm.clone()),
        recorder: Data::new(recorder),
        tokens: Data::new(Tokens::new(jwt, settings.jwt_expires_in)),
        tickets: Data::new(Tickets::new(jwt)),
        used_tickets: Data::new(storage.tickets.clone()),
        live,
        clock: Data::new(clock.clone()),
        events: EventsPolicy {
            ages: settings.age_policy,
            clock,
            audit: sealing::audit(settings, &secrets.encryption),
            addresses: addresses(settings, &secrets.encryption),
        },
        limits,
        proxies: TrustedProxies(settings.trusted_proxies.clone().into()),
        health,
        watch,
        metrics: Data::new(metrics),
        cors_origins: match &settings.cors_origin {
            CorsOrigins::Any => Arc::new(["*".to_owned()]),
            CorsOrigins::Exact(origins) => origins.clone().into(),
        },
        pages: |config| activity_dashboard::mount(config, activity_http::watch::counted),
    })
}

/// The admin who is configured and not stored.
pub fn root(settings: &Settings, clock: &dyn Clock) -> Result<Client, Invalid> {
    Ok(Client {
        id: ClientId::parse("CL-admin")?,
        name: ClientName::parse("admin")?,
        email: None,
        role: Role::Admin,
        rate_limit: settings.api_rate_limit,
        limits: ClientLimits::default(),
        is_active: true,
        created_at: clock.now(),
    })
}
