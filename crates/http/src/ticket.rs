//! Tickets for streams: what a browser may put into a URL, since it is good once and for seconds.

use activity_domain::id::{ClientId, KeyId, TicketId};
use activity_domain::service::Caller;
use activity_domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::token::{ISSUER, LEEWAY, validation};

const AUDIENCE: &str = "activity-tracker-streams";
/// How long a ticket is good for, in seconds.
const LIFETIME: i64 = 30;

/// Makes and checks tickets, with the secret of tokens. One is never taken for the other.
pub struct Tickets {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

/// A ticket with a good signature, whose time is not over. Whether it was used is known elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Which.
    pub id: TicketId,
    /// The client.
    pub client: ClientId,
    /// The key that the caller came with who got it.
    pub key: KeyId,
    /// Nobody takes it later than that.
    pub until: Timestamp,
    /// When the token ends that the caller came with, if it was one.
    pub ends: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    nbf: i64,
    exp: i64,
    jti: Uuid,
    kid: String,
    /// When the stream has to end, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<i64>,
}

impl Tickets {
    /// Tickets signed with this secret.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation: validation(AUDIENCE),
        }
    }

    /// A ticket for a caller whose key or token ends then, and when the ticket itself ends. `None` if it cannot be
    /// signed.
    pub fn issue(
        &self,
        id: TicketId,
        caller: &Caller,
        ends: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<(String, Timestamp)> {
        let seconds = |at: Timestamp| at.as_micros() / 1_000_000;
        let longest = now.plus_seconds(LIFETIME);
        let expires = ends.map_or(longest, |end| end.min(longest));
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: caller.client.id.to_string(),
            nbf: seconds(now),
            exp: seconds(expires),
            jti: id.0,
            kid: caller.key.as_str().to_owned(),
            end: ends.map(seconds),
        };
        let ticket = encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).ok()?;
        Some((ticket, Timestamp::from_seconds(claims.exp).ok()?))
    }

    /// What a ticket says, if it is one of ours and in force.
    pub fn verify(&self, ticket: &str) -> Option<Ticket> {
        let claims = decode::<Claims>(ticket, &self.decoding, &self.validation).ok()?.claims;
        Some(Ticket {
            id: TicketId(claims.jti),
            client: ClientId::parse(&claims.sub).ok()?,
            key: KeyId::parse(&claims.kid).ok()?,
            until: Timestamp::from_seconds(claims.exp).ok()?.plus_seconds(LEEWAY.cast_signed()),
            ends: claims.end.map(Timestamp::from_seconds).transpose().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use activity_domain::client::{Client, ClientLimits, ClientName, RateLimit, Role};

    use super::*;
    use crate::token::Tokens;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn now() -> Timestamp {
        let now = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
        Timestamp::from_seconds(now).unwrap()
    }

    fn caller() -> Caller {
        let client = Client {
            id: ClientId::parse("CL-1").unwrap(),
            name: ClientName::parse("one").unwrap(),
            email: None,
            role: Role::Client,
            rate_limit: RateLimit::parse(1).unwrap(),
            limits: ClientLimits::default(),
            is_active: true,
            created_at: now(),
        };
        Caller {
            client: Arc::new(client),
            key: KeyId::parse("abcdefghjkmn").unwrap(),
            key_ends: None,
            request: None,
        }
    }

    fn issue(ends: Option<Timestamp>, at: Timestamp) -> (String, Timestamp) {
        Tickets::new(SECRET).issue(TicketId(Uuid::from_u128(7)), &caller(), ends, at).unwrap()
    }

    #[test]
    fn a_ticket_says_whose_it_is_and_ends_with_what_it_was_made_from() {
        let (text, expires) = issue(None, now());
        let ticket = Tickets::new(SECRET).verify(&text).unwrap();
        assert_eq!((ticket.id, ticket.client.as_str()), (TicketId(Uuid::from_u128(7)), "CL-1"));
        assert_eq!((ticket.key.as_str(), ticket.ends), ("abcdefghjkmn", None));
        assert_eq!(ticket.until, expires.plus_seconds(5));
        let soon = now().plus_seconds(20);
        let (text, expires) = issue(Some(soon), now());
        assert_eq!((expires, Tickets::new(SECRET).verify(&text).unwrap().ends), (soon, Some(soon)));
    }

    #[test]
    fn tickets_are_no_tokens_and_tokens_no_tickets() {
        let tokens = Tokens::new(SECRET, Duration::from_mins(1));
        let caller = caller();
        let (token, _) = tokens.issue(&caller.client.id, &caller.key, None, now()).unwrap();
        assert_eq!(Tickets::new(SECRET).verify(&token), None);
        assert_eq!(tokens.verify(&issue(None, now()).0), None);
    }

    #[test]
    fn old_and_foreign_tickets_are_refused() {
        assert_eq!(Tickets::new(SECRET).verify(&issue(None, now().plus_seconds(-36)).0), None);
        let others = Tickets::new(b"another secret of 32 characters!");
        assert_eq!(others.verify(&issue(None, now()).0), None);
    }
}
