//! Where TLS is asked for, it is used, and the server has to prove who it is.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use activity_adapter_redis::link::State;
use activity_adapter_redis::{Link, Options, Reader};
use activity_testkit::{Redis, RedisSettings};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority, and the PEM of its certificate.
fn authority() -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
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

/// A server with a certificate for its address, and the port where it takes TLS.
fn server(folder: &Path, issuer: &Issuer<'_, KeyPair>, ours: &Path) -> (Redis, u16) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = write(folder, "own.crt", &params.signed_by(&key, issuer).unwrap().pem());
    let key = write(folder, "own.key", &key.serialize_pem());
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let lines = [
        ("tls-port", port.to_string()),
        ("tls-cert-file", certificate.display().to_string()),
        ("tls-key-file", key.display().to_string()),
        ("tls-ca-cert-file", ours.display().to_string()),
        ("tls-auth-clients", "no".to_owned()),
    ];
    let configuration = lines.map(|(name, value)| (name.to_owned(), value)).into();
    (Redis::with(&RedisSettings { configuration, ..RedisSettings::default() }), port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_to_prove_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let (issuer, pem) = authority();
    let ours = write(folder.path(), "ours.pem", &pem);
    let others = write(folder.path(), "others.pem", &authority().1);
    let (server, port) = server(folder.path(), &issuer, &ours);
    let to = |host: &str, authorities: &Path| {
        let login = format!("{}:{}", server.address().user, server.address().password);
        let url = format!("rediss://{login}@{host}:{port}?sslrootcert={}", authorities.display());
        Options::parse(&url).unwrap().with_patience(kit::SOON)
    };
    for (what, options) in
        [("another authority", to("127.0.0.1", &others)), ("another name", to("localhost", &ours))]
    {
        let before: u64 = connections(&server);
        let link = Link::open(&options).unwrap();
        kit::eventually("attempts", async || connections(&server) > before + 2).await;
        assert!(matches!(link.state(), State::Lost(_)), "{what}");
    }
    kit::up(&to("127.0.0.1", &ours)).await;
    let at = |host: &str| Some((host.to_owned(), port));
    let reader = Reader::open(&to("127.0.0.1", &ours), at("127.0.0.1")).unwrap().unwrap();
    kit::eventually("the read end", async || !reader.is_lost()).await;
    server.cli(&["SET", "activity:x", "1"]);
    assert_eq!(reader.get("activity:x").await, Some(Some(b"1".to_vec())));
    for (what, options, host) in [
        ("another authority", to("127.0.0.1", &others), "127.0.0.1"),
        ("another name", to("127.0.0.1", &ours), "localhost"),
    ] {
        let before: u64 = connections(&server);
        let reader = Reader::open(&options, at(host)).unwrap().unwrap();
        kit::eventually("attempts", async || connections(&server) > before + 3).await;
        assert!(reader.is_lost(), "{what}");
    }
    let missing = Reader::open(&to("127.0.0.1", &folder.path().join("missing.pem")), at("127.0.0.1"));
    assert!(missing.is_err_and(|reason| reason.contains("missing.pem")));
    let missing = Link::open(&to("127.0.0.1", &folder.path().join("missing.pem")));
    assert!(missing.is_err_and(|reason| reason.contains("missing.pem")));
}

/// How many connections it has taken so far, one for this question included.
fn connections(server: &Redis) -> u64 {
    let stats = server.cli(&["INFO", "stats"]);
    let count = stats.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    // Those that fail their handshake are counted too.
    count.unwrap().trim().parse().unwrap()
}
