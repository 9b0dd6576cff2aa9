//! Rate limits: how much of something a subject may do in any window of a given length.
//!
//! | Here | Holds |
//! |---|---|
//! | this module, `name` | whose use of what is limited: [`Subject`], [`Quota`], [`QuotaName`] |
//! | `charges` | the question: [`Charges`] to take, [`Quotas`] to look at |
//! | `decision` | the answer: [`Decision`], with the [`Taken`] that a refund needs |
//! | `now` | [`Now`] and [`Steady`]: time that never runs back |
//! | `ring` | the structure that counts one quota |
//! | `held` | [`Held`]: what counts, for another limiter |
//! | `counts` | [`Counts`]: all quotas of one subject, decided together |
//!
//! The law: what is admitted within any window of a quota's length never exceeds its limit. The price is
//! a sixtieth of the window: what has left it may go on counting for that long.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::client::RateLimit;
use crate::error::Invalid;
use crate::id::ClientId;

mod charges;
mod counts;
mod decision;
mod held;
mod name;
mod now;
mod ring;

pub use charges::{Charge, Charges, Quotas};
pub use counts::Counts;
pub use decision::{Decision, QuotaState, Taken, Verdict};
pub use held::Held;
pub use name::QuotaName;
pub use now::{Now, Steady};

/// The length of a quota's window: 1 second to 31 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(u32);

impl Window {
    /// 60 seconds.
    pub const MINUTE: Self = Self(60);
    /// 60 minutes.
    pub const HOUR: Self = Self(3_600);

    const LONGEST: u32 = 2_678_400;

    /// Takes a length in seconds.
    pub fn parse(seconds: i64) -> Result<Self, Invalid> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..=Self::LONGEST) => Ok(Self(seconds)),
            _ => Err(Invalid::new("must be between 1 second and 31 days (2678400 seconds)")),
        }
    }

    /// The length in seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// The length of a slot of its ring in microseconds: a sixtieth, rounded up, because sixty slots must not be shorter
    /// than the window. Slot `n` begins at `n` times that since 1970.
    pub fn slot_micros(self) -> u64 {
        (u64::from(self.0) * 1_000_000).div_ceil(ring::PARTS)
    }

    /// The next power of two, or the longest window: one of 23.
    fn widened(self) -> Self {
        Self(self.0.next_power_of_two().min(Self::LONGEST))
    }
}

/// At most `limit` in any `window`. A change of either acts with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// What it is called.
    pub name: QuotaName,
    /// How much fits into a window.
    pub limit: RateLimit,
    /// How long the window is.
    pub window: Window,
    /// It counts as if it refused, and says when it would have; but it refuses nothing.
    pub shadow: bool,
}

/// Whose use is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A client, for what it records.
    Client(ClientId),
    /// A client, for what it reads.
    Reads(ClientId),
    /// Somebody who is not known, by where the call comes from.
    Network(Network),
}

impl Subject {
    /// Somebody who is not known, by the address of the call.
    pub fn address(address: IpAddr) -> Self {
        Self::Network(Network::of(address))
    }
}

/// `client:CL-1`, `reads:CL-1`, `network:192.0.2.1`: different subjects have different texts.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Reads(id) => write!(f, "reads:{id}"),
            Self::Network(network) => write!(f, "network:{}", network.0),
        }
    }
}

/// The addresses that one party has at will: one address of IPv4, 64 bits' worth of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            v4 @ IpAddr::V4(_) => Self(v4),
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_a_second_to_a_month() {
        for bad in [i64::MIN, 0, 2_678_401, i64::MAX] {
            assert!(Window::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Window::parse(2_678_400).unwrap().seconds(), 2_678_400);
    }

    #[test]
    fn a_widened_window_is_never_shorter_and_one_of_few() {
        let widened: std::collections::BTreeSet<u32> = (1..=2_678_400)
            .map(|seconds| {
                let wide = Window(seconds).widened().seconds();
                assert!((seconds..2 * seconds.max(1) + 1).contains(&wide), "{seconds}: {wide}");
                wide
            })
            .collect();
        assert_eq!((widened.len(), widened.last()), (23, Some(&2_678_400)));
    }

    #[test]
    fn a_network_is_what_one_party_has() {
        let subject = |text: &str| Subject::address(text.parse().unwrap());
        assert_eq!(subject("2001:db8:1:2:3::4"), subject("2001:db8:1:2::"));
        assert_ne!(subject("2001:db8:1:2::"), subject("2001:db8:1:3::"));
        assert_eq!(subject("::ffff:192.0.2.1"), subject("192.0.2.1"));
        assert_ne!(subject("192.0.2.1"), subject("192.0.2.2"));
        assert_eq!(subject("2001:db8::7").to_string(), "network:2001:db8::");
    }
}
