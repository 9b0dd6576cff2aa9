//! The schema's versions.

use activity_domain::error::StoreError;
use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, Bool, Integer, Text};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::out_of_reach;
use crate::locks::Lock;
use crate::options::Server;
use crate::pools;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Others may be migrating; what they do is waited for, within bounds. A migration itself takes as long as it
/// takes, whatever the server has for statements in general.
const SESSION: &str = "SET lock_timeout = '60s'; SET statement_timeout = 0; \
                       SET application_name = 'activity-tracker migrate'";

/// One version of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its name, which orders it.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// How a database's schema stands to this program's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is none.
    Nothing,
    /// They are the same.
    Current,
    /// This version is missing.
    Older(String),
    /// This version is not known here.
    Newer(String),
}

/// Which versions there are, and which the database has. Nothing is changed by it.
pub async fn status(server: &Server) -> Result<Vec<Version>, StoreError> {
    let (applied, known) = (applied(&mut connect(server).await?).await?, known()?);
    let foreign = applied.iter().filter(|name| !known.contains(name)).cloned();
    let all = known.iter().cloned().chain(foreign);
    Ok(all.map(|name| Version { applied: applied.contains(&name), name }).collect())
}

/// Brings the database to the newest version; several instances at once do it once. A database that is newer
/// than this program is refused. It has to run on more than one thread, as `down`.
pub async fn up(server: &Server) -> Result<(), StoreError> {
    let mut connection = locked(server).await?;
    match compare(&mut connection).await? {
        found @ Found::Newer(_) => Err(misfit(server, &found)),
        Found::Current => Ok(()),
        Found::Nothing | Found::Older(_) => run_pending(connection).await,
    }
}

/// Sets an empty database up; one with a schema of another version is left to those who run it. Only here, with
/// the lock, is it certain which it is: another instance may be at work.
pub(crate) async fn set_up(server: &Server) -> Result<(), StoreError> {
    let mut connection = locked(server).await?;
    match compare(&mut connection).await? {
        Found::Current => Ok(()),
        // What keeps it from being set up may pass or be put right: the right to make tables, a full disk.
        Found::Nothing => match run_pending(connection).await {
            Err(StoreError::Refused(reason)) => Err(out_of_reach(&format_args!("{server}: {reason}"))),
            done => done,
        },
        found => Err(misfit(server, &found)),
    }
}

/// Takes the newest version back. What only it can hold is lost. Not while instances work on it.
pub async fn down(server: &Server) -> Result<(), StoreError> {
    let mut connection = locked(server).await?;
    if is_in_use(&mut connection).await? {
        return Err(StoreError::Refused(format!(
            "instances are connected to the database on {server}: stop them first"
        )));
    }
    let mut harness = AsyncMigrationHarness::new(connection);
    let done = harness.revert_last_migration(MIGRATIONS).map(|_| ()).map_err(|error| error.to_string());
    settle(harness, done).await
}

/// How the schema stands, without waiting for anybody.
pub(crate) async fn look(server: &Server) -> Result<Found, StoreError> {
    compare(&mut connect(server).await?).await
}

/// An error that says what to do, unless the schema is this program's.
pub(crate) async fn require_current(server: &Server) -> Result<(), StoreError> {
    match look(server).await? {
        Found::Current => Ok(()),
        found => Err(misfit(server, &found)),
    }
}

fn misfit(server: &Server, found: &Found) -> StoreError {
    StoreError::Refused(match found {
        Found::Newer(version) => format!(
            "the database on {server} has the schema version {version}, which this program does not know: use \
             a newer program, or `activity-tracker migrate down` of the program that made it"
        ),
        Found::Older(version) => format!(
            "the database on {server} lacks the schema version {version} of this program: run \
             `activity-tracker migrate up`"
        ),
        Found::Nothing | Found::Current => {
            format!("the database on {server} is empty: run `activity-tracker migrate up`")
        }
    })
}

