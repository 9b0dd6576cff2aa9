//! The rows as text. What may be long is cut: a page has to fit in memory, and what is kept of it is shorter.

use activity_domain::error::StoreError;
use tokio_postgres::Row;

use super::catalogue::Table;

/// Characters of an id, a number or a time.
const SHORT: usize = 400;
/// Characters of a path, a key or a user agent.
const MEDIUM: usize = 4_000;
/// Characters of metadata, of which about half is kept.
const LONG: usize = 16_400;

/// A row of `clients`. `None`: NULL, or there is no such column.
#[derive(Clone, Default)]
pub struct ClientRow {
    /// What the original knows it by.
    pub client_id: Option<String>,
    /// Display name.
    pub name: Option<String>,
    /// Email address.
    pub email: Option<String>,
    /// Its key, encrypted.
    pub api_key: Option<String>,
    /// Events per window.
    pub rate_limit: Option<String>,
    /// `true` or `false`.
    pub is_active: Option<String>,
    /// When it was registered: ISO 8601 with or without an offset.
    pub created_at: Option<String>,
    /// When it called last, likewise.
    pub last_access_at: Option<String>,
}

impl ClientRow {
    pub(super) fn select(table: &Table) -> Result<String, StoreError> {
        let columns = [
            table.required("client_id", SHORT)?,
            table.text("name", SHORT),
            table.text("email", SHORT),
            table.text("api_key", MEDIUM),
            table.text("rate_limit", SHORT),
            table.text("is_active", SHORT),
            table.text("created_at", SHORT),
            table.text("last_access_at", SHORT),
        ];
        // In an order, so that of two that are in each other's way the same one comes first each time.
        Ok(format!("SELECT {} FROM clients ORDER BY 7, 1", columns.join(", ")))
    }
}

impl TryFrom<&Row> for ClientRow {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, Self::Error> {
        Ok(Self {
            client_id: row.try_get(0)?,
            name: row.try_get(1)?,
            email: row.try_get(2)?,
            api_key: row.try_get(3)?,
            rate_limit: row.try_get(4)?,
            is_active: row.try_get(5)?,
            created_at: row.try_get(6)?,
            last_access_at: row.try_get(7)?,
        })
    }
}

/// A row of `api_logs`. `None`: NULL, or there is no such column.
#[derive(Clone, Default)]
pub struct CallRow {
    /// Its primary key.
    pub id: String,
    /// The client's `client_id`, also where the row refers to it otherwise.
    pub client_id: Option<String>,
    /// Path or URL.
    pub endpoint: Option<String>,
    /// HTTP method.
    pub method: Option<String>,
    /// HTTP status.
    pub status_code: Option<String>,
    /// In milliseconds.
    pub response_time: Option<String>,
    /// Address of the caller.
    pub ip_address: Option<String>,
    /// Its User-Agent.
    pub user_agent: Option<String>,
    /// What went wrong.
    pub error_message: Option<String>,
    /// JSON.
    pub metadata: Option<String>,
    /// When: ISO 8601 with or without an offset.
    pub timestamp: Option<String>,
}

impl CallRow {
    /// `link` is the column of `clients` that the calls refer to, if it is not `client_id`.
    pub(super) fn select(calls: &Table, clients: &Table, link: Option<&str>) -> Result<String, StoreError> {
        let own = calls.must("client_id")?;
        let (client, join) = match link {
            None => (calls.text("client_id", SHORT), String::new()),
            Some(link) => {
                let named = clients.required("client_id", SHORT)?;
                (named, format!(" LEFT JOIN clients ON clients.{link} = {own}"))
            }
        };
        let columns = [
            calls.row_id()?,
            client,
            calls.required("endpoint", MEDIUM)?,
            calls.required("method", SHORT)?,
            calls.required("status_code", SHORT)?,
            calls.text("response_time", SHORT),
            calls.text("ip_address", SHORT),
            calls.text("user_agent", MEDIUM),
            calls.text("error_message", MEDIUM),
            calls.text("metadata", LONG),
            calls.required("timestamp", SHORT)?,
        ];
        Ok(format!("SELECT {} FROM api_logs{join}", columns.join(", ")))
    }
}

impl TryFrom<&Row> for CallRow {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, Self::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            client_id: row.try_get(1)?,
            endpoint: row.try_get(2)?,
            method: row.try_get(3)?,
            status_code: row.try_get(4)?,
            response_time: row.try_get(5)?,
            ip_address: row.try_get(6)?,
            user_agent: row.try_get(7)?,
            error_message: row.try_get(8)?,
            metadata: row.try_get(9)?,
            timestamp: row.try_get(10)?,
        })
    }
}
