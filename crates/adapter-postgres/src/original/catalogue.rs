//! What the tables look like.

use activity_domain::error::StoreError;
use tokio_postgres::Client;

use super::{lacks, within};

const COLUMNS: &str = "SELECT attname::text FROM pg_attribute \
    WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

const PRIMARY_KEY: &str = "SELECT a.attname::text FROM pg_index i \
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, place) \
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
    WHERE i.indisprimary AND i.indrelid = to_regclass($1) ORDER BY k.place";

/// The column of `clients` that a column of `api_logs` refers to.
const REFERENCE: &str = "SELECT there.attname::text FROM pg_constraint c \
    JOIN pg_attribute here ON here.attrelid = c.conrelid AND here.attnum = c.conkey[1] \
    JOIN pg_attribute there ON there.attrelid = c.confrelid AND there.attnum = c.confkey[1] \
    WHERE c.contype = 'f' AND c.conrelid = to_regclass($1) AND c.confrelid = to_regclass('clients') \
    AND cardinality(c.conkey) = 1 AND here.attname = $2";

const ESTIMATE: &str = "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass($1)";

/// A table and its columns.
pub(super) struct Table {
    pub name: &'static str,
    columns: Vec<String>,
    key: Vec<String>,
}

impl Table {
    /// Looks a table up, by the search path.
    pub async fn find(session: &Client, name: &'static str) -> Result<Self, StoreError> {
        let columns = names(session, COLUMNS, name).await?;
        if columns.is_empty() {
            return Err(lacks(&format_args!("it has no table {name}")));
        }
        let key = names(session, PRIMARY_KEY, name).await?;
        Ok(Self { name, columns, key })
    }

    /// A column as text, cut to so many characters; NULL where the table has none of this name.
    pub fn text(&self, column: &str, most: usize) -> String {
        self.column(column)
            .map_or_else(|| "NULL::text".to_owned(), |found| format!("left({found}::text, {most})"))
    }

    /// The same of one that has to be there.
    pub fn required(&self, column: &str, most: usize) -> Result<String, StoreError> {
        self.must(column)?;
        Ok(self.text(column, most))
    }

    /// The quoted name of a column that has to be there.
    pub fn must(&self, column: &str) -> Result<String, StoreError> {
        self.column(column).ok_or_else(|| lacks(&format_args!("{} has no column {column}", self.name)))
    }

    /// What tells a row from all others: the primary key as text, whatever it is made of.
    pub fn row_id(&self) -> Result<String, StoreError> {
        let id = || self.columns.iter().find(|column| *column == "id").map(std::slice::from_ref);
        let key = Some(&self.key[..]).filter(|key| !key.is_empty()).or_else(id);
        let key = key.ok_or_else(|| lacks(&format_args!("{} has no primary key", self.name)))?;
        let parts: Vec<String> =
            key.iter().map(|column| format!("{}.{}::text", self.name, quoted(column))).collect();
        Ok(format!("concat_ws(',', {})", parts.join(", ")))
    }

    fn column(&self, name: &str) -> Option<String> {
        Some(format!("{}.{}", self.name, quoted(self.spelled(name)?)))
    }

    /// By name, whether words are parted by underscores or capitals.
    fn spelled(&self, name: &str) -> Option<&String> {
        self.columns.iter().find(|column| plain(column) == plain(name))
    }
}

/// The column of `clients` that the calls name their client by, if it is not `client_id`: quoted.
pub(super) async fn link(session: &Client, calls: &Table) -> Result<Option<String>, StoreError> {
    let Some(column) = calls.spelled("client_id") else { return Ok(None) };
    let rows = within(session.query(REFERENCE, &[&calls.name, column])).await?;
    let found = rows.first().and_then(|row| row.try_get::<_, String>(0).ok());
    Ok(found.filter(|name| plain(name) != "clientid").map(|name| quoted(&name)))
}

/// About how many rows a table has, by what was found out about it last.
pub(super) async fn estimate(session: &Client, table: &str) -> Result<Option<u64>, StoreError> {
    let row = within(session.query_opt(ESTIMATE, &[&table])).await?;
    let rows: Option<i64> = row.and_then(|row| row.try_get(0).ok());
    Ok(rows.and_then(|rows| u64::try_from(rows).ok()).filter(|rows| *rows > 0))
}

async fn names(session: &Client, sql: &str, table: &str) -> Result<Vec<String>, StoreError> {
    let rows = within(session.query(sql, &[&table])).await?;
    Ok(rows.iter().filter_map(|row| row.try_get(0).ok()).collect())
}

fn plain(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], key: &[&str]) -> Table {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Table { name: "api_logs", columns: owned(columns), key: owned(key) }
    }

    #[test]
    fn columns_go_by_either_spelling() {
        let camel = table(&["id", "clientId", "statusCode"], &["id"]);
        assert_eq!(camel.text("client_id", 9), "left(api_logs.\"clientId\"::text, 9)");
        assert_eq!(camel.text("user_agent", 9), "NULL::text");
        assert!(camel.required("user_agent", 9).is_err() && camel.required("status_code", 9).is_ok());
        assert_eq!(camel.spelled("client_id").unwrap(), "clientId");
        let odd = table(&["client\"_id"], &[]);
        assert_eq!(odd.column("client_id"), None);
    }

    #[test]
    fn a_row_goes_by_its_primary_key_or_its_id() {
        let id = |columns: &[&str], key: &[&str]| table(columns, key).row_id().ok();
        assert_eq!(id(&["id"], &["id"]).unwrap(), "concat_ws(',', api_logs.\"id\"::text)");
        let two = "concat_ws(',', api_logs.\"id\"::text, api_logs.\"timestamp\"::text)";
        assert_eq!(id(&["id", "timestamp"], &["id", "timestamp"]).unwrap(), two);
        assert_eq!(id(&["id"], &[]), id(&["id"], &["id"]));
        assert_eq!(id(&["number"], &[]), None);
    }
}
