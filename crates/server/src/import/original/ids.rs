//! Ids that follow from those of the original, so that the next run finds the same again.

use activity_domain::id::{ActivityId, ClientId};
use activity_domain::redact::holds_secret;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The id of the admin who is configured and not stored.
const ROOT: &str = "CL-admin";

/// The original's own id where it can stand in a path and means nothing else here; else one that follows from it.
pub fn client(original: &str) -> ClientId {
    let kept = ClientId::parse(original).ok();
    let is_unfit = |id: &ClientId| id.as_str() == ROOT || id.is_anonymous() || holds_secret(id.as_str());
    kept.filter(|id| !is_unfit(id)).unwrap_or_else(|| {
        let mut bits = [0; 10];
        bits.copy_from_slice(&digest("client", original)[..10]);
        ClientId::from_bits(bits)
    })
}

/// The id of a call, by its primary key.
pub fn activity(row: &str) -> ActivityId {
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest("api_logs", row)[..16]);
    ActivityId(Uuid::new_v8(bits))
}

fn digest(kind: &str, text: &str) -> [u8; 32] {
    Sha256::digest(format!("activity-tracker original\0{kind}\0{text}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_as_they_are_where_they_can() {
        for good in ["client_42", "7", "0b7ed1c9-f842-3a66-85e0-917dc24fb83a"] {
            assert_eq!(client(good).as_str(), good);
        }
        for odd in ["acme corp", "a/b", "CL-admin", "anon-abc", &"x".repeat(65)] {
            let id = client(odd);
            assert!(id.as_str().starts_with("CL-") && id.as_str() != ROOT, "{id}");
            assert_eq!(id, client(odd));
        }
        assert_ne!(client("a b"), client("a c"));
    }

    /// Another id for a call that was brought before would count it twice.
    #[test]
    fn ids_of_calls_never_change() {
        assert_eq!(activity("1").0.to_string(), "8d8e535f-40d5-8401-94d0-e44919dcb5f7");
        assert_eq!(activity("1").0.get_version_num(), 8);
        assert_ne!(activity("1"), activity("2"));
    }
}
