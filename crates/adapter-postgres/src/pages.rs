//! Pages, written with the blocks whose sums they hold.
//!
//! A question about all clients needs five numbers of each block. A page has them of up to 128 clients in one short
//! row, and so costs the same whether few or all of these clients have a block.

use std::collections::{BTreeMap, HashMap};

use activity_domain::error::{Invalid, StoreError};
use activity_domain::rollup::{ClientNo, Summary};
use activity_domain::span::{Level, Minute};
use diesel::sql_types::{Array, BigInt, Binary, Integer};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::blocks::minutes;
use crate::error::{Failure, corrupt};
use crate::page::{Page, place_of};
use crate::statement::statement;

/// Pages in one statement, of a few kilobytes each.
const CHUNK: usize = 500;

/// A page: the length of its blocks in minutes, their first minute, and its number.
type Key = (i32, i64, i64);

/// What is set in pages.
#[derive(Default)]
pub(crate) struct Pages(BTreeMap<Key, Page>);

statement! {
    /// Each is looked up by its key, however many there are.
    There {
        minutes: Vec<i32> => Array<Integer>,
        start: Vec<i64> => Array<BigInt>,
        page: Vec<i64> => Array<BigInt>,
    } -> (Integer, BigInt, BigInt, Binary) =
        "SELECT p.minutes, p.start, p.page, p.sums \
         FROM (SELECT unnest($1) AS minutes, unnest($2) AS start, unnest($3) AS page) AS wanted \
         CROSS JOIN LATERAL ( \
             SELECT * FROM usage_page u WHERE u.minutes = wanted.minutes AND u.start = wanted.start \
                 AND u.page = wanted.page OFFSET 0) p"
}

statement! {
    /// Writes pages, also in place of what is there.
    Put {
        minutes: Vec<i32> => Array<Integer>,
        start: Vec<i64> => Array<BigInt>,
        page: Vec<i64> => Array<BigInt>,
        requests: Vec<i64> => Array<BigInt>,
        sums: Vec<Vec<u8>> => Array<Binary>,
    } -> () =
        "INSERT INTO usage_page (minutes, start, page, requests, sums) \
         SELECT unnest($1), unnest($2), unnest($3), unnest($4), unnest($5) \
         ON CONFLICT (minutes, start, page) DO UPDATE SET requests = excluded.requests, sums = excluded.sums"
}

impl Pages {
    /// What a client's block comes to. Everybody is in no page.
    pub fn set(&mut self, level: Level, start: Minute, client: ClientNo, sum: &Summary) {
        if client != ClientNo::EVERYBODY {
            let (page, place) = place_of(client);
            self.0.entry((minutes(level), start.0, page)).or_default().0.insert(place, sum.into());
        }
    }

    /// Writes them. Nobody else may do so at the same time.
    pub async fn write(self, c: &mut AsyncPgConnection) -> Result<(), Failure> {
        let fresh: Vec<(Key, Page)> = self.0.into_iter().collect();
        for chunk in fresh.chunks(CHUNK) {
            let minutes = chunk.iter().map(|((minutes, ..), _)| *minutes).collect();
            let (start, page) = chunk.iter().map(|((_, start, page), _)| (*start, *page)).unzip();
            let mut put = Put { minutes, start, page, requests: Vec::new(), sums: Vec::new() };
            let mut old = there(c, &put).await?;
            for (key, fresh) in chunk {
                let mut page = old.remove(key).unwrap_or_default();
                page.0.extend(&fresh.0);
                put.requests.push(page.requests().cast_signed());
                put.sums.push(page.encode(Minute(key.1)));
            }
            put.execute(c).await?;
        }
        Ok(())
    }
}

async fn there(c: &mut AsyncPgConnection, put: &Put) -> Result<HashMap<Key, Page>, Failure> {
    let wanted = There { minutes: put.minutes.clone(), start: put.start.clone(), page: put.page.clone() };
    let rows: Vec<(i32, i64, i64, Vec<u8>)> = wanted.load(c).await?;
    let page = |(minutes, start, number, bytes): (i32, i64, i64, Vec<u8>)| {
        let page = Page::decode(&bytes, Minute(start));
        Ok(((minutes, start, number), page.map_err(|error| bad(start, number, &error))?))
    };
    rows.into_iter().map(page).collect()
}

/// What is wrong with a stored page.
pub(crate) fn bad(start: i64, page: i64, error: &Invalid) -> StoreError {
    corrupt("usage_page", "sums", &format_args!("page {page} from minute {start}"), error)
}
