//! Where TLS is asked for, it is used, and the server has to prove who it is.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

mod kit;

use std::path::{Path, PathBuf};
use std::time::Duration;

use activity_adapter_postgres::{Options, PostgresStore, Server};
use activity_contract::make;
use activity_domain::error::StoreError;
use activity_domain::port::ActivitySink;
use activity_testkit::{Address, Postgres};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority, and the PEM of its certificate.
fn authority() -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

/// Gives a server a certificate for its address, and turns TLS on.
fn turn_on(server: &Postgres, issuer: &Issuer<'_, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![server.address().host.to_string()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap().pem();
    let folder = server.sql("SHOW data_directory");
    // The server writes them itself: nobody else may read its key.
    for (name, pem) in [("own.crt", certificate), ("own.key", key.serialize_pem())] {
        let lines = format!("SELECT unnest(string_to_array('{}', E'\\n'))", pem.trim());
        server.sql(&format!("COPY ({lines}) TO PROGRAM 'umask 077 && cat > {folder}/{name}'"));
    }
    server.sql("ALTER SYSTEM SET ssl_cert_file = 'own.crt'");
    server.sql("ALTER SYSTEM SET ssl_key_file = 'own.key'");
    server.sql("ALTER SYSTEM SET ssl = on");
    server.sql("SELECT pg_reload_conf()");
}

fn store(server: Server) -> PostgresStore {
    let wait = Duration::from_secs(3);
    PostgresStore::new(Options { reader_wait: wait, writer_wait: wait, ..Options::new(server) })
}

/// At an address, with the authorities of a file.
fn by_tls(address: &Address, host: &str, authorities: &Path) -> PostgresStore {
    let url = address.url().replace(&address.host.to_string(), host);
    let authorities = authorities.display();
    store(Server::parse(&format!("{url}?sslmode=verify-full&sslrootcert={authorities}")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_to_prove_who_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, pem: &str| -> PathBuf {
        let file = folder.path().join(name);
        std::fs::write(&file, pem).unwrap();
        file
    };
    let (issuer, pem) = authority();
    let (ours, others) = (write("ours.pem", &pem), write("others.pem", &authority().1));
    let server = Postgres::start();
    let address = server.address();

    let refused = by_tls(address, "127.0.0.1", &ours).position(make::stream(1)).await;
    assert!(matches!(&refused, Err(StoreError::Unavailable(_))), "no TLS, no connection: {refused:?}");

    turn_on(&server, &issuer);
    let good = by_tls(address, "127.0.0.1", &ours);
    kit::answered("the server takes TLS", || good.position(make::stream(1)));
    let plain = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
                 WHERE a.application_name LIKE 'activity-tracker%' AND NOT s.ssl";
    assert_eq!(server.sql(plain), "0");

    for (what, host, authorities) in [
        ("another authority", "127.0.0.1", &others),
        ("another name", "localhost", &ours),
        ("no file", "127.0.0.1", &folder.path().join("missing.pem")),
        ("an empty file", "127.0.0.1", &write("empty.pem", "")),
    ] {
        let refused = by_tls(address, host, authorities).position(make::stream(1)).await;
        assert!(matches!(&refused, Err(StoreError::Unavailable(_))), "{what}: {refused:?}");
    }
    let without = store(kit::server(address));
    assert_eq!(without.position(make::stream(1)).await, Ok(0), "who does not ask for TLS does without");
}
