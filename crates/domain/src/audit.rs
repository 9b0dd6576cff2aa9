//! The audit trail of an activity: headers and bodies, sealed where they came in.

use std::fmt;

use crate::error::Invalid;
use crate::id::{ActivityId, ClientId};
use crate::time::Timestamp;

/// Sealed bytes: what a [`Vault`](crate::port::Vault) makes and only a vault with the same key opens. At
/// most [`Sealed::MAX`] of them, so that an activity still fits into a frame of the spool.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed(Box<[u8]>);

impl Sealed {
    /// The most bytes.
    pub const MAX: usize = 52 * 1024;

    /// Takes sealed bytes.
    pub fn parse(bytes: impl Into<Box<[u8]>>) -> Result<Self, Invalid> {
        let bytes = bytes.into();
        if bytes.is_empty() || bytes.len() > Self::MAX {
            return Err(Invalid::new(format!("must be 1 to {} bytes", Self::MAX)));
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Nobody reads it in a log.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// Where the trail of an activity belongs. It is sealed in, so that what was moved to another row does
/// not open. Different activities have different ones: an id has no NUL.
pub fn context(client: &ClientId, id: ActivityId, at: Timestamp) -> Vec<u8> {
    let mut context = b"activity_body.audit\0".to_vec();
    context.extend_from_slice(client.as_str().as_bytes());
    context.push(0);
    context.extend_from_slice(id.0.as_bytes());
    context.extend_from_slice(&at.as_micros().to_be_bytes());
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn sealed_bytes_are_bounded_and_not_shown() {
        assert!(Sealed::parse(Vec::new()).is_err());
        assert!(Sealed::parse(vec![0; Sealed::MAX + 1]).is_err());
        let sealed = Sealed::parse(vec![b'x'; Sealed::MAX]).unwrap();
        assert_eq!(format!("{sealed:?}"), "Sealed(..)");
    }

    #[test]
    fn every_activity_has_a_context_of_its_own() {
        let client = |id| ClientId::parse(id).unwrap();
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let id = |bits| ActivityId(Uuid::from_u128(bits));
        let all = [
            context(&client("a"), id(1), at(1)),
            context(&client("b"), id(1), at(1)),
            context(&client("a"), id(2), at(1)),
            context(&client("a"), id(1), at(2)),
        ];
        for (n, one) in all.iter().enumerate() {
            assert!(all[n + 1..].iter().all(|other| other != one));
        }
    }
}
