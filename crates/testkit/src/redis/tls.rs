//! TLS of servers.

use std::path::PathBuf;

/// Files in PEM that the servers' account can read. Servers of a group or a cluster share them, and speak TLS among
/// themselves too.
#[derive(Debug, Clone)]
pub struct RedisTls {
    /// The certificate that they show.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authority that they trust; nobody else has to show a certificate.
    pub authority: PathBuf,
}

impl RedisTls {
    /// What a server is told that takes TLS on this port, beside its other one.
    pub(super) fn lines(&self, port: u16) -> Vec<(&'static str, String)> {
        let yes = || "yes".to_owned();
        vec![
            ("tls-port", port.to_string()),
            ("tls-cert-file", self.certificate.display().to_string()),
            ("tls-key-file", self.key.display().to_string()),
            ("tls-ca-cert-file", self.authority.display().to_string()),
            ("tls-auth-clients", "no".to_owned()),
            ("tls-replication", yes()),
            ("tls-cluster", yes()),
        ]
    }
}
