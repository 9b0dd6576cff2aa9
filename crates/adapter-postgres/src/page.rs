//! Pages: the sums of up to 128 clients' blocks side by side, as they are stored.
//!
//! A page begins with a version byte. Then comes each client, by its place in the page: a byte for the place, two
//! for the lengths of what follows (two bits each, the first number's lowest: 1, 2, 4 or 8 bytes), and requests,
//! errors, those with a response time, the sum of these in microseconds, and how many microseconds after the
//! block's beginning the client was last seen. Great ends come first, because the migration that fills pages has
//! to write the same in SQL.

use std::collections::BTreeMap;

use activity_domain::error::Invalid;
use activity_domain::rollup::{ClientNo, Summary};
use activity_domain::span::Minute;
use activity_domain::time::Timestamp;

/// Clients of a page. A page of so many fits into a quarter of one of the database's.
pub(crate) const CLIENTS: usize = 128;
/// First byte of the stored form.
const VERSION: u8 = 1;

/// The numbers of one client's block: requests, errors, timed, microseconds, and when it was last seen, in
/// microseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub counts: [u64; 4],
    pub last_seen: i64,
}

impl From<&Summary> for Sums {
    fn from(sum: &Summary) -> Self {
        let counts = [sum.requests, sum.errors, sum.timed, sum.micros];
        Self { counts, last_seen: sum.last_seen.map_or(0, Timestamp::as_micros) }
    }
}

/// The sums of a page's clients, by their place in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page(pub BTreeMap<u8, Sums>);

impl Page {
    /// Requests of all its clients.
    pub fn requests(&self) -> u64 {
        self.0.values().map(|sums| sums.counts[0]).sum()
    }

    /// The stored form, for blocks that begin with a minute.
    pub fn encode(&self, start: Minute) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 20 * self.0.len());
        bytes.push(VERSION);
        let start = Timestamp::from(start).as_micros();
        for (place, sums) in &self.0 {
            let [requests, errors, timed, micros] = sums.counts;
            let after = sums.last_seen.saturating_sub(start).max(0).cast_unsigned();
            let numbers = [requests, errors, timed, micros, after];
            let code = |number: u64| match number {
                0..=0xff => 0u16,
                0x100..=0xffff => 1,
                0x1_0000..=0xffff_ffff => 2,
                _ => 3,
            };
            let codes = numbers.iter().rev().fold(0, |codes, number| codes << 2 | code(*number));
            bytes.push(*place);
            bytes.extend(codes.to_be_bytes());
            for number in numbers {
                let all = number.to_be_bytes();
                bytes.extend(&all[all.len() - (1 << code(number))..]);
            }
        }
        bytes
    }

    pub fn decode(bytes: &[u8], start: Minute) -> Result<Self, Invalid> {
        let mut page = Self::default();
        for_each(bytes, start, |place, sums| {
            page.0.insert(place, sums);
        })?;
        Ok(page)
    }
}

/// The page that a client is in, and its place there.
pub(crate) fn place_of(client: ClientNo) -> (i64, u8) {
    let place = u8::try_from(client.0 % CLIENTS as u64).unwrap_or_default();
    ((client.0 / CLIENTS as u64).cast_signed(), place)
}

/// The client at a place of a page.
pub(crate) fn client_at(page: i64, place: u8) -> ClientNo {
    ClientNo(page.cast_unsigned() * CLIENTS as u64 + u64::from(place))
}

/// Hands over what each client has in the stored form of a page.
pub(crate) fn for_each(
    mut bytes: &[u8],
    start: Minute,
    mut take: impl FnMut(u8, Sums),
) -> Result<(), Invalid> {
    if bytes.split_off_first() != Some(&VERSION) {
        return Err(Invalid::new("is not a page of version 1"));
    }
    let start = Timestamp::from(start).as_micros();
    while let Some((&[place, high, low], rest)) = bytes.split_first_chunk() {
        bytes = rest;
        let mut codes = u16::from_be_bytes([high, low]);
        let mut numbers = [0u64; 5];
        for number in &mut numbers {
            *number = number_of(&mut bytes, codes & 3)?;
            codes >>= 2;
        }
        if usize::from(place) >= CLIENTS {
            return Err(Invalid::new("has a place that no page has"));
        }
        let [requests, errors, timed, micros, after] = numbers;
        let last_seen = start.wrapping_add(after.cast_signed());
        take(place, Sums { counts: [requests, errors, timed, micros], last_seen });
    }
    if bytes.is_empty() { Ok(()) } else { Err(Invalid::new("is cut short")) }
}

fn number_of(bytes: &mut &[u8], code: u16) -> Result<u64, Invalid> {
    let taken = match code {
        0 => bytes.split_off_first().map(|byte| u64::from(*byte)),
        1 => chunk(bytes).map(|bytes| u64::from(u16::from_be_bytes(bytes))),
        2 => chunk(bytes).map(|bytes| u64::from(u32::from_be_bytes(bytes))),
        _ => chunk(bytes).map(u64::from_be_bytes),
    };
    taken.ok_or_else(|| Invalid::new("is cut short"))
}

fn chunk<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*chunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Minute = Minute(29_000_000);

    /// Numbers of every length.
    fn number() -> impl Strategy<Value = u64> {
        (0u32..63, any::<u64>()).prop_map(|(shift, number)| number >> 1 >> shift)
    }

    prop_compose! {
        fn sums()(counts in prop::array::uniform4(number()), after in 0i64..86_400_000_000) -> Sums {
            Sums { counts, last_seen: Timestamp::from(START).as_micros() + after }
        }
    }

    proptest! {
        #[test]
        fn the_stored_form_round_trips(clients in prop::collection::btree_map(0u8..128, sums(), 0..140)) {
            let page = Page(clients);
            prop_assert_eq!(Page::decode(&page.encode(START), START), Ok(page));
        }

        #[test]
        fn each_client_has_a_place_of_its_own(client in 0u64..1 << 62) {
            let (page, place) = place_of(ClientNo(client));
            prop_assert!(usize::from(place) < CLIENTS);
            prop_assert_eq!(client_at(page, place), ClientNo(client));
        }

        #[test]
        fn junk_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Page::decode(&bytes, START);
            bytes.insert(0, VERSION);
            let _ = Page::decode(&bytes, START);
        }

        #[test]
        fn what_is_cut_short_is_refused(clients in prop::collection::btree_map(0u8..128, sums(), 1..9), cut in 1usize..8) {
            let page = Page(clients);
            let bytes = page.encode(START);
            prop_assert!(Page::decode(&bytes[..bytes.len() - cut], START) != Ok(page));
        }
    }
}
