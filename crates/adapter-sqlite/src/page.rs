//! Pages: the sums of up to 256 clients side by side.
//!
//! A question about all clients needs five numbers of each block. As rows, they would be found one by one in a
//! tree; a page holds 256 of them in a few kilobytes.

use std::collections::BTreeMap;

use activity_domain::error::Invalid;
use activity_domain::rollup::{ClientNo, Summary};
use activity_domain::span::{Level, Minute, Run};
use diesel::connection::DefaultLoadingMode;
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::block::PageBlock;
use crate::error::{Failure, corrupt};
use crate::schema::usage_page;

/// Clients of a page: a place is one byte.
const CLIENTS: usize = 256;
/// First byte of the stored form.
const VERSION: u8 = 1;

/// The sums of a page's clients, by their place in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page(BTreeMap<u8, Summary>);

impl Page {
    pub fn set(&mut self, client: ClientNo, summary: Summary) {
        self.0.insert(place_of(client).1, summary);
    }

    /// The stored form: a version byte, then each client's place and sums.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 32 * self.0.len());
        bytes.push(VERSION);
        for (place, summary) in &self.0 {
            bytes.push(*place);
            summary.encode(&mut bytes);
        }
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        let mut page = Self::default();
        decode(bytes, |place, summary| {
            page.0.insert(place, summary);
        })?;
        Ok(page)
    }
}

/// The page that a client is in, and its place there.
fn place_of(client: ClientNo) -> (i64, u8) {
    let [place, ..] = client.0.to_le_bytes();
    ((client.0 >> u8::BITS).cast_signed(), place)
}

fn client_at(page: i64, place: u8) -> ClientNo {
    ClientNo(page.cast_unsigned() << u8::BITS | u64::from(place))
}

fn decode(mut bytes: &[u8], mut take: impl FnMut(u8, Summary)) -> Result<(), Invalid> {
    if bytes.split_off_first() != Some(&VERSION) {
        return Err(Invalid::new("is not a page of version 1"));
    }
    while let Some(place) = bytes.split_off_first() {
        take(*place, Summary::decode(&mut bytes)?);
    }
    Ok(())
}

/// What is set in pages, in the order of their keys.
#[derive(Default)]
pub(crate) struct Pages(BTreeMap<(Level, Minute, i64), Page>);

impl Pages {
    pub fn set(&mut self, level: Level, start: Minute, client: ClientNo, summary: Summary) {
        self.0.entry((level, start, place_of(client).0)).or_default().set(client, summary);
    }

    pub fn write(self, c: &mut SqliteConnection) -> Result<(), Failure> {
        for ((level, start, number), fresh) in self.0 {
            let key = (level.minutes(), start.0, number);
            let old = usage_page::table.find(key).select(usage_page::summaries).get_result::<Vec<u8>>(c);
            let mut page = match old.optional()? {
                Some(bytes) => Page::decode(&bytes).map_err(|error| bad(start, number, &error))?,
                None => Page::default(),
            };
            page.0.extend(fresh.0);
            PageBlock::new(key, page.encode()).put(c)?;
        }
        Ok(())
    }
}

/// Hands over the sums of each client's blocks in a run.
pub(crate) fn for_each(
    c: &mut SqliteConnection,
    run: Run,
    mut take: impl FnMut(ClientNo, Summary),
) -> Result<(), Failure> {
    for_each_page(c, run, |number, bytes| {
        decode(bytes, |place, summary| take(client_at(number, place), summary))
    })
}

/// Adds up the sums of all clients. There may be very many blocks: a client's total is found by its place in a
/// page, and not looked up.
#[derive(Default)]
pub(crate) struct Totals(BTreeMap<i64, Box<[Summary; CLIENTS]>>);

impl Totals {
    /// Adds each client's blocks in a run.
    pub fn add_run(&mut self, c: &mut SqliteConnection, run: Run) -> Result<(), Failure> {
        for_each_page(c, run, |number, bytes| {
            let totals = self.page(number);
            decode(bytes, |place, summary| {
                let total = &mut totals[usize::from(place)];
                *total = total.plus(&summary);
            })
        })
    }

