//! Rate limits: how much of something a subject may do in any window of a given length.
//!
//! | Here | Holds |
//! |---|---|
//! | this module | the question: [`Subject`], [`Quota`], [`Cost`] |
//! | `decision` | the answer: [`Decision`], with the [`Taken`] that a refund needs |
//! | `now` | [`Now`] and [`Steady`]: time that never runs back |
//! | `ring` | the structure that counts one quota |
//! | `counts` | [`Counts`]: all quotas of one subject, decided together |
//!
//! The law: what is admitted within any window of a quota's length never exceeds its limit. The price is
//! a sixtieth of the window: what has left it may go on counting for that long.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::client::RateLimit;
use crate::error::Invalid;
use crate::id::ClientId;

mod counts;
mod decision;
mod now;
mod ring;

pub use counts::Counts;
pub use decision::{Decision, QuotaState, Taken, Verdict};
pub use now::{Now, Steady};

/// A quota's name, which separates it from the others of a subject and stands in answers: 1 to 32
/// characters of `a-z 0-9 -`. Names belong to the program, so that nobody can make counters at will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuotaName(&'static str);

impl QuotaName {
    /// Takes a name.
    pub fn parse(name: &'static str) -> Result<Self, Invalid> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > 32 || !name.bytes().all(legal) {
            return Err(Invalid::new("must be 1 to 32 characters of a-z 0-9 -"));
        }
        Ok(Self(name))
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// The length of a quota's window: 1 second to 31 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(u32);

impl Window {
    /// 60 seconds.
    pub const MINUTE: Self = Self(60);
    /// 60 minutes.
    pub const HOUR: Self = Self(3_600);

    /// Takes a length in seconds.
    pub fn parse(seconds: i64) -> Result<Self, Invalid> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..=2_678_400) => Ok(Self(seconds)),
            _ => Err(Invalid::new("must be between 1 second and 31 days (2678400 seconds)")),
        }
    }

    /// The length in seconds.
    pub fn seconds(self) -> u32 {
        self.0
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
}

/// The quotas of one call: 1 to [`Quotas::MAX`], each with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas(Vec<Quota>);

impl Quotas {
    /// The most quotas that one call may have.
    pub const MAX: usize = 8;

    /// Takes quotas, in the order in which decisions speak of them.
    pub fn parse(quotas: Vec<Quota>) -> Result<Self, Invalid> {
        if quotas.is_empty() || quotas.len() > Self::MAX {
            return Err(Invalid::new("must be 1 to 8 quotas"));
        }
        let is_named_before = |index: usize| quotas[..index].iter().any(|q| q.name == quotas[index].name);
        if (1..quotas.len()).any(is_named_before) {
            return Err(Invalid::new("must not hold two quotas of one name"));
        }
        Ok(Self(quotas))
    }

    /// The quotas, in order.
    pub fn as_slice(&self) -> &[Quota] {
        &self.0
    }
}

impl From<Quota> for Quotas {
    fn from(quota: Quota) -> Self {
        Self(vec![quota])
    }
}

/// How much of its quotas a call takes: at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u64);

impl Cost {
    /// What a plain call costs.
    pub const ONE: Self = Self(1);

    /// Takes a cost.
    pub fn parse(cost: u64) -> Result<Self, Invalid> {
        if cost == 0 { Err(Invalid::new("must be at least 1")) } else { Ok(Self(cost)) }
    }

    /// The cost as a number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The cost as a count, where it can ever fit into the quota.
    fn within(self, quota: &Quota) -> Option<u32> {
        u32::try_from(self.0).ok().filter(|cost| *cost <= quota.limit.get())
    }
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

    fn quota(name: &'static str) -> Quota {
        Quota {
            name: QuotaName::parse(name).unwrap(),
            limit: RateLimit::parse(5).unwrap(),
            window: Window::parse(60).unwrap(),
        }
    }

    #[test]
    fn values_are_checked() {
        for bad in ["", "Default", "a b", "a:b", "abcdefghijklmnopqrstuvwxyz-0123456"] {
            assert!(QuotaName::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(QuotaName::parse("per-day-2").unwrap().as_str(), "per-day-2");
        for bad in [i64::MIN, 0, 2_678_401, i64::MAX] {
            assert!(Window::parse(bad).is_err(), "{bad}");
        }
        assert!(Cost::parse(0).is_err());
    }

    #[test]
    fn quotas_are_few_and_have_different_names() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let all: Vec<Quota> = names.into_iter().map(quota).collect();
        assert!(Quotas::parse(all[..8].to_vec()).is_ok());
        assert!(Quotas::parse(all).is_err());
        assert!(Quotas::parse(Vec::new()).is_err());
        assert!(Quotas::parse(vec![quota("a"), quota("b"), quota("a")]).is_err());
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
