//! Values as bytes: with the key that they are for, where the store stood, their age, and a checksum, so that nothing
//! is served that anything is wrong with.
//!
//! ```text
//! "atc1" | key | history | settled, 8 | instance, 8 | sequence, 8 | since, 8 | fresh, 8 | stale, 8 | kind, 1 | rows, 4
//! | of each row: client, for the busiest its name, the summary | CRC-32C of all before, 4
//! ```
//!
//! Texts have their length in front, in 2 bytes; numbers have the low byte first; times are microseconds.

use std::sync::Arc;
use std::time::Duration;

use activity_domain::cache::{CacheValue, CachedDay, Lifetime};
use activity_domain::client::ClientName;
use activity_domain::id::ClientId;
use activity_domain::rollup::Summary;
use activity_domain::service::Stamp;
use activity_domain::time::Timestamp;
use activity_domain::usage::TopRow;

const MAGIC: &[u8; 4] = b"atc1";
/// The checksum.
pub(super) const END: usize = 4;

/// What is kept with a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Envelope {
    pub stamp: Stamp,
    /// Who computed it, and the number of what it had forgotten by then.
    pub instance: u64,
    pub sequence: u64,
    pub since: Timestamp,
    pub lifetime: Lifetime,
    pub value: CacheValue,
}

impl Envelope {
    pub fn encode(&self, key: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend(MAGIC);
        put_text(&mut bytes, key);
        put_text(&mut bytes, &self.stamp.history);
        for number in [
            self.stamp.settled,
            self.instance,
            self.sequence,
            self.since.as_micros().cast_unsigned(),
            micros(self.lifetime.fresh),
            micros(self.lifetime.stale),
        ] {
            bytes.extend(number.to_le_bytes());
        }
        put_value(&mut bytes, &self.value);
        let sum = crc32c::crc32c(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// `None` if the bytes are not whole, or those of another key.
    pub fn decode(bytes: &[u8], key: &str) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<END>()?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let mut body = body.strip_prefix(MAGIC)?;
        let body = &mut body;
        if take_text(body)? != key {
            return None;
        }
        let history = take_text(body)?.into();
        let (settled, instance, sequence) = (take_number(body)?, take_number(body)?, take_number(body)?);
        let since = Timestamp::from_micros(take_number(body)?.cast_signed()).ok()?;
        let [fresh, stale] = [take_number(body)?, take_number(body)?].map(Duration::from_micros);
        let value = take_value(body)?;
        let stamp = Stamp { history, settled };
        let lifetime = Lifetime { fresh, stale };
        body.is_empty().then_some(Self { stamp, instance, sequence, since, lifetime, value })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    // Keys, ids and names are far shorter.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn put_value(bytes: &mut Vec<u8>, value: &CacheValue) {
    let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX).to_le_bytes();
    match value {
        CacheValue::Day(day) => match day.as_ref() {
            CachedDay::TooLong => bytes.push(0),
            CachedDay::Rows(rows) => {
                bytes.push(1);
                bytes.extend(count(rows.len()));
                for (client, summary) in rows {
                    put_text(bytes, client.as_str());
                    summary.encode(bytes);
                }
            }
        },
        CacheValue::Top(rows) => {
            bytes.push(2);
            bytes.extend(count(rows.len()));
            for row in rows.iter() {
                put_text(bytes, row.client.as_str());
                put_text(bytes, row.name.as_str());
                row.summary.encode(bytes);
            }
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_le_bytes)
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = u16::from_le_bytes(take(bytes)?).into();
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    str::from_utf8(text).ok()
}

fn take_client(bytes: &mut &[u8]) -> Option<ClientId> {
    ClientId::parse(take_text(bytes)?).ok()
}

fn take_value(bytes: &mut &[u8]) -> Option<CacheValue> {
    let [kind] = take(bytes)?;
    if kind == 0 {
        return Some(CacheValue::Day(Arc::new(CachedDay::TooLong)));
    }
    let count = u32::from_le_bytes(take(bytes)?);
    if kind == 1 {
        let row = |_| Some((take_client(bytes)?, Summary::decode(bytes).ok()?));
        let rows: Option<Box<[_]>> = (0..count).map(row).collect();
        return Some(CacheValue::Day(Arc::new(CachedDay::Rows(rows?))));
    }
    let row = |_| {
        let (client, name) = (take_client(bytes)?, ClientName::parse(take_text(bytes)?).ok()?);
        Some(TopRow { client, name, summary: Summary::decode(bytes).ok()? })
    };
    let rows: Option<Arc<[_]>> = (kind == 2).then(|| (0..count).map(row).collect())?;
    Some(CacheValue::Top(rows?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        let summary = Summary { requests: 7, ..Summary::default() };
        let client = ClientId::parse("CL-1").unwrap();
        let name = ClientName::parse("Ada").unwrap();
        Envelope {
            stamp: Stamp { history: "a".into(), settled: u64::MAX },
            instance: 1,
            sequence: 2,
            since: Timestamp::from_seconds(9).unwrap(),
            lifetime: Lifetime { fresh: Duration::from_secs(5), stale: Duration::ZERO },
            value: CacheValue::Top(vec![TopRow { client, name, summary }].into()),
        }
    }

    #[test]
    fn it_comes_out_as_it_went_in_and_under_its_key_only() {
        let bytes = envelope().encode("one");
        assert_eq!(Envelope::decode(&bytes, "one"), Some(envelope()));
        assert_eq!(Envelope::decode(&bytes, "other"), None);
    }

    #[test]
    fn what_is_damaged_is_nothing() {
        let bytes = envelope().encode("one");
        for length in 0..bytes.len() {
            assert_eq!(Envelope::decode(&bytes[..length], "one"), None);
        }
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert_eq!(Envelope::decode(&damaged, "one"), None, "{place}");
        }
        // A count that the rest does not bear out, with a checksum that does.
        let mut lying = envelope().encode("one");
        let count = lying.len() - END - 4 - 2 - 4 - 2 - 3 - 4 - 16;
        lying[count..count + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let body = lying.len() - END;
        let sum = crc32c::crc32c(&lying[..body]).to_le_bytes();
        lying[body..].copy_from_slice(&sum);
        assert_eq!(Envelope::decode(&lying, "one"), None);
    }
}
