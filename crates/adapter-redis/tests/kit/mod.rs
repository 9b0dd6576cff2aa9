//! What the tests of this crate share.

#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use activity_adapter_memory::MemoryLimiter;
use activity_adapter_redis::link::State;
use activity_adapter_redis::{
    LeasedLimiter, Leases, Link, Locals, Options, RedisLimiter, SharedLimiter, Time, WithoutRedis,
};
use activity_contract::limiter::{Limiter, LimiterClock, LimiterHarness};
use activity_contract::make;
use activity_domain::error::Degraded;
use activity_domain::limit::{Charges, Decision, QuotaState, Quotas, Subject, Taken};
use activity_domain::port::{Clock, RateLimiter};
use activity_domain::time::Timestamp;
use activity_testkit::{Redis, RedisAddress, RedisCluster, RedisSentinel};
use async_trait::async_trait;
use tokio::sync::OnceCell;

/// Far more than anything takes, so that a busy machine fails no test.
pub const SOON: Duration = Duration::from_secs(40);

/// What the manual says that a user has to be allowed.
pub const RIGHTS: &str = "~activity:* resetchannels &activity:* -@all +ping +info +evalsha +script|load +time +get +set +unlink +pexpire \
                          +publish +subscribe +spublish +ssubscribe +zadd +zcard +zincrby +zpopmin +zrangebyscore +zrem +zremrangebyscore +zrevrange +zscore \
                          +hdel +hget +hincrby +hmget +hset +incrby +decrby";

/// A clock that is moved by hand.
pub struct Hands(AtomicI64);

impl Hands {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(make::at("2126-03-10T10:00:00.123457Z").as_micros())))
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst)).expect("a time")
    }
}