/// A connection that has the schema to itself until it ends.
async fn locked(server: &Server) -> Result<AsyncPgConnection, StoreError> {
    let mut connection = connect(server).await?;
    check_encoding(&mut connection).await?;
    let (class, lock) = Lock::Schema.key();
    let waited = diesel::sql_query("SELECT pg_advisory_lock($1, $2)")
        .bind::<Integer, _>(class)
        .bind::<Integer, _>(lock)
        .execute(&mut connection)
        .await;
    waited.map_err(|error| out_of_reach(&format_args!("{server}: {error}")))?;
    Ok(connection)
}

async fn run_pending(connection: AsyncPgConnection) -> Result<(), StoreError> {
    let mut harness = AsyncMigrationHarness::new(connection);
    let done = harness.run_pending_migrations(MIGRATIONS).map(|_| ()).map_err(|error| error.to_string());
    settle(harness, done).await
}

/// A failure on a connection that is gone says less than that it is gone.
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

/// A connection for what is done once.
pub(crate) async fn connect(server: &Server) -> Result<AsyncPgConnection, StoreError> {
    let connection = pools::connect(server, SESSION).await;
    let mut connection = connection.map_err(|error| out_of_reach(&format_args!("{server}: {error}")))?;
    check_release(server, &mut connection).await?;
    Ok(connection)
}

/// The oldest that has all that statements use, as the server numbers itself.
const OLDEST_RELEASE: i32 = 140_000;

#[derive(diesel::QueryableByName)]
struct Release {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    name: String,
}

async fn check_release(server: &Server, c: &mut AsyncPgConnection) -> Result<(), StoreError> {
    let sql = "SELECT current_setting('server_version_num')::integer AS number, \
               current_setting('server_version') AS name";
    let found = diesel::sql_query(sql).get_result::<Release>(c).await;
    let Release { number, name } = found.map_err(|error| out_of_reach(&format_args!("{server}: {error}")))?;
    if number >= OLDEST_RELEASE {
        return Ok(());
    }
    Err(StoreError::Refused(format!("{server} is PostgreSQL {name}; 14 is the oldest that will do")))
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

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Whether instances are connected, as far as this user may see them.
async fn is_in_use(c: &mut AsyncPgConnection) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name IN ('activity-tracker reading', 'activity-tracker writing')";
    let found = diesel::sql_query(sql).get_result::<Count>(c).await;
    Ok(found.map_err(|error| out_of_reach(&error))?.count > 0)
}

fn known() -> Result<Vec<String>, StoreError> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(|error| refused(&error))?;
    let mut names: Vec<String> =
        migrations.iter().map(|migration| migration.name().version().to_string()).collect();
    names.sort();
    Ok(names)
}

async fn compare(c: &mut AsyncPgConnection) -> Result<Found, StoreError> {
    let (applied, known) = (applied(c).await?, known()?);
    if applied.is_empty() {
        return Ok(Found::Nothing);
    }
    if let Some(newer) = applied.iter().find(|name| !known.contains(name)) {
        return Ok(Found::Newer(newer.clone()));
    }
    let missing = known.into_iter().find(|name| !applied.contains(name));
    Ok(missing.map_or(Found::Current, Found::Older))
}

#[derive(diesel::QueryableByName)]
struct HasVersions {
    #[diesel(sql_type = Bool)]
    has: bool,
}

#[derive(diesel::QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The versions that the database has. Diesel's own way to ask makes the table where it is missing, which a
/// server that can only be read refuses.
async fn applied(c: &mut AsyncPgConnection) -> Result<Vec<String>, StoreError> {
    let failed = |error: diesel::result::Error| out_of_reach(&format_args!("the schema's versions: {error}"));
    let has = diesel::sql_query("SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL AS has");
    if !has.get_result::<HasVersions>(c).await.map_err(failed)?.has {
        return Ok(Vec::new());
    }
    let versions =
        diesel::sql_query("SELECT version::text AS version FROM __diesel_schema_migrations ORDER BY version");
    let versions = versions.load::<Applied>(c).await.map_err(failed)?;
    Ok(versions.into_iter().map(|applied| applied.version).collect())
}

fn refused(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Refused(format!("the database cannot be migrated: {error}"))
}
