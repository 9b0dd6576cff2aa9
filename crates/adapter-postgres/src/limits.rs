//! A client's limits besides its `rate_limit`: rows of their own, read and written with the client's.

use std::collections::HashMap;

use activity_domain::client::{
    ClientLimit, ClientLimits, EndpointPrefix, InvalidLimits, LimitName, RateLimit,
};
use activity_domain::error::{Invalid, StoreError};
use activity_domain::limit::Window;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::{Failure, corrupt};
use crate::schema::client_limit;

/// The limits of the clients with these numbers, on the snapshot that the clients are read from. Those that
/// have none are missing.
pub(crate) async fn of(
    c: &mut AsyncPgConnection,
    clients: &[i64],
) -> Result<HashMap<i64, ClientLimits>, Failure> {
    let rows: Vec<LimitRow> = client_limit::table
        .filter(client_limit::client.eq_any(clients))
        .order((client_limit::client, client_limit::position))
        .select(LimitRow::as_select())
        .load(c)
        .await?;
    let mut limits: HashMap<i64, Vec<ClientLimit>> = HashMap::new();
    for row in rows {
        limits.entry(row.client).or_default().push(row.try_into()?);
    }
    let together = |(client, limits)| {
        let broken =
            |error: InvalidLimits| corrupt("client_limit", "*", &client, &Invalid::new(error.to_string()));
        Ok((client, ClientLimits::parse(limits).map_err(broken)?))
    };
    limits.into_iter().map(together).collect()
}

/// Makes these the limits of a client, in the transaction that writes the client.
pub(crate) async fn replace(
    c: &mut AsyncPgConnection,
    client: i64,
    limits: &ClientLimits,
) -> QueryResult<()> {
    diesel::delete(client_limit::table.filter(client_limit::client.eq(client))).execute(c).await?;
    let values = (0i32..).zip(limits.as_slice()).map(|(position, limit)| {
        (
            client_limit::client.eq(client),
            client_limit::position.eq(position),
            client_limit::name.eq(limit.name.as_str()),
            client_limit::rate_limit.eq(i64::from(limit.limit.get())),
            client_limit::seconds.eq(i64::from(limit.window.seconds())),
            client_limit::endpoint.eq(limit.endpoint.as_ref().map(EndpointPrefix::as_str)),
            client_limit::is_shadow.eq(limit.shadow),
        )
    });
    let values: Vec<_> = values.collect();
    diesel::insert_into(client_limit::table).values(values).execute(c).await?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = client_limit)]
struct LimitRow {
    client: i64,
    name: String,
    rate_limit: i64,
    seconds: i64,
    endpoint: Option<String>,
    is_shadow: bool,
}

impl TryFrom<LimitRow> for ClientLimit {
    type Error = StoreError;

    fn try_from(row: LimitRow) -> Result<Self, StoreError> {
        let key = format!("client {}, {}", row.client, row.name);
        let bad = |column: &'static str| {
            let key = &key;
            move |error: Invalid| corrupt("client_limit", column, key, &error)
        };
        let endpoint = row.endpoint.as_deref().map(EndpointPrefix::parse).transpose();
        Ok(Self {
            name: LimitName::parse(&row.name).map_err(bad("name"))?,
            limit: RateLimit::parse(row.rate_limit).map_err(bad("rate_limit"))?,
            window: Window::parse(row.seconds).map_err(bad("seconds"))?,
            endpoint: endpoint.map_err(bad("endpoint"))?,
            shadow: row.is_shadow,
        })
    }
}