#[async_trait]
impl LimiterClock for Hands {
    async fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

/// How to get to a server.
pub fn options(address: &RedisAddress) -> Options {
    Options::parse(&address.url()).expect("a URL")
}

pub fn sentinel_options(group: &RedisSentinel) -> Options {
    let hosts = group.sentinels.iter().map(|sentinel| ("127.0.0.1".to_owned(), sentinel.port()));
    Options::sentinel(hosts.collect(), RedisSentinel::MASTER_NAME)
        .with_login(None, &group.servers[0].address().password)
        .with_sentinel_login(None, &group.sentinels[0].address().password)
}

pub fn cluster_options(cluster: &RedisCluster) -> Options {
    let hosts = cluster.servers.iter().map(|server| ("127.0.0.1".to_owned(), server.port()));
    Options::cluster(hosts.collect()).with_login(None, &cluster.servers[0].address().password)
}

/// A link that is up.
pub async fn up(options: &Options) -> Link {
    let link = Link::open(options).expect("a link");
    wait_up(&link).await;
    link
}

pub async fn wait_up(link: &Link) {
    let mut states = link.states();
    let up = states.wait_for(|state| matches!(state, State::Up(_)));
    tokio::time::timeout(SOON, up).await.expect("Redis answers in time").expect("the link lives");
}

/// Waits until something holds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < SOON, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The same for what is known at once.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool + Send) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < SOON, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Its prefix is nobody else's.
pub fn limiter(link: &Link, time: Time) -> RedisLimiter {
    RedisLimiter::with_prefix(link.clone(), time, &prefix())
}

fn prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("activity:test{}:", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Leases from the first call on, of whatever there is. Nobody gives them back in the background, where a law would not
/// know when.
pub fn eager() -> Leases {
    Leases {
        busy: 1,
        percent_in_hand: 100,
        percent_kept: 0,
        least: 3,
        sweep: Duration::from_hours(24),
        ..Leases::default()
    }
}

/// Limiters for one law, on one link.
pub struct Harness {
    options: Options,
    link: OnceCell<Link>,
}

impl Harness {
    /// With more patience than a law needs: a busy machine is no outage.
    pub fn on(options: Options) -> Self {
        Self { options: options.with_patience(SOON), link: OnceCell::new() }
    }
}

#[async_trait]
impl LimiterHarness for Harness {
    async fn fresh(&self) -> Limiter {
        let link = self.link.get_or_init(|| up(&self.options)).await;
        let clock = Hands::new();
        let limiter = limiter(link, Time::Given(clock.clone()));
        Limiter { limiter: Arc::new(limiter), clock, guard: Box::new(()) }
    }
}

/// Instances of one limiter for one law, which calls go to in turn.
pub struct InstancesHarness {
    plain: Harness,
    count: usize,
    leases: Option<Leases>,
}

impl InstancesHarness {
    /// Each decision is that of Redis.
    pub fn exact(count: usize, options: Options) -> Self {
        Self { plain: Harness::on(options), count, leases: None }
    }

    /// With leases, of which one call makes an instance take one.
    pub fn leased(count: usize, options: Options) -> Self {
        Self { plain: Harness::on(options), count, leases: Some(eager()) }
    }
}

#[async_trait]
impl LimiterHarness for InstancesHarness {
    async fn fresh(&self) -> Limiter {
        let link = self.plain.link.get_or_init(|| up(&self.plain.options)).await;
        let (clock, prefix) = (Hands::new(), prefix());
        let instance = |_| -> Arc<dyn RateLimiter> {
            let remote = RedisLimiter::with_prefix(link.clone(), Time::Given(clock.clone()), &prefix);
            match self.leases {
                Some(leases) => Arc::new(LeasedLimiter::new(remote, leases)),
                None => Arc::new(remote),
            }
        };
        let spread =
            Spread { instances: (0..self.count).map(instance).collect(), calls: AtomicUsize::new(0) };
        Limiter { limiter: Arc::new(spread), clock, guard: Box::new(()) }
    }
}

struct Spread {
    instances: Vec<Arc<dyn RateLimiter>>,
    calls: AtomicUsize,
}

impl Spread {
    fn next(&self) -> &dyn RateLimiter {
        &*self.instances[self.calls.fetch_add(1, Ordering::Relaxed) % self.instances.len()]
    }
}

#[async_trait]
impl RateLimiter for Spread {
    async fn take(&self, subject: &Subject, charges: &Charges) -> Result<Decision, Degraded> {
        self.next().take(subject, charges).await
    }

    async fn refund(&self, subject: &Subject, charges: &Charges, taken: Taken) -> Result<(), Degraded> {
        self.next().refund(subject, charges, taken).await
    }

    async fn peek(&self, subject: &Subject, quotas: &Quotas) -> Result<Vec<QuotaState>, Degraded> {
        self.next().peek(subject, quotas).await
    }

    async fn reset(&self, subject: &Subject) -> Result<(), Degraded> {
        self.next().reset(subject).await
    }
}

/// Limiters for one law, each decorated with limiters of its own.
pub struct SharedHarness {
    plain: Harness,
    leases: Option<Leases>,
    mode: WithoutRedis,
    /// Whether a law begins when Redis decides, and not without it.
    has_redis: bool,
}

impl SharedHarness {
    pub fn on(options: Options) -> Self {
        Self { plain: Harness::on(options), leases: None, mode: WithoutRedis::Share, has_redis: true }
    }

    /// With leases as well.
    pub fn leased(options: Options) -> Self {
        Self { leases: Some(eager()), ..Self::on(options) }
    }

    /// All limits are one instance's.
    pub fn without(options: Options) -> Self {
        Self { plain: Harness::on(options), leases: None, mode: WithoutRedis::Full, has_redis: false }
    }
}

#[async_trait]
impl LimiterHarness for SharedHarness {
    async fn fresh(&self) -> Limiter {
        let link =
            self.plain.link.get_or_init(async || Link::open(&self.plain.options).expect("a link")).await;
        let clock = Hands::new();
        let remote = limiter(link, Time::Given(clock.clone()));
        let remote = match self.leases {
            Some(leases) => LeasedLimiter::new(remote, leases),
            None => remote.into(),
        };
        let shared = Arc::new(SharedLimiter::new(link.clone(), remote, locals(&clock), self.mode));
        if self.has_redis {
            until("Redis to be trusted", || shared.is_exact()).await;
        }
        if self.has_redis {
            return Limiter { limiter: shared, clock, guard: Box::new(()) };
        }
        Limiter { limiter: Arc::new(Alone(shared)), clock, guard: Box::new(()) }
    }
}

/// A reset is an error while Redis cannot be told; here there is nobody to tell.
struct Alone(Arc<SharedLimiter>);

#[async_trait]
impl RateLimiter for Alone {
    async fn take(&self, subject: &Subject, charges: &Charges) -> Result<Decision, Degraded> {
        self.0.take(subject, charges).await
    }

    async fn refund(&self, subject: &Subject, charges: &Charges, taken: Taken) -> Result<(), Degraded> {
        self.0.refund(subject, charges, taken).await
    }

    async fn peek(&self, subject: &Subject, quotas: &Quotas) -> Result<Vec<QuotaState>, Degraded> {
        self.0.peek(subject, quotas).await
    }

    async fn reset(&self, subject: &Subject) -> Result<(), Degraded> {
        self.0.reset(subject).await.expect_err("Redis is not there");
        Ok(())
    }
}

pub fn locals(clock: &Arc<Hands>) -> Locals {
    let local = || Arc::new(MemoryLimiter::new(clock.clone()));
    Locals { all: local(), unknown: local() }
}

/// One server for all that one process tests. It ends with the process.
pub fn server() -> &'static Redis {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    SERVER.get_or_init(Redis::start)
}

pub fn group() -> &'static RedisSentinel {
    static GROUP: OnceLock<RedisSentinel> = OnceLock::new();
    GROUP.get_or_init(RedisSentinel::start)
}

pub fn cluster() -> &'static RedisCluster {
    static CLUSTER: OnceLock<RedisCluster> = OnceLock::new();
    CLUSTER.get_or_init(RedisCluster::start)
}
