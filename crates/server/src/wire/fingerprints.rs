//! What the database may know of the secrets that instances share: digests that tell whether two are the same.

use activity_adapter_postgres::Fingerprint;
use sha2::{Digest, Sha256};

use crate::config::Settings;

/// Those of the configured secrets. With Postgres there are no others.
pub fn of(settings: &Settings) -> Vec<Fingerprint> {
    let jwt = settings.jwt_secret.as_ref().map(|secret| Fingerprint {
        name: "JWT_SECRET",
        in_use: digest("JWT_SECRET", secret.reveal().as_bytes()),
        former: Vec::new(),
    });
    let encryption = settings.encryption_keys.as_ref().map(|keys| {
        let (first, others) = keys.reveal();
        Fingerprint {
            name: "ENCRYPTION_KEY",
            in_use: digest("ENCRYPTION_KEY", first),
            former: others.iter().map(|key| digest("ENCRYPTION_KEY", key)).collect(),
        }
    });
    jwt.into_iter().chain(encryption).collect()
}

/// The label keeps it apart from every other digest that is made of the secret anywhere.
fn digest(name: &str, secret: &[u8]) -> [u8; 32] {
    let label = format!("activity-tracker fingerprint\0{name}\0");
    Sha256::new().chain_update(label).chain_update(secret).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_the_secret_and_its_name_and_does_not_change() {
        let one = digest("JWT_SECRET", b"f3a9c1d07be24855912fa6630cd1e8b7");
        assert_ne!(one, digest("ENCRYPTION_KEY", b"f3a9c1d07be24855912fa6630cd1e8b7"));
        assert_ne!(one, digest("JWT_SECRET", b"f3a9c1d07be24855912fa6630cd1e8b8"));
        // Databases have it: another one would stop every instance.
        assert_eq!(
            crate::secrets::hex(&one),
            "df8959a30aab311da13c36dbbc37db11ce9c2bd5dc7bbe8dea6aa11c2afe257d"
        );
    }
}
