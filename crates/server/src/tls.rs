//! TLS by the server itself, with a certificate that may be renewed while it runs.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::Failure;
use crate::config::TlsSettings;

pub mod bridge;

/// The files are looked at again after this, for whoever renews a certificate and sends no SIGHUP.
const GLANCE: Duration = Duration::from_secs(30);
/// More than any chain of certificates has, in bytes.
const MOST: u64 = 1 << 20;

/// The files as they were read.
#[derive(PartialEq, Eq)]
struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// What connections are proved by: the newest certificate.
#[derive(Debug)]
struct Newest(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Newest {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Takes a renewed certificate from the files.
pub struct Renewal {
    files: TlsSettings,
    seen: Pem,
    newest: Arc<Newest>,
}

/// Reads certificate and key. The error says what is wrong with them.
pub fn open(files: &TlsSettings) -> Result<(ServerConfig, Renewal), Failure> {
    let seen = read(files)?;
    let newest = Arc::new(Newest(RwLock::new(Arc::new(parse(files, &seen)?))));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(newest.clone());
    Ok((config, Renewal { files: files.clone(), seen, newest }))
}

impl Renewal {
    /// Takes what is new on SIGHUP, and every half minute, until `stop` turns true. What does not fit, such as a
    /// certificate whose key is still to come, leaves things as they are.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let Ok(mut asked) = signal(SignalKind::hangup()) else {
            return tracing::error!("SIGHUP cannot be received; a new certificate needs a restart");
        };
        loop {
            tokio::select! {
                _ = asked.recv() => {}
                () = tokio::time::sleep(GLANCE) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            match self.renew() {
                Ok(true) => tracing::info!("the new certificate is in use"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the new certificate cannot be used; the old one stays"),
            }
        }
    }

    /// Whether there was something new.
    fn renew(&mut self) -> Result<bool, Failure> {
        let found = read(&self.files)?;
        if found == self.seen {
            return Ok(false);
        }
        let key = Arc::new(parse(&self.files, &found)?);
        *self.newest.0.write().unwrap_or_else(PoisonError::into_inner) = key;
        self.seen = found;
        Ok(true)
    }
}

fn read(files: &TlsSettings) -> Result<Pem, Failure> {
    let file = |name: &str, file: &Path| -> Result<Vec<u8>, Failure> {
        let bad = |error: &dyn std::fmt::Display| format!("{name}: {}: {error}", file.display());
        if fs::metadata(file).map_err(|error| bad(&error))?.len() > MOST {
            return Err(bad(&"is too long to be one").into());
        }
        Ok(fs::read(file).map_err(|error| bad(&error))?)
    };
    Ok(Pem {
        certificate: file("TLS_CERT_FILE", &files.certificate)?,
        key: file("TLS_KEY_FILE", &files.key)?,
    })
}

fn parse(files: &TlsSettings, pem: &Pem) -> Result<CertifiedKey, Failure> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let chain =
        certificates(&pem.certificate).map_err(|error| format!("TLS_CERT_FILE: {certificate}: {error}"))?;
    let secret = PrivateKeyDer::from_pem_reader(Cursor::new(&pem.key))
        .map_err(|error| format!("TLS_KEY_FILE: {key}: {error}"))?;
    Ok(CertifiedKey::from_der(chain, secret, &ring::default_provider())
        .map_err(|error| format!("{key} is no key for {certificate}: {error}"))?)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let chain: Vec<_> = CertificateDer::pem_reader_iter(Cursor::new(pem)).collect::<Result<_, _>>()?;
    if chain.is_empty() { Err("there is no certificate in it".into()) } else { Ok(chain) }
}
