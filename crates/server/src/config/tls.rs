//! `TLS_...`: the server's own certificate.

use std::path::{Path, PathBuf};

use super::parse;
use super::reader::Reader;

/// Where the certificate is, and its key.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// `TLS_CERT_FILE`: PEM, the certificate first, then those up to the authority.
    pub certificate: PathBuf,
    /// `TLS_KEY_FILE`: PEM.
    pub key: PathBuf,
}

/// Both or neither; relative ones from a folder on.
pub fn read(reader: &mut Reader, folder: &Path) -> Option<TlsSettings> {
    const NAMES: [&str; 2] = ["TLS_CERT_FILE", "TLS_KEY_FILE"];
    if NAMES.iter().filter(|name| reader.is_given(name)).count() == 1 {
        for name in NAMES {
            reader.contradiction(name, "must have the other of TLS_CERT_FILE and TLS_KEY_FILE beside it");
        }
    }
    let [certificate, key] = NAMES.map(|name| reader.optional(name, parse::path));
    Some(TlsSettings { certificate: folder.join(certificate?), key: folder.join(key?) })
}
