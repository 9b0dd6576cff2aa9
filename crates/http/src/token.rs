//! JSON Web Tokens: short-lived stand-ins for an API key.

use std::time::Duration;

use activity_domain::id::{ClientId, KeyId};
use activity_domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

pub(crate) const ISSUER: &str = "activity-tracker";
const AUDIENCE: &str = "activity-tracker-api";
/// How far the clocks of two instances may be apart, in seconds.
pub(crate) const LEEWAY: u64 = 5;
/// Claims that have to be there.
const REQUIRED: [&str; 5] = ["iss", "aud", "exp", "nbf", "sub"];

/// What is demanded of all that is signed here: one algorithm, and every claim, for one audience.
pub(crate) fn validation(audience: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&REQUIRED);
    validation
}

/// Whose a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The client.
    pub client: ClientId,
    /// The key that it was made from.
    pub key: KeyId,
    /// When it ends.
    pub ends: Timestamp,
}

/// Makes and checks tokens with one secret and one algorithm, HS256.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime: i64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// The key that the token was made from.
    kid: String,
}

impl Tokens {
    /// Tokens that live so long.
    pub fn new(secret: &[u8], lifetime: Duration) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation: validation(AUDIENCE),
            lifetime: i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX),
        }
    }

    /// A token for a client, with the time at which it ends: not after the key that it is made from.
    /// `None` if it cannot be signed.
    pub fn issue(
        &self,
        client: &ClientId,
        key: &KeyId,
        key_ends: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<(String, Timestamp)> {
        let issued = now.as_micros() / 1_000_000;
        let longest = now.plus_seconds(self.lifetime);
        let expires = key_ends.map_or(longest, |end| end.min(longest));
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: client.to_string(),
            iat: issued,
            nbf: issued,
            exp: expires.as_micros() / 1_000_000,
            kid: key.as_str().to_owned(),
        };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).ok()?;
        Some((token, Timestamp::from_seconds(claims.exp).ok()?))
    }

    /// Whose token this is, if it is one of ours and in force.
    pub fn verify(&self, token: &str) -> Option<Bearer> {
        let claims = decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        Some(Bearer {
            client: ClientId::parse(&claims.sub).ok()?,
            key: KeyId::parse(&claims.kid).ok()?,
            ends: Timestamp::from_seconds(claims.exp).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn now() -> i64 {
        i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap()
    }

    fn tokens() -> Tokens {
        Tokens::new(SECRET, Duration::from_mins(1))
    }

    fn signed(claims: &serde_json::Value, secret: &[u8]) -> String {
        encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn claims() -> serde_json::Value {
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "CL-1", "kid": "abcdefghjkmn",
            "iat": now(), "nbf": now(), "exp": now() + 60,
        })
    }

    #[test]
    fn an_issued_token_verifies_and_names_client_and_key() {
        let client = ClientId::parse("CL-1").unwrap();
        let key = KeyId::parse("abcdefghjkmn").unwrap();
        let at = Timestamp::from_seconds(now()).unwrap();
        let (token, expires) = tokens().issue(&client, &key, None, at).unwrap();
        let bearer = Bearer { client: client.clone(), key: key.clone(), ends: expires };
        assert_eq!(tokens().verify(&token), Some(bearer));
        assert_eq!(expires, at.plus_seconds(60));
        for (key_ends, expected) in [(30, 30), (60, 60), (90, 60)] {
            let key_ends = Some(at.plus_seconds(key_ends));
            let (_, expires) = tokens().issue(&client, &key, key_ends, at).unwrap();
            assert_eq!(expires, at.plus_seconds(expected));
        }
    }

    #[test]
    fn every_claim_counts() {
        assert!(tokens().verify(&signed(&claims(), SECRET)).is_some());
        assert!(tokens().verify(&signed(&claims(), b"another secret of 32 characters!")).is_none());
        for claim in ["iss", "aud", "sub", "nbf", "exp"] {
            let mut without = claims();
            without.as_object_mut().unwrap().remove(claim);
            assert!(tokens().verify(&signed(&without, SECRET)).is_none(), "without {claim}");
        }
        let changes = [
            ("iss", json!("other")),
            ("aud", json!("other")),
            ("exp", json!(now() - 6)),
            ("nbf", json!(now() + 30)),
        ];
        for (claim, value) in changes {
            let mut other = claims();
            other[claim] = value;
            assert!(tokens().verify(&signed(&other, SECRET)).is_none(), "changed {claim}");
        }
    }

    #[test]
    fn a_token_without_signature_is_refused() {
        let token = signed(&claims(), SECRET);
        let parts: Vec<&str> = token.split('.').collect();
        // {"alg":"none","typ":"JWT"}
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        for forged in [format!("{none}.{}.", parts[1]), format!("{none}.{}.{}", parts[1], parts[2])] {
            assert!(tokens().verify(&forged).is_none());
        }
    }
}
