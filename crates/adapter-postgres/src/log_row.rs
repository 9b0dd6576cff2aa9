//! A raw row as it lies in the table.

use activity_domain::activity::{Activity, Endpoint, Metadata, Method, ResponseTime, Status, Text};
use activity_domain::error::{Invalid, StoreError};
use activity_domain::id::{ActivityId, ClientId};
use activity_domain::time::Timestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text as SqlText, Uuid as SqlUuid};
use uuid::Uuid;

use crate::log::Key;

/// The columns of an [`ActivityRow`].
pub(crate) const COLUMNS: &str = "at, client, id, endpoint, method, status, response_time, host(ip) AS ip, \
                                  user_agent, request_bytes, response_bytes, error_message, metadata";

/// A raw row.
#[derive(QueryableByName)]
pub(crate) struct ActivityRow {
    #[diesel(sql_type = BigInt)]
    at: i64,
    #[diesel(sql_type = BigInt)]
    pub client: i64,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlText)]
    endpoint: String,
    #[diesel(sql_type = SqlText)]
    method: String,
    #[diesel(sql_type = SmallInt)]
    status: i16,
    #[diesel(sql_type = Nullable<BigInt>)]
    response_time: Option<i64>,
    #[diesel(sql_type = Nullable<SqlText>)]
    ip: Option<String>,
    #[diesel(sql_type = Nullable<SqlText>)]
    user_agent: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    request_bytes: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    response_bytes: Option<i64>,
    #[diesel(sql_type = Nullable<SqlText>)]
    error_message: Option<String>,
    #[diesel(sql_type = Nullable<SqlText>)]
    metadata: Option<String>,
}

impl ActivityRow {
    /// Where it stands.
    pub fn key(&self) -> Key {
        (self.at, self.client, self.id)
    }

    /// What the row says, of a client of this name; without an audit trail, which is read apart.
    pub fn activity(self, client: ClientId) -> Result<Activity, StoreError> {
        let key = format!("{client} at {}", self.at);
        let bad = |column: &'static str| {
            let key = key.clone();
            move |error: Invalid| crate::error::corrupt("activity", column, &key, &error)
        };
        let ip = self.ip.map(|ip| ip.parse().map_err(|_| Invalid::new("is no address"))).transpose();
        let took = self.response_time.map(i64::cast_unsigned).map(ResponseTime::from_micros).transpose();
        let error_message = self.error_message.as_deref().map(Text::parse).transpose();
        let metadata = self.metadata.as_deref().map(Metadata::from_object).transpose();
        Ok(Activity {
            client,
            id: ActivityId(self.id),
            at: Timestamp::from_micros(self.at).map_err(bad("at"))?,
            endpoint: Endpoint::parse(&self.endpoint).map_err(bad("endpoint"))?,
            method: Method::parse(&self.method).map_err(bad("method"))?,
            status: Status::from_stored(self.status.into()).map_err(bad("status"))?,
            response_time: took.map_err(bad("response_time"))?,
            ip: ip.map_err(bad("ip"))?,
            user_agent: self.user_agent.as_deref().map(Text::parse).transpose().map_err(bad("user_agent"))?,
            request_bytes: self.request_bytes.map(i64::cast_unsigned),
            response_bytes: self.response_bytes.map(i64::cast_unsigned),
            error_message: error_message.map_err(bad("error_message"))?,
            metadata: metadata.map_err(bad("metadata"))?,
            audit: None,
        })
    }
}
