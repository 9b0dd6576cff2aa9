//! Where TLS is asked for, it is used, and servers have to prove who they are: one, those behind Sentinels and the Sentinels,
//! and those of a cluster.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how it fails")]

mod cachekit;
mod feedkit;
mod kit;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use activity_adapter_redis::link::State;
use activity_adapter_redis::{Link, Options, Reader};
use activity_contract::{cache, feed, limiter};
use activity_testkit::{Redis, RedisCluster, RedisSentinel, RedisSettings, RedisTls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// Authorities, and what servers show that trust the first.
struct Papers {
    _folder: TempDir,
    ours: PathBuf,
    others: PathBuf,
    tls: RedisTls,
}

impl Papers {
    /// For servers of this name or address.
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let write = |name: &str, text: &str| write(folder.path(), name, text);
        let (issuer, pem) = authority("ours");
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let ours = write("ours.pem", &pem);
        let tls = RedisTls {
            certificate: write("own.crt", &params.signed_by(&key, &issuer).unwrap().pem()),
            key: write("own.key", &key.serialize_pem()),
            authority: ours.clone(),
        };
        let others = write("others.pem", &authority("others").1);
        Self { ours, others, tls, _folder: folder }
    }

    /// With a user who may do what the manual says, and what it says besides.
    fn settings(&self, more: &str) -> RedisSettings {
        let user = Some(("tracker".to_owned(), format!("{} {more}", kit::RIGHTS)));
        RedisSettings { tls: Some(self.tls.clone()), user, ..RedisSettings::default() }
    }

    fn trusting(&self, options: Options) -> Options {
        options.with_tls(Some(self.ours.clone()))
    }
}

/// An authority, and the PEM of its certificate.
fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    // OpenSSL takes a certificate for its own issuer where both have the same name.
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

/// A file that the account of the server can read.
fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    file
}

fn hosts(ports: impl IntoIterator<Item = u16>) -> Vec<(String, u16)> {
    ports.into_iter().map(|port| ("127.0.0.1".to_owned(), port)).collect()
}

/// As users with few rights, without TLS.
fn behind(group: &RedisSentinel, ports: [u16; 3]) -> Options {
    let [server, sentinel] = [group.servers[0].address(), group.sentinels[0].address()];
    Options::sentinel(hosts(ports), RedisSentinel::MASTER_NAME)
        .with_login(Some("tracker"), &server.password)
        .with_sentinel_login(Some(RedisSentinel::USER), &sentinel.password)
        .with_patience(kit::SOON)
}

fn of_cluster(cluster: &RedisCluster) -> Options {
    Options::cluster(hosts(cluster.servers.iter().map(Redis::tls_port)))
        .with_login(Some("tracker"), &cluster.servers[0].address().password)
        .with_patience(kit::SOON)
}

/// The error says why; nothing else is tried meanwhile.
async fn says(options: &Options, why: &str) {
    let link = Link::open(options).unwrap();
    let mut states = link.states();
    let told = states.wait_for(|state| matches!(state, State::Lost(reason) if reason.contains(why)));
    let told = tokio::time::timeout(kit::SOON, told).await;
    assert!(told.is_ok(), "{why}: {:?}", link.state());
}

/// The read end is not believed either.
async fn does_not_read(options: &Options, at: Option<(String, u16)>, attempts: impl Fn() -> u64) {
    let (before, reader) = (attempts(), Reader::open(options, at).unwrap().unwrap());
    kit::eventually("attempts", async || attempts() > before + 3).await;
    assert!(reader.is_lost());
}

/// A law of each port.
async fn works(options: &Options) {
    limiter::of_concurrent_calls_exactly_the_limit_is_admitted(&kit::Harness::on(options.clone())).await;
    cache::a_value_comes_out_as_it_went_in(&cachekit::Harness::on(options.clone(), None)).await;
    let feeds = feedkit::Harness::on(options.clone());
    feed::a_reader_sees_its_scope_through_its_filter_in_order(&feeds).await;
}

