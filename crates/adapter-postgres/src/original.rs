//! The tables of the original service, `clients` and `api_logs`, read in one snapshot and never changed.
//!
//! Which types their columns have is not known, nor how they are spelled: the catalogue is asked, and the server
//! turns everything into text.

use std::fmt::Display;
use std::marker::PhantomData;
use std::time::Duration;

use activity_domain::error::StoreError;
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Row, Socket};

use crate::error::out_of_reach;
use crate::options::Server;

mod catalogue;
mod rows;

use catalogue::Table;
pub use rows::{CallRow, ClientRow};

/// For one that does not answer.
const CONNECT: Duration = Duration::from_secs(10);
/// For a page of rows, or an answer about the tables. A server that is busy may take a while.
const ANSWER: Duration = Duration::from_mins(2);
/// Rows of a page; with the cuts that `rows` makes, this bounds the memory that a page takes.
const PAGE: usize = 2_000;

/// Times without a zone are UTC, and all are written alike. Whoever reads is slowed down by what he writes elsewhere,
/// so that the transaction may wait.
const SESSION: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 3; \
    SET statement_timeout = '2min'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = 0; \
    SET application_name = 'activity-tracker import'";
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A connection to the original's database, and the snapshot that it reads.
pub struct Original {
    session: Client,
    clients: Table,
    calls: Table,
}

impl Original {
    /// Connects and looks at the tables. Refused: they are not there, or lack a column that cannot be done without.
    pub async fn connect(server: &Server) -> Result<Self, StoreError> {
        let silent = |_| out_of_reach(&format_args!("{server} gives no answer"));
        let session = timeout(CONNECT, open(server)).await.map_err(silent)??;
        within(session.batch_execute(SESSION)).await?;
        within(session.batch_execute(SNAPSHOT)).await?;
        let clients = Table::find(&session, "clients").await?;
        let calls = Table::find(&session, "api_logs").await?;
        Ok(Self { session, clients, calls })
    }

    /// About how many calls there are, where the database has an idea of it.
    pub async fn size(&self) -> Result<Option<u64>, StoreError> {
        catalogue::estimate(&self.session, self.calls.name).await
    }

    /// All clients. One reading at a time.
    pub async fn clients(&self) -> Result<Pages<'_, ClientRow>, StoreError> {
        Pages::open(&self.session, &ClientRow::select(&self.clients)?).await
    }

    /// All calls, in the order in which they lie in the table. One reading at a time.
    pub async fn calls(&self) -> Result<Pages<'_, CallRow>, StoreError> {
        let link = catalogue::link(&self.session, &self.calls).await?;
        Pages::open(&self.session, &CallRow::select(&self.calls, &self.clients, link.as_deref())?).await
    }
}

/// The rows of a table, a page at a time.
pub struct Pages<'a, T> {
    session: &'a Client,
    row: PhantomData<T>,
}

impl<'a, T> Pages<'a, T>
where
    T: for<'r> TryFrom<&'r Row, Error = tokio_postgres::Error>,
{
    async fn open(session: &'a Client, select: &str) -> Result<Self, StoreError> {
        let declare = format!("DECLARE original NO SCROLL CURSOR FOR {select}");
        within(session.batch_execute(&declare)).await?;
        Ok(Self { session, row: PhantomData })
    }

    /// The next rows; none at the end.
    pub async fn next(&mut self) -> Result<Vec<T>, StoreError> {
        let fetch = format!("FETCH {PAGE} FROM original");
        let rows = within(self.session.query(&fetch, &[])).await?;
        if rows.is_empty() {
            within(self.session.batch_execute("CLOSE original")).await?;
        }
        rows.iter().map(T::try_from).collect::<Result<_, _>>().map_err(|error| refused(&error))
    }
}

async fn open(server: &Server) -> Result<Client, StoreError> {
    let mut config = server.config().clone();
    config.connect_timeout(CONNECT).keepalives_idle(Duration::from_secs(30));
    match server.trust() {
        None => established(&config, NoTls).await,
        Some(trust) => established(&config, trust.connector().map_err(|why| out_of_reach(&why))?).await,
    }
}

async fn established<T>(config: &Config, tls: T) -> Result<Client, StoreError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await.map_err(|error| refused(&error))?;
    // Whoever asks next hears what became of it.
    tokio::spawn(connection);
    Ok(client)
}

async fn within<T>(work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StoreError> {
    let silent = |_| out_of_reach(&format_args!("no answer within {} s", ANSWER.as_secs()));
    timeout(ANSWER, work).await.map_err(silent)?.map_err(|error| refused(&error))
}

/// What the server says about it, where it has said something; nothing is tried again either way.
fn refused(error: &tokio_postgres::Error) -> StoreError {
    match error.as_db_error() {
        Some(told) => StoreError::Refused(told.to_string()),
        None => out_of_reach(&with_cause(error)),
    }
}

fn with_cause(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

fn lacks(what: &dyn Display) -> StoreError {
    StoreError::Refused(format!("this is not the original's database: {what}"))
}
