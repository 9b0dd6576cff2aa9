//! From this program's other subcommands to its server that speaks TLS: they find it by its address, which its
//! certificate need not name, and know it by the certificate itself.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::{certificates, read};
use crate::Failure;
use crate::config::TlsSettings;

/// Listens on loopback, for as long as the process lives, and hands everything on to the server by TLS. Returns where.
pub fn to(server: SocketAddr, files: &TlsSettings) -> Result<SocketAddr, Failure> {
    let own = certificates(&read(files)?.certificate)?.swap_remove(0);
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Exactly { own, provider }))
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        while let Ok((plain, _)) = listener.accept().await {
            tokio::spawn(carry(plain, server, connector.clone()));
        }
    });
    Ok(address)
}

/// Whoever sent it finds the connection closed where something fails.
async fn carry(mut plain: TcpStream, server: SocketAddr, connector: TlsConnector) -> std::io::Result<()> {
    let stream = TcpStream::connect(server).await?;
    let mut secret = connector.connect(ServerName::from(server.ip()), stream).await?;
    copy_bidirectional(&mut plain, &mut secret).await?;
    Ok(())
}

/// Believes one certificate and no other.
#[derive(Debug)]
struct Exactly {
    own: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *shown == self.own {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