/// How many connections it has taken so far, one for this question included.
fn connections(server: &Redis) -> u64 {
    let stats = server.cli(&["INFO", "stats"]);
    let count = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    // Those that fail their handshake are counted too.
    count.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_to_prove_who_it_is() {
    let papers = Papers::of("127.0.0.1");
    let server = Redis::with(&papers.settings(""));
    let to = |host: &str, authorities: &Path| {
        let login = format!("{}:{}", server.address().user, server.address().password);
        let place = format!("{host}:{}", server.tls_port());
        let url = format!("rediss://{login}@{place}?sslrootcert={}", authorities.display());
        Options::parse(&url).unwrap().with_patience(kit::SOON)
    };
    says(&to("127.0.0.1", &papers.others), "not trusted").await;
    says(&to("localhost", &papers.ours), "not for the name").await;
    kit::up(&to("127.0.0.1", &papers.ours)).await;
    let at = |host: &str| Some((host.to_owned(), server.tls_port()));
    let reader = Reader::open(&to("127.0.0.1", &papers.ours), at("127.0.0.1")).unwrap().unwrap();
    kit::eventually("the read end", async || !reader.is_lost()).await;
    server.cli(&["SET", "activity:x", "1"]);
    assert_eq!(reader.get("activity:x").await, Some(Some(b"1".to_vec())));
    let attempts = || connections(&server);
    does_not_read(&to("127.0.0.1", &papers.others), at("127.0.0.1"), attempts).await;
    does_not_read(&to("127.0.0.1", &papers.ours), at("localhost"), attempts).await;
    let missing = to("127.0.0.1", &papers.ours.with_file_name("missing.pem"));
    for refused in [Reader::open(&missing, at("127.0.0.1")).err(), Link::open(&missing).err()] {
        assert!(refused.is_some_and(|reason| reason.contains("missing.pem")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_sentinels_everybody_has_to_prove_who_it_is() {
    let papers = Papers::of("127.0.0.1");
    let mut group = RedisSentinel::with(&papers.settings("+role"));
    let plain = behind(&group, group.sentinels.each_ref().map(Redis::tls_port));
    let options = papers.trusting(plain.clone());
    says(&plain.clone().with_tls(Some(papers.others.clone())), "Sentinel: its certificate is from").await;
    works(&options).await;
    let attempts = || group.sentinels.iter().map(connections).sum();
    does_not_read(&plain.with_tls(Some(papers.others.clone())), None, attempts).await;

    let (link, reader) = cachekit::ends(&options, None).await;
    let reader = reader.unwrap();
    group.servers[group.primary()].cli(&["SET", "activity:x", "1"]);
    kit::eventually("the replica to have it", async || {
        reader.get("activity:x").await == Some(Some(b"1".to_vec()))
    })
    .await;
    let channel = feedkit::channel();
    let feed = feedkit::instance(&link, &options, &channel);
    feedkit::hears(&feed).await;
    let old = group.kill_primary();
    group.wait_for_another_than(old);
    kit::eventually("the other primary", async || link.run(async |client| ping(client).await).await.is_ok())
        .await;
    feedkit::hears(&feed).await;
    // The replica that is left is the primary now.
    group.servers[old].start_again();
    kit::eventually("a replica", async || !reader.is_lost()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_cluster_have_to_prove_who_they_are() {
    let papers = Papers::of("127.0.0.1");
    let cluster = RedisCluster::with(&papers.settings("+cluster"));
    let plain = of_cluster(&cluster);
    says(&plain.clone().with_tls(Some(papers.others.clone())), "not trusted").await;
    works(&papers.trusting(plain)).await;
}

/// Members are known by the addresses that the cluster tells, which certificates have to name.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_not_good_for_the_address_that_is_told() {
    let papers = Papers::of("redis.example");
    let cluster = RedisCluster::with(&papers.settings("+cluster"));
    says(&papers.trusting(of_cluster(&cluster)), "not for the name").await;
}

/// Nobody is let in by another way.
#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_tls_nothing_is_asked() {
    let papers = Papers::of("127.0.0.1");
    let group = RedisSentinel::start();
    let place = behind(&group, group.sentinels.each_ref().map(Redis::port));
    let options = papers.trusting(place);
    let attempts = || group.sentinels.iter().map(connections).sum::<u64>();
    let (before, link) = (attempts(), Link::open(&options).unwrap());
    kit::eventually("attempts", async || attempts() > before + 6).await;
    assert!(matches!(link.state(), State::Lost(_)));
    does_not_read(&options, None, attempts).await;
}

async fn ping(client: &fred::clients::Client) -> Result<(), fred::error::Error> {
    fred::interfaces::ClientLike::ping(client, None).await
}
