//! Passwords that are made up for one server, so that other users of the machine do not get in.

use std::hash::{BuildHasher, RandomState};

/// 128 bits from the keys of the hasher, the randomness that the standard library has.
pub(crate) fn fresh() -> String {
    let bits = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", bits(), bits())
}
