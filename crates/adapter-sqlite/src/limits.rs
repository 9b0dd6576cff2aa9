//! A client's limits besides its `rate_limit`: rows of their own, read and written with the client's.

use activity_domain::client::{
    ClientLimit, ClientLimits, EndpointPrefix, InvalidLimits, LimitName, RateLimit,
};
use activity_domain::error::{Invalid, StoreError};
use activity_domain::limit::Window;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::error::{Failure, corrupt};
use crate::schema::client_limit;

/// The limits of the client with this number, on the snapshot that the client is read from.
pub(crate) fn of(c: &mut SqliteConnection, client: i64) -> Result<ClientLimits, Failure> {
    let rows = client_limit::table
        .filter(client_limit::client.eq(client))
        .order(client_limit::position)
        .select(LimitRow::as_select());
    let rows: Vec<LimitRow> = rows.load(c)?;
    let limits: Result<Vec<ClientLimit>, StoreError> =
        rows.into_iter().map(|row| row.parse(client)).collect();
    let broken =
        |error: InvalidLimits| corrupt("client_limit", "*", &client, &Invalid::new(error.to_string()));
    Ok(ClientLimits::parse(limits?).map_err(broken)?)
}

/// Makes these the limits of a client, in the transaction that writes the client.
pub(crate) fn replace(c: &mut SqliteConnection, client: i64, limits: &ClientLimits) -> QueryResult<()> {
    diesel::delete(client_limit::table.filter(client_limit::client.eq(client))).execute(c)?;
    for (position, limit) in (0i64..).zip(limits.as_slice()) {
        let values = (
            client_limit::client.eq(client),
            client_limit::position.eq(position),
            client_limit::name.eq(limit.name.as_str()),
            client_limit::rate_limit.eq(i64::from(limit.limit.get())),
            client_limit::seconds.eq(i64::from(limit.window.seconds())),
            client_limit::endpoint.eq(limit.endpoint.as_ref().map(EndpointPrefix::as_str)),
            client_limit::is_shadow.eq(limit.shadow),
        );
        diesel::insert_into(client_limit::table).values(values).execute(c)?;
    }
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = client_limit)]
struct LimitRow {
    name: String,
    rate_limit: i64,
    seconds: i64,
    endpoint: Option<String>,
    is_shadow: bool,
}

impl LimitRow {
    fn parse(self, client: i64) -> Result<ClientLimit, StoreError> {
        let key = format!("client {client}, {}", self.name);
        let bad = |column: &'static str| {
            let key = &key;
            move |error: Invalid| corrupt("client_limit", column, key, &error)
        };
        Ok(ClientLimit {
            name: LimitName::parse(&self.name).map_err(bad("name"))?,
            limit: RateLimit::parse(self.rate_limit).map_err(bad("rate_limit"))?,
            window: Window::parse(self.seconds).map_err(bad("seconds"))?,
            endpoint: self
                .endpoint
                .as_deref()
                .map(EndpointPrefix::parse)
                .transpose()
                .map_err(bad("endpoint"))?,
            shadow: self.is_shadow,
        })
    }
}
