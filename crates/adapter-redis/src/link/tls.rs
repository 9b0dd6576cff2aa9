//! TLS, where it is asked for. Then the server has to prove who it is: to those that the platform trusts, or to an
//! authority of one's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fred::types::config::{TlsConfig, TlsConnector};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Whom to trust.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    /// A PEM file of authorities; those of the platform, if not given.
    authorities: Option<PathBuf>,
}

impl Trust {
    pub fn new(authorities: Option<PathBuf>) -> Self {
        Self { authorities }
    }

    /// As the client library takes it, or why there is none.
    pub fn config(&self) -> Result<TlsConfig, String> {
        Ok(TlsConnector::from(self.rustls()?).into())
    }

    /// For those who connect by other means.
    pub fn rustls(&self) -> Result<ClientConfig, String> {
        let roots = match &self.authorities {
            Some(file) => from_file(file)?,
            None => from_platform()?,
        };
        Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth())
    }
}

/// What a failed handshake is about, for people; `None` if the words are of something else. The TLS library says it in its own
/// words only, wrapped in errors of others.
pub(crate) fn trouble(words: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 8] = [
        ("UnknownIssuer", "its certificate is from an authority that is not trusted"),
        ("NotValidForName", "its certificate is not for the name or address that it has here"),
        ("Expired", "its certificate has expired"),
        ("NotValidYet", "its certificate is not valid yet"),
        ("InvalidCertificate", "its certificate is not accepted"),
        ("invalid peer certificate", "its certificate is not accepted"),
        ("corrupt message", "it does not speak TLS"),
        ("InvalidMessage", "it does not speak TLS"),
    ];
    KNOWN.iter().find(|(word, _)| words.contains(word)).map(|(_, meaning)| *meaning)
}

fn from_file(file: &Path) -> Result<RootCertStore, String> {
    let bad = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| bad(&error))? {
        roots.add(certificate.map_err(|error| bad(&error))?).map_err(|error| bad(&error))?;
    }
    if roots.is_empty() { Err(bad(&"has no certificate")) } else { Ok(roots) }
}

/// What cannot be read of it is left out: platforms have odd certificates.
fn from_platform() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() { Err("the platform has no certificates of authorities".into()) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_handshake_is_told_in_plain_words() {
        let told = |error: rustls::Error| {
            assert_eq!(trouble(&format!("{error:?}")), trouble(&error.to_string()));
            trouble(&error.to_string())
        };
        let bad = |error: rustls::CertificateError| told(rustls::Error::InvalidCertificate(error)).unwrap();
        assert!(bad(rustls::CertificateError::UnknownIssuer).contains("not trusted"));
        assert!(bad(rustls::CertificateError::NotValidForName).contains("name"));
        assert!(bad(rustls::CertificateError::BadSignature).contains("not accepted"));
        assert!(told(rustls::InvalidMessage::InvalidContentType.into()).unwrap().contains("TLS"));
        assert_eq!(trouble("connection refused"), None);
    }
}
