//! How much of a caller's address is kept.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::activity::Activity;
use crate::digest::keyed;

/// What becomes of the address of a call before the call is written down anywhere. Done twice, it is as done
/// once.
#[derive(Debug, Clone, Default)]
pub enum AddressPrivacy {
    /// It is kept as it is.
    #[default]
    Off,
    /// Its network is kept: 24 bits of IPv4, 48 bits of IPv6.
    Truncate,
    /// A pseudonym is kept in its place: the same for the same address, as long as the key is the same.
    Hash(AddressKey),
}

/// Addresses are few enough to try them all: without this key, a pseudonym would say whose it is.
#[derive(Clone)]
pub struct AddressKey(pub [u8; 32]);

/// Nobody reads it in a log.
impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKey(..)")
    }
}

/// `100::/64`, which is set aside for packets to be thrown away (RFC 6666): no call comes from there, so that a
/// pseudonym is known as one.
const PSEUDONYMS: u128 = 0x100 << 112;

impl AddressPrivacy {
    /// What is kept of an address.
    pub fn of(&self, address: IpAddr) -> IpAddr {
        match (self, address.to_canonical()) {
            (Self::Off, _) => address,
            (Self::Truncate, IpAddr::V4(v4)) => Ipv4Addr::from_bits(v4.to_bits() >> 8 << 8).into(),
            (Self::Truncate, IpAddr::V6(v6)) => truncated(v6).into(),
            (Self::Hash(_), IpAddr::V6(v6)) if is_pseudonym(v6) => address,
            (Self::Hash(key), IpAddr::V4(v4)) => pseudonym(key, &v4.octets()),
            (Self::Hash(key), IpAddr::V6(v6)) => pseudonym(key, &v6.octets()),
        }
    }

    /// The same for the address of an activity, if it has one.
    pub fn apply(&self, activity: &mut Activity) {
        activity.ip = activity.ip.map(|address| self.of(address));
    }
}

fn is_pseudonym(address: Ipv6Addr) -> bool {
    address.to_bits() >> 64 << 64 == PSEUDONYMS
}

/// An address of 6to4 (`2002::/16`) has one of IPv4 in the bits after these, of which 24 are kept too.
fn truncated(address: Ipv6Addr) -> Ipv6Addr {
    if is_pseudonym(address) {
        return address;
    }
    let kept = if address.segments()[0] == 0x2002 { 40 } else { 48 };
    Ipv6Addr::from_bits(address.to_bits() >> (128 - kept) << (128 - kept))
}

fn pseudonym(key: &AddressKey, octets: &[u8]) -> IpAddr {
    let digest = keyed(&key.0, octets);
    let mut low = [0; 8];
    low.copy_from_slice(&digest[..8]);
    Ipv6Addr::from_bits(PSEUDONYMS | u128::from(u64::from_be_bytes(low))).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(key: u8) -> AddressPrivacy {
        AddressPrivacy::Hash(AddressKey([key; 32]))
    }

    fn kept(privacy: &AddressPrivacy, address: &str) -> String {
        privacy.of(address.parse().unwrap()).to_string()
    }

    #[test]
    fn a_network_is_kept() {
        for (address, network) in [
            ("192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("64:ff9b::192.0.2.77", "64:ff9b::"),
            // 192.0.2.77 by 6to4.
            ("2002:c000:24d:1::1", "2002:c000:200::"),
            ("::1", "::"),
        ] {
            assert_eq!(kept(&AddressPrivacy::Truncate, address), network);
        }
    }

    #[test]
    fn a_pseudonym_needs_the_key() {
        let one = kept(&hash(1), "192.0.2.77");
        assert!(one.starts_with("100::"), "{one}");
        assert_eq!(one, kept(&hash(1), "::ffff:192.0.2.77"), "the same address in another form");
        assert_ne!(one, kept(&hash(2), "192.0.2.77"));
        // Stores have them: another form would be another caller.
        assert_eq!(one, "100::b106:3ce4:3a32:ae52");
        assert_eq!(format!("{:?}", hash(1)), "Hash(AddressKey(..))");
    }

    proptest! {
        #[test]
        fn what_is_kept_is_kept_as_it_is(address: IpAddr, other: IpAddr, how in 0..3_usize) {
            let privacy = [AddressPrivacy::Off, AddressPrivacy::Truncate, hash(1)][how].clone();
            let once = privacy.of(address);
            prop_assert_eq!(privacy.of(once), once);
            if matches!(privacy, AddressPrivacy::Hash(_)) {
                prop_assert_eq!(once == privacy.of(other), address.to_canonical() == other.to_canonical());
            }
        }

        #[test]
        fn callers_of_one_network_are_told_apart_no_more(network: u32, one: u8, other: u8) {
            let of = |host: u8| AddressPrivacy::Truncate.of(Ipv4Addr::from_bits(network << 8 | u32::from(host)).into());
            prop_assert_eq!(of(one), of(other));
        }
    }
}