    pub fn add(&mut self, client: ClientNo, summary: &Summary) {
        let (page, place) = place_of(client);
        let total = &mut self.page(page)[usize::from(place)];
        *total = total.plus(summary);
    }

    fn page(&mut self, number: i64) -> &mut [Summary; CLIENTS] {
        self.0.entry(number).or_insert_with(|| Box::new([Summary::default(); CLIENTS]))
    }

    /// The clients that have any requests.
    pub fn iter(&self) -> impl Iterator<Item = (ClientNo, Summary)> {
        let clients = self.0.iter().flat_map(|(number, page)| {
            (0..=u8::MAX).map(|place| client_at(*number, place)).zip(page.iter().copied())
        });
        clients.filter(|(_, total)| total.requests > 0)
    }
}

/// The first minute of the newest block of a length.
pub(crate) fn newest(c: &mut SqliteConnection, level: Level) -> QueryResult<Option<Minute>> {
    let blocks = usage_page::table.filter(usage_page::minutes.eq(level.minutes()));
    Ok(blocks.select(max(usage_page::start)).get_result::<Option<i64>>(c)?.map(Minute))
}

fn for_each_page(
    c: &mut SqliteConnection,
    run: Run,
    mut take: impl FnMut(i64, &[u8]) -> Result<(), Invalid>,
) -> Result<(), Failure> {
    let pages = usage_page::table
        .filter(usage_page::minutes.eq(run.level.minutes()))
        .filter(usage_page::start.ge(run.span.from.0))
        .filter(usage_page::start.lt(run.span.to.0))
        .select((usage_page::start, usage_page::page, usage_page::summaries))
        .load_iter::<(i64, i64, Vec<u8>), DefaultLoadingMode>(c)?;
    for page in pages {
        let (start, number, bytes) = page?;
        take(number, &bytes).map_err(|error| bad(Minute(start), number, &error))?;
    }
    Ok(())
}

fn bad(start: Minute, page: i64, error: &Invalid) -> Failure {
    corrupt("usage_page", "summaries", &format_args!("page {page} from minute {}", start.0), error).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use activity_domain::sketch::Sketch;
    use activity_domain::time::Timestamp;
    use proptest::prelude::*;

    prop_compose! {
        fn summary()(
            numbers in prop::array::uniform4(1u64..1 << 40),
            at in prop::option::of(0i64..4_000_000_000_000_000),
            took in prop::option::of(any::<u64>()),
        ) -> Summary {
            let [requests, errors, timed, micros] = numbers;
            let mut sketch = Sketch::default();
            if let Some(micros) = took {
                sketch.add(micros);
            }
            let last_seen = at.map(|at| Timestamp::from_micros(at).unwrap());
            Summary { requests, errors, timed, micros, last_seen, quantiles: sketch.quantiles() }
        }
    }

    proptest! {
        #[test]
        fn the_stored_form_round_trips(clients in prop::collection::btree_map(any::<u8>(), summary(), 0..300)) {
            let page = Page(clients);
            prop_assert_eq!(Page::decode(&page.encode()), Ok(page));
        }

        #[test]
        fn totals_are_sums_by_client(parts in prop::collection::vec((1u64..2_000, summary()), 0..300)) {
            let mut totals = Totals::default();
            let mut expected: BTreeMap<ClientNo, Summary> = BTreeMap::new();
            for (client, summary) in &parts {
                totals.add(ClientNo(*client), summary);
                let sum = expected.entry(ClientNo(*client)).or_default();
                *sum = sum.plus(summary);
            }
            prop_assert_eq!(totals.iter().collect::<BTreeMap<_, _>>(), expected);
        }

        #[test]
        fn junk_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Page::decode(&bytes);
            bytes.insert(0, VERSION);
            let _ = Page::decode(&bytes);
        }
    }
}
