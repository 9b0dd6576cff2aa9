//! `serve`: start, run until told to stop, stop in order.

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use activity_adapter_postgres::PostgresStore;
use activity_domain::live::FeedCounts;
use activity_domain::port::Clock;
use activity_http::door::Door;
use activity_http::server::{ServerConfig, serve_by};
use activity_ingest::{Drainer, Spool, Totals};
use actix_web::dev::ServerHandle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Host, Settings};
use crate::health::NodeHealth;
use crate::system::{OsRandomness, SystemClock, TokioBackground};
use crate::traces::Traces;
use crate::upkeep::UpkeepCounts;
use crate::{Failure, contact, follow, late, notify, prewarm, secrets, tls, upkeep, wire};

/// The stages of a stop, which together keep below ten seconds: load balancers see 503 on /readyz, and every answer ends
/// its connection; who is at the door gets in, and nobody after; who is in may ask once more; requests in flight are answered;
/// the spool is drained as far as the store allows.
const NOTICE: Duration = Duration::from_millis(500);
const LAST_NEWCOMERS: Duration = Duration::from_millis(100);
const LAST_REQUESTS: Duration = Duration::from_millis(400);
const GRACE_SECONDS: u64 = 3;
const DRAIN: Duration = Duration::from_secs(5);
const LAST_USES: Duration = Duration::from_millis(500);
const LAST_SPANS: Duration = Duration::from_millis(500);

/// Serves until SIGTERM or SIGINT.
pub async fn run(settings: &Settings, traces: Option<&Traces>) -> Result<(), Failure> {
    let tls = settings.tls.as_ref().map(tls::open).transpose()?;
    let feeding = wire::feed(settings)?;
    let feed = feeding.feed;
    let spool = Arc::new(wire::spool(settings)?.publishing(feed.clone())?);
    let secrets = secrets::open(settings, &OsRandomness)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let storage = wire::storage(settings).await?;
    let pending = contact::begin(&storage).await?;
    let postgres = storage.postgres.clone();
    let (storage, caching) = wire::cached(
        &settings.cache,
        wire::far(settings)?,
        storage,
        &clock,
        Arc::new(TokioBackground::here()),
    );
    let storage = wire::telling(storage, &feed);
    let limiting = wire::limiting(settings, &clock)?;
    let health =
        Arc::new(NodeHealth::new(spool.clone(), &storage, &limiting, &caching, feeding.link.clone()));
    let intake = wire::Intake { recorder: spool.clone(), feed: feed.clone() };
    let drainer = Drainer::new(&spool, storage.sink.clone(), wire::draining(settings));
    let drainer = drainer.publishing(feed.clone());
    let totals = drainer.totals();
    let upkeep = Arc::<UpkeepCounts>::default();
    let measuring = wire::Measuring {
        health: health.clone(),
        spool: spool.clone(),
        totals: totals.clone(),
        upkeep: upkeep.clone(),
        feed_link: feeding.link,
        traces: traces.map(Traces::counts),
    };
    let services = wire::services(settings, &secrets, &storage, &caching, &limiting, intake, measuring)?;
    let live = services.live.clone();

    // Before any work begins that would have to be broken off if this fails.
    let listener = bind(settings)?;
    let address = listener.local_addr()?;
    let first_contact = contact::go_on(pending);
    let (stop, stopped) = watch::channel(false);
    let mut draining = tokio::spawn(drainer.run(stopped.clone()));
    let mut compacting = tokio::spawn(upkeep::run(
        storage.upkeep,
        clock.clone(),
        settings.age_policy,
        upkeep,
        stopped.clone(),
    ));
    let access = services.access.clone().into_inner();
    let mut following = tokio::spawn(follow::run(access, feed.clone(), stopped.clone()));
    let mut heeding = tokio::spawn(late::run(caching.following, stopped.clone()));

    let (tls, renewal) = tls.unzip();
    if let Some(renewal) = renewal {
        tokio::spawn(renewal.run(stopped.clone()));
    }
    let door = Door::of(&listener)?;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let config = ServerConfig { workers, grace_seconds: GRACE_SECONDS };
    let server = serve_by(tls, services, listener, config)?;
    let handle = server.handle();
    let mut serving = tokio::spawn(server);
    announce(settings, &secrets, address)?;
    // A cold cache is slower and nothing else: nobody waits for this, and it may fail.
    tokio::spawn(prewarm::run(caching.prewarm, settings.cache.clone(), clock, stopped));

    let mut is_draining = true;
    let ended = tokio::select! {
        () = asked_to_stop() => Ok(()),
        ended = &mut serving => Err(format!("the HTTP server ended by itself: {ended:?}")),
        // Without its background work the node would take events and keep them to itself.
        ended = &mut draining => {
            is_draining = false;
            Err(format!("the drainer ended by itself: {ended:?}"))
        }
        ended = &mut compacting => Err(format!("the compactor ended by itself: {ended:?}")),
        refused = first_contact => Err(refused.to_string()),
        // It would go on letting in whom it should not.
        ended = &mut following => Err(format!("following changes ended by itself: {ended:?}")),
        // Without it no answer comes from the cache.
        ended = &mut heeding => Err(format!("following what comes late ended by itself: {ended:?}")),
    };
    health.stop();
    notify::systemd("STOPPING=1");
    tracing::info!("stopping: no more requests, please");
    tokio::time::sleep(NOTICE).await;
    shut(&door, &handle).await;
    // Readers go elsewhere, and not where they came from; what is in flight is waited for, and they would not end by themselves.
    live.close();
    feed.close();
    tokio::time::sleep(LAST_REQUESTS).await;
    handle.stop(true).await;
    stop.send_replace(true);
    if let Some(postgres) = postgres {
        tell(&postgres);
    }
    tell_feed(feed.counts());
    drain(is_draining.then_some(draining), &spool, &totals, traces).await;
    if !following.is_finished() {
        // It writes down when keys were last used; that is not worth waiting for a store that is away.
        let _ = tokio::time::timeout(LAST_USES, following).await;
    }
    // The address is of no use any more; if it stays, the spool's lock still tells that nobody is there.
    let _ = std::fs::remove_file(wire::url_file(settings));
    ended.map_err(Into::into)
}

