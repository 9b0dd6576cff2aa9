//! Pages: the sums of up to 256 clients side by side.
//!
//! A question about all clients needs five numbers of each block. As rows, they would be found one by one in a
//! tree; a page holds 256 of them in a few kilobytes.

use std::collections::BTreeMap;

use activity_domain::error::Invalid;
use activity_domain::rollup::{ClientNo, Summary};
use activity_domain::span::{Level, Minute, Run};
use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::schema::usage_page;

/// Clients of a page.
const CLIENTS: u64 = 256;
/// First byte of the stored form.
const VERSION: u8 = 1;

/// The sums of a page's clients, by their place in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page(BTreeMap<u8, Summary>);

impl Page {
    /// The page that a client is in.
    pub fn of(client: ClientNo) -> i64 {
        (client.0 / CLIENTS).cast_signed()
    }

    pub fn set(&mut self, client: ClientNo, summary: Summary) {
        self.0.insert((client.0 % CLIENTS) as u8, summary);
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
        self.0.entry((level, start, Page::of(client))).or_default().set(client, summary);
    }

    pub fn write(self, c: &mut SqliteConnection) -> Result<(), Failure> {
        for ((level, start, number), fresh) in self.0 {
            let key = (level.minutes(), start.0, number);
            let old = usage_page::table.find(key).select(usage_page::summaries).first::<Vec<u8>>(c);
            let mut page = match old.optional()? {
                Some(bytes) => Page::decode(&bytes).map_err(|error| bad(start, number, &error))?,
                None => Page::default(),
            };
            page.0.extend(fresh.0);
            diesel::replace_into(usage_page::table)
                .values((
                    usage_page::minutes.eq(key.0),
                    usage_page::start.eq(key.1),
                    usage_page::page.eq(key.2),
                    usage_page::summaries.eq(page.encode()),
                ))
                .execute(c)?;
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
    let pages = usage_page::table
        .filter(usage_page::minutes.eq(run.level.minutes()))
        .filter(usage_page::start.ge(run.span.from.0))
        .filter(usage_page::start.lt(run.span.to.0))
        .select((usage_page::start, usage_page::page, usage_page::summaries))
        .load_iter::<(i64, i64, Vec<u8>), DefaultLoadingMode>(c)?;
    for page in pages {
        let (start, number, bytes) = page?;
        let first = number.cast_unsigned() * CLIENTS;
        decode(&bytes, |place, summary| take(ClientNo(first + u64::from(place)), summary))
            .map_err(|error| bad(Minute(start), number, &error))?;
    }
    Ok(())
}

fn bad(start: Minute, page: i64, error: &Invalid) -> Failure {
    corrupt("usage_page", "summaries", &format_args!("page {page} from minute {}", start.0), error).into()
}
