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

#[cfg(test)]
mod tests {
    use activity_contract::make;
    use diesel::connection::SimpleConnection;
    use tempfile::TempDir;

    use super::*;
    use crate::migrations;

    /// A database with clients 1 and 2, who each have a limit `other`.
    fn database() -> (SqliteConnection, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("activity.db");
        migrations::up(&file).unwrap();
        let mut c = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
        c.batch_execute(
            "PRAGMA foreign_keys = ON;
             INSERT INTO client_number (no, id) VALUES (1, 'CL-1'), (2, 'CL-2');
             INSERT INTO client (no, name, role, rate_limit, is_active, created_at)
             VALUES (1, 'a', 'client', 1, 1, 0), (2, 'b', 'client', 1, 1, 0);",
        )
        .unwrap();
        for client in [1, 2] {
            replace(&mut c, client, &other()).unwrap();
        }
        (c, folder)
    }

    fn other() -> ClientLimits {
        make::limits(vec![make::limit("other", 1, 1, None)])
    }

    #[test]
    fn limits_are_replaced_whole_and_go_with_their_client() {
        let (mut c, _folder) = database();
        let two = make::limits(vec![make::limit("a", 2, 2, Some("/a")), make::limit("other", 3, 3, None)]);
        for limits in [&two, &other(), &ClientLimits::default(), &two] {
            replace(&mut c, 1, limits).unwrap();
            assert_eq!(of(&mut c, 1).unwrap(), *limits);
            assert_eq!(of(&mut c, 2).unwrap(), other());
        }
        c.batch_execute("DELETE FROM client WHERE no = 1").unwrap();
        assert_eq!(client_limit::table.count().get_result::<i64>(&mut c), Ok(1));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let (mut c, _folder) = database();
        for (change, column) in [
            ("name = 'reads'", "name"),
            ("rate_limit = 1000000001", "rate_limit"),
            ("seconds = 2678401", "seconds"),
            ("endpoint = 'export'", "endpoint"),
        ] {
            replace(&mut c, 1, &other()).unwrap();
            c.batch_execute(&format!("UPDATE client_limit SET {change} WHERE client = 1")).unwrap();
            match StoreError::from(of(&mut c, 1).unwrap_err()) {
                StoreError::Corrupt { place, .. } => {
                    assert!(place.starts_with(&format!("client_limit.{column} of client 1, ")), "{place}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
