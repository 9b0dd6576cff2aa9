//! A cluster whose slots move while it is used: nobody notices, and nothing ends with it.

use std::array;

use activity_adapter_redis::{Link, Options, RedisLimiter, SharedLimiter, Time, WithoutRedis};
use activity_contract::make;
use activity_domain::client::RateLimit;
use activity_domain::error::Degraded;
use activity_domain::limit::{Charge, Quota, QuotaName, Subject, Verdict, Window};
use activity_domain::port::RateLimiter;
use activity_testkit::{Proxy, Redis, RedisCluster};

use crate::kit;

const LIMIT: u32 = 100;
const PREFIX: &str = "activity:moving:";

fn charge() -> Charge {
    let limit = RateLimit::parse(LIMIT.into()).unwrap();
    let quota = Quota { name: QuotaName::DEFAULT, limit, window: Window::HOUR, shadow: false };
    Charge { quota, cost: 1 }
}

struct Caller {
    limiter: RedisLimiter,
    subject: Subject,
}

impl Caller {
    fn new(link: &Link, id: &str) -> Self {
        let limiter = RedisLimiter::with_prefix(link.clone(), Time::Redis, PREFIX);
        Self { limiter, subject: Subject::Client(make::client_id(id)) }
    }

    fn key(&self) -> String {
        format!("{PREFIX}{{{}}}", self.subject)
    }

    /// Whether a call is admitted.
    async fn call(&self) -> Result<bool, Degraded> {
        let decision = self.limiter.take(&self.subject, &charge().into()).await?;
        Ok(matches!(decision.verdict, Verdict::Admitted(_)))
    }
}

/// As an operator spreads the keys anew: to a server that has some, and to one that has none yet, which the library knows
/// nothing about.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_slot_moves_nothing_else_is_without_an_answer() {
    let cluster = RedisCluster::start();
    let joined = cluster.join();
    let link = kit::up(&kit::cluster_options(&cluster).with_patience(kit::SOON)).await;
    let (losses, contact) = (link.losses(), link.contact());
    let others: [Caller; 4] = array::from_fn(|index| Caller::new(&link, &format!("CL-other-{index}")));
    let moves =
        [("CL-1", &cluster.servers[0], false), ("CL-2", &cluster.servers[1], true), ("CL-3", &joined, false)];
    for (moves, to, is_reset) in moves {
        let moves = (0..).map(|number| Caller::new(&link, &format!("{moves}-{number}")));
        let is_elsewhere = |moves: &Caller| cluster.owner(&moves.key()).port() != to.port();
        let moves = moves.into_iter().find(is_elsewhere).unwrap();
        let moving = cluster.begin_to_move(&moves.key(), to);
        for other in &others {
            let refused = moves.call().await.unwrap_err();
            assert!(refused.to_string().contains("to another server"), "{refused}");
            other.call().await.unwrap();
        }
        moving.finish();
        // Nobody has said that it has moved until it is asked for, whatever for.
        if is_reset {
            moves.limiter.reset(&moves.subject).await.unwrap();
        }
        let admitted = [(); LIMIT as usize + 1].map(|()| moves.call());
        for (index, call) in admitted.into_iter().enumerate() {
            assert_eq!(call.await, Ok(index < LIMIT as usize));
        }
        assert_eq!(to.cli(&["EXISTS", &moves.key()]), "1");
    }
    assert_eq!((link.losses(), link.contact()), (losses, contact));
}

/// As after a reshard that was broken off, while the connection is lost and found again.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_stays_open_keeps_nobody_else_from_redis() {
    let cluster = RedisCluster::start();
    let link = kit::up(&kit::cluster_options(&cluster)).await;
    let [moves, stays] = ["CL-1", "CL-2"].map(|id| Caller::new(&link, id));
    let remote = RedisLimiter::with_prefix(link.clone(), Time::Redis, PREFIX);
    let locals = kit::locals(&kit::Hands::new());
    let shared = SharedLimiter::new(link.clone(), remote, locals, WithoutRedis::Share);
    let is_alone =
        async |caller: &Caller| match shared.take(&caller.subject, &charge().into()).await.unwrap().verdict {
            Verdict::Admitted(taken) => taken.is_alone(),
            other => panic!("{other:?}"),
        };
    let key = moves.key();
    let owner = cluster.owner(&key);
    let to = cluster.servers.iter().find(|server| server.port() != owner.port()).unwrap();
    let moving = cluster.begin_to_move(&key, to);
    owner.freeze();
    kit::eventually("the loss to be seen", async || is_alone(&moves).await && !shared.is_exact()).await;
    owner.thaw();
    kit::until("Redis to be trusted", || shared.is_exact()).await;
    assert!(is_alone(&moves).await);
    kit::eventually("the others to be decided on by Redis", async || !is_alone(&stays).await).await;
    moving.finish();
    let told = async || match moves.limiter.peek(&moves.subject, &charge().quota.into()).await {
        Ok(states) => states[0].remaining < LIMIT,
        Err(_) => false,
    };
    kit::eventually("Redis to be told", told).await;
}

/// Then nobody says how many instances there are.
#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_that_have_no_place_keep_nobody_from_redis() {
    let cluster = RedisCluster::start();
    let beats = "activity:{instances}";
    let owner = cluster.owner(beats);
    let to = cluster.servers.iter().find(|server| server.port() != owner.port()).unwrap();
    let moving = cluster.begin_to_move(beats, to);
    let link = kit::up(&kit::cluster_options(&cluster)).await;
    let locals = kit::locals(&kit::Hands::new());
    let remote = RedisLimiter::with_prefix(link.clone(), Time::Redis, PREFIX);
    let shared = SharedLimiter::new(link, remote, locals, WithoutRedis::Share);
    kit::until("Redis to be trusted", || shared.is_exact()).await;
    assert_eq!(shared.instances(), 1);
    moving.finish();
    kit::until("a heartbeat", || to.cli(&["EXISTS", beats]) == "1").await;
}

/// The library takes it for final that a server says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_become_a_cluster_later() {
    let (alone, cluster) = (Redis::start(), RedisCluster::start());
    let proxy = Proxy::to_port(alone.port());
    let password = &alone.address().password;
    for server in &cluster.servers {
        server.cli(&["ACL", "SETUSER", "default", &format!(">{password}")]);
    }
    let options = Options::cluster(vec![("127.0.0.1".to_owned(), proxy.port())]);
    let link = Link::open(&options.with_login(None, password)).unwrap();
    let caller = Caller::new(&link, "CL-1");
    kit::until("it to be asked twice", || refusals(&alone) > 1).await;
    caller.call().await.unwrap_err();
    proxy.lead_to_port(cluster.servers[0].port());
    kit::eventually("an answer", async || caller.call().await.is_ok()).await;
}

/// How often a server has said that it is no cluster.
fn refusals(server: &Redis) -> u32 {
    let stats = server.cli(&["INFO", "errorstats"]);
    let count = stats.lines().find_map(|line| line.strip_prefix("errorstat_ERR:count="));
    count.map_or(0, |count| count.parse().unwrap())
}
