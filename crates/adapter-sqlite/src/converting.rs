//! Functions that a migration calls, for what SQL cannot work out from stored bytes.

use activity_domain::error::Invalid;
use activity_domain::rollup::{ClientNo, Parts, Profile, Summary};
use activity_domain::time::Timestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::{SqliteAggregateFunction, SqliteConnection};

use crate::merging::Computed;
use crate::page::Page;

#[diesel::declare_sql_function]
extern "SQL" {
    fn quantiles_of(cells: Binary) -> Nullable<BigInt>;
    fn parts_of(cells: Binary) -> Binary;
    #[aggregate]
    fn page_of(client: BigInt, last_seen: BigInt, cells: Binary) -> Binary;
}

/// Makes the functions known to a connection.
pub(crate) fn register(c: &mut SqliteConnection) -> QueryResult<()> {
    quantiles_of_utils::register_impl(c, |cells: Vec<u8>| Computed(quantiles(&cells)))?;
    parts_of_utils::register_impl(c, |cells: Vec<u8>| Computed(parts(&cells)))?;
    page_of_utils::register_impl::<PageOf, _, _, _>(c)
}

fn quantiles(cells: &[u8]) -> Result<Option<i64>, Invalid> {
    let summary = Summary::from(&Profile::decode(cells, None)?.total());
    Ok(summary.quantiles.map(|quantiles| quantiles.code().cast_signed()))
}

fn parts(cells: &[u8]) -> Result<Vec<u8>, Invalid> {
    Ok(Parts::from(&Profile::decode(cells, None)?).encode())
}

/// The page of the clients that it is called for.
struct PageOf(Result<Page, Invalid>);

impl Default for PageOf {
    fn default() -> Self {
        Self(Ok(Page::default()))
    }
}

impl SqliteAggregateFunction<(i64, i64, Vec<u8>)> for PageOf {
    type Output = Computed<Vec<u8>>;

    fn step(&mut self, (client, last_seen, cells): (i64, i64, Vec<u8>)) {
        let Ok(page) = &mut self.0 else { return };
        let profile = Timestamp::from_micros(last_seen).and_then(|at| Profile::decode(&cells, Some(at)));
        match profile {
            Ok(profile) => page.set(ClientNo(client.cast_unsigned()), Summary::from(&profile.total())),
            Err(error) => self.0 = Err(error),
        }
    }

    fn finalize(page: Option<Self>) -> Self::Output {
        Computed(page.unwrap_or_default().0.map(|page| page.encode()))
    }
}
