//! The schema's versions.

use activity_domain::error::StoreError;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Integer, Text};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::out_of_reach;
use crate::locks::Lock;
use crate::options::Server;
use crate::pools;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Others may be migrating; what they do is waited for, within bounds.
const SESSION: &str = "SET lock_timeout = '60s'; SET application_name = 'activity-tracker migrate'";

/// One version of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its name, which orders it.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Which versions there are, and which the database has.
pub async fn status(server: &Server) -> Result<Vec<Version>, StoreError> {
    let applied = applied(&mut connect(server).await?).await?;
    let known = known()?;
    let foreign = applied.iter().filter(|name| !known.contains(name)).cloned();
    let all = known.iter().cloned().chain(foreign);
    Ok(all.map(|name| Version { applied: applied.contains(&name), name }).collect())
}

/// Brings the database to the newest version; several instances at once do it once. A database that is newer
/// than this program is refused. It has to run on more than one thread.
pub async fn up(server: &Server) -> Result<(), StoreError> {
    let mut connection = connect(server).await?;
    let known = known()?;
    if is_newest(server, &applied(&mut connection).await?, &known)? {
        return Ok(());
    }
    check_encoding(&mut connection).await?;
    // Then it is looked at once more: a second instance finds the work done. The lock ends with the connection.
    lock(&mut connection).await?;
    if is_newest(server, &applied(&mut connection).await?, &known)? {
        return Ok(());
    }
    let mut harness = AsyncMigrationHarness::new(connection);
    let done = harness.run_pending_migrations(MIGRATIONS).map(|_| ()).map_err(|error| error.to_string());
    settle(harness, done).await
}

/// Whether nothing is left to be done. A version that is not known is refused.
fn is_newest(server: &Server, applied: &[String], known: &[String]) -> Result<bool, StoreError> {
    match applied.iter().find(|name| !known.contains(name)) {
        None => Ok(known.iter().all(|name| applied.contains(name))),
        Some(newer) => Err(StoreError::Refused(format!(
            "the database on {server} has the schema version {newer}, which this program does not know: use \
             a newer program, or `activity-tracker migrate down` of the program that made it"
        ))),
    }
}

/// Takes the newest version back. What only it can hold is lost. It has to run on more than one thread.
pub async fn down(server: &Server) -> Result<(), StoreError> {
    let mut connection = connect(server).await?;
    lock(&mut connection).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let done = harness.revert_last_migration(MIGRATIONS).map(|_| ()).map_err(|error| error.to_string());
    settle(harness, done).await
}

/// A failure on a connection that is gone is nothing that was refused.
async fn settle(
    harness: AsyncMigrationHarness<AsyncPgConnection>,
    done: Result<(), String>,
) -> Result<(), StoreError> {
    let Err(reason) = done else { return Ok(()) };
    let mut connection = harness.into_inner();
    match diesel::sql_query("SELECT 1").execute(&mut connection).await {
        Ok(_) => Err(refused(&reason)),
        Err(_) => Err(out_of_reach(&reason)),
    }
}

async fn connect(server: &Server) -> Result<AsyncPgConnection, StoreError> {
    let connection = pools::connect(server, SESSION).await;
    connection.map_err(|error| out_of_reach(&format_args!("{server}: {error}")))
}

async fn lock(c: &mut AsyncPgConnection) -> Result<(), StoreError> {
    let (class, lock) = Lock::Schema.key();
    let waited = diesel::sql_query("SELECT pg_advisory_lock($1, $2)")
        .bind::<Integer, _>(class)
        .bind::<Integer, _>(lock)
        .execute(c)
        .await;
    waited.map(|_| ()).map_err(|error| out_of_reach(&error))
}

#[derive(diesel::QueryableByName)]
struct Encoding {
    #[diesel(sql_type = Text)]
    server_encoding: String,
}

/// Any other encoding has texts that it cannot hold, or counts bytes where it should count characters.
async fn check_encoding(c: &mut AsyncPgConnection) -> Result<(), StoreError> {
    let found = diesel::sql_query("SHOW server_encoding").get_result::<Encoding>(c).await;
    let found = found.map_err(|error| out_of_reach(&error))?.server_encoding;
    if found == "UTF8" {
        return Ok(());
    }
    Err(StoreError::Refused(format!("the database has the encoding {found}; make one with UTF8")))
}

fn known() -> Result<Vec<String>, StoreError> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(|error| refused(&error))?;
    let mut names: Vec<String> =
        migrations.iter().map(|migration| migration.name().version().to_string()).collect();
    names.sort();
    Ok(names)
}

#[derive(diesel::QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

#[derive(diesel::QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    exists: bool,
}

/// Only looks: two who make the table of versions at once would get in each other's way.
async fn applied(c: &mut AsyncPgConnection) -> Result<Vec<String>, StoreError> {
    let exists = "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS exists";
    let found: Exists =
        diesel::sql_query(exists).get_result(c).await.map_err(|error| out_of_reach(&error))?;
    if !found.exists {
        return Ok(Vec::new());
    }
    let versions = diesel::sql_query("SELECT version::text AS version FROM __diesel_schema_migrations");
    let versions: Vec<Applied> = versions.load(c).await.map_err(|error| out_of_reach(&error))?;
    Ok(versions.into_iter().map(|row| row.version).collect())
}

fn refused(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Refused(format!("the database cannot be migrated: {error}"))
}
