//! What the encryption keys are for: audit trails, emails, pseudonyms of addresses.

use std::sync::Arc;

use activity_domain::address::{AddressKey, AddressPrivacy};
use activity_domain::digest::keyed;
use activity_domain::port::Vault;
use activity_domain::service::{EmailVault, Emails};
use activity_http::audit::{Audit, Capture};

use crate::config::{AuditCapture, EncryptionKeys, IpPrivacy, Settings};
use crate::system::OsRandomness;
use crate::vault::AesVault;

fn vault(keys: &EncryptionKeys) -> Arc<dyn Vault> {
    Arc::new(AesVault::new(keys, Arc::new(OsRandomness)))
}

/// What is kept of headers and bodies.
pub fn audit(settings: &Settings, keys: &EncryptionKeys) -> Audit {
    let capture = match settings.audit_capture {
        AuditCapture::Off => return Audit::off(Some(vault(keys))),
        AuditCapture::Headers => Capture::Headers,
        AuditCapture::Full => Capture::Full,
    };
    Audit::keeping(capture, settings.audit_max_bytes, vault(keys))
}

/// How emails are kept.
pub fn emails(keys: &EncryptionKeys) -> Emails {
    Emails::Sealed(EmailVault::new(vault(keys), Arc::new(OsRandomness)))
}

/// What is kept of addresses. Pseudonyms are made with a key that follows from the first encryption key, so that
/// all instances have the same, and another encryption key means other pseudonyms.
pub fn addresses(settings: &Settings, keys: &EncryptionKeys) -> AddressPrivacy {
    match settings.ip_privacy {
        IpPrivacy::Off => AddressPrivacy::Off,
        IpPrivacy::Truncate => AddressPrivacy::Truncate,
        IpPrivacy::Hash => {
            AddressPrivacy::Hash(AddressKey(keyed(keys.reveal().0, b"activity-tracker addresses")))
        }
    }
}
