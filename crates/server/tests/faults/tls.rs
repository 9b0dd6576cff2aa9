//! TLS by the server itself: who asks gets what the certificate proves, and a renewed one without a restart.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Node, until};

const PATIENCE: Duration = Duration::from_secs(20);

/// An authority, and those who trust it.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    connector: TlsConnector,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { issuer: Issuer::new(params, key), connector: TlsConnector::from(Arc::new(config)) }
    }

    /// A certificate for loopback with its key, as PEM.
    fn certificate(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// A connection that the server has proved itself on.
    async fn connect(&self, node: &Node) -> Option<TlsStream<TcpStream>> {
        let address: SocketAddr = node.url.borrow().strip_prefix("https://")?.parse().unwrap();
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        self.connector.connect(name, TcpStream::connect(address).await.ok()?).await.ok()
    }
}

/// The certificate that a server shows.
fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// An answer, on a connection that stays open.
async fn get(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the connection ended");
    }
    String::from_utf8(answer).unwrap()
}

fn write(node: &Node, name: &str, pem: &str) {
    fs::write(node.path(name), pem).unwrap();
}

async fn started(authority: &Authority) -> Node {
    let mut node = Node::new(&[("TLS_CERT_FILE", "tls.crt"), ("TLS_KEY_FILE", "tls.key")]);
    let (certificate, key) = authority.certificate();
    write(&node, "tls.crt", &certificate);
    write(&node, "tls.key", &key);
    node.spawn();
    until("a server that proves itself", PATIENCE, async || {
        let url = fs::read_to_string(node.path("data/server.url")).ok()?;
        node.url.send_replace(url);
        authority.connect(&node).await.map(|_| ())
    })
    .await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_speaks_tls_and_nothing_else() {
    let authority = Authority::new();
    let node = started(&authority).await;
    let mut stream = authority.connect(&node).await.unwrap();
    let answer = get(&mut stream, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    assert!(Authority::new().connect(&node).await.is_none(), "another authority's word is worth nothing");
    let plain = node.at("/readyz").replace("https://", "http://");
    assert!(node.http.get(plain).send().await.is_err());
    // Other subcommands find it, and know it by its certificate.
    let (is_good, said) = node.run(&["prewarm"]);
    assert!(is_good, "{said}");
    write(&node, "tls.crt", &authority.certificate().0);
    let (is_good, said) = node.run(&["prewarm"]);
    assert!(!is_good, "a server with another certificate is not believed: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_taken_without_a_restart_and_a_bad_one_is_not() {
    let authority = Authority::new();
    let node = started(&authority).await;
    let mut open = authority.connect(&node).await.unwrap();
    let old = shown(&open);
    let hang_up = || kill_process(Pid::from_raw(node.pid().cast_signed()).unwrap(), Signal::HUP).unwrap();
    let (certificate, key) = authority.certificate();
    // Half of it is there: it is told, and nothing changes.
    write(&node, "tls.crt", &certificate);
    hang_up();
    until("the complaint", PATIENCE, async || node.log().contains("the old one stays").then_some(())).await;
    assert_eq!(shown(&authority.connect(&node).await.unwrap()), old);
    write(&node, "tls.key", &key);
    hang_up();
    until("the new certificate", PATIENCE, async || {
        (shown(&authority.connect(&node).await?) != old).then_some(())
    })
    .await;
    assert!(get(&mut open, "/livez").await.contains("200 OK"), "who was connected stays so");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_none_stops_the_start() {
    let authority = Authority::new();
    let mut node = Node::new(&[("TLS_CERT_FILE", "tls.crt")]);
    let refused = |node: &Node, reason: &str| {
        let (is_good, said) = node.run(&["serve"]);
        assert!(!is_good && said.contains(reason), "{reason}: {said}");
    };
    refused(&node, "TLS_KEY_FILE");
    node.set("TLS_KEY_FILE", "tls.key");
    refused(&node, "TLS_CERT_FILE");
    let (certificate, key) = authority.certificate();
    write(&node, "tls.crt", "no certificate");
    write(&node, "tls.key", &key);
    refused(&node, "there is no certificate in it");
    write(&node, "tls.crt", &certificate);
    write(&node, "tls.key", "no key");
    refused(&node, "TLS_KEY_FILE");
    write(&node, "tls.key", &authority.certificate().1);
    refused(&node, "is no key for");
}