/// Lets in who is at the door, and nobody after. Actix would drop them with what they have sent.
async fn shut(door: &Door, handle: &ServerHandle) {
    let closed = door.close();
    tokio::time::sleep(LAST_NEWCOMERS).await;
    handle.pause().await;
    // It is told at once that it shall pause, and does so a moment later; until then a shut door is an error to it.
    tokio::time::sleep(LAST_NEWCOMERS).await;
    if let Err(error) = closed.and_then(|()| door.shut()) {
        tracing::warn!(%error, "who connects at this moment may be turned away");
    }
}

/// What the database was like.
fn tell(postgres: &PostgresStore) {
    let counts = postgres.counts();
    tracing::info!(
        lost = counts.openings,
        refused = counts.refused,
        failovers = counts.failovers,
        primary_reads = counts.primary_reads,
        replica_reads = counts.replica_reads,
        moved_reads = counts.moved_reads,
        "the database since the start"
    );
}

/// What the live feed was like.
fn tell_feed(counts: FeedCounts) {
    tracing::info!(
        published = counts.published,
        skipped = counts.skipped,
        received = counts.received,
        lost = counts.lost,
        unsent = counts.unsent,
        lagged = counts.lagged,
        "the live feed since the start"
    );
}

/// Gives the drainer its last seconds, then says what became of everything that was accepted:
/// accepted + earlier (by an earlier process) = stored + duplicate + discarded + set aside + pending.
async fn drain(draining: Option<JoinHandle<()>>, spool: &Spool, totals: &Totals, traces: Option<&Traces>) {
    let drained = match draining {
        Some(draining) => matches!(tokio::time::timeout(DRAIN, draining).await, Ok(Ok(()))),
        None => false,
    };
    if let Some(traces) = traces {
        traces.flush(LAST_SPANS).await;
    }
    let done = totals.appended();
    tracing::info!(
        accepted = spool.accepted(),
        earlier = totals.earlier(),
        stored = done.stored,
        duplicate = done.duplicate,
        discarded = done.discarded,
        set_aside = done.set_aside,
        pending = spool.pending(),
        retries = totals.retries(),
        damaged = totals.damaged(),
        replayed = totals.replayed(),
        missing = totals.missing(),
        drained,
        "stopped; what is not drained stays in the spool for the next start"
    );
}

/// Returns with SIGTERM or SIGINT.
pub async fn asked_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received; only kill -9 ends this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn bind(settings: &Settings) -> Result<TcpListener, Failure> {
    let bound = match &settings.host {
        Host::Ip(ip) => TcpListener::bind((*ip, settings.port)),
        Host::Name(name) => TcpListener::bind((name.as_str(), settings.port)),
    };
    bound.map_err(|error| {
        format!("cannot listen on {} port {}: {error}; see HOST and PORT", settings.host, settings.port)
            .into()
    })
}

/// Says where everything is: in the log, to people on a terminal, and in a file for this program's
/// other subcommands.
fn announce(settings: &Settings, secrets: &secrets::Secrets, address: SocketAddr) -> Result<(), Failure> {
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}");
    std::fs::write(wire::url_file(settings), &url)?;
    tracing::info!(url, environment = ?settings.app_env, "ready");
    notify::systemd("READY=1");
    if let Some(file) = secrets.admin_key_file.as_ref().filter(|_| secrets.first_start) {
        tracing::info!(file = %file.display(), "first start: the admin's API key is in this file");
    }
    if std::io::stdout().is_terminal() {
        let admin = match &secrets.admin_key_file {
            Some(file) => format!("in {}", file.display()),
            None => "as configured".to_owned(),
        };
        let data = settings.data_dir.display();
        writeln!(
            std::io::stdout(),
            "\n  Activity Tracker API {}\n\n  Dashboard  {url}/\n  API        {url}/api-docs\n  \
             Health     {url}/readyz\n  Data       {data}\n  Admin key  {admin}\n",
            env!("CARGO_PKG_VERSION"),
        )?;
    }
    Ok(())
}
