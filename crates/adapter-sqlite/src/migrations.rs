//! The schema's versions.

use std::path::Path;
use std::time::Duration;

use activity_domain::error::StoreError;
use diesel::migration::MigrationSource;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel::{Connection, connection::SimpleConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::converting;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// One version of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its name, which orders it.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Which versions there are, and which the database has.
pub fn status(file: &Path) -> Result<Vec<Version>, StoreError> {
    let mut connection = connect(file)?;
    let applied = applied(&mut connection)?;
    let known = known()?;
    let foreign = applied.iter().filter(|name| !known.contains(name)).cloned();
    let all = known.iter().cloned().chain(foreign);
    Ok(all.map(|name| Version { applied: applied.contains(&name), name }).collect())
}

/// Brings the database to the newest version; several processes at once do it once. A database that
/// is newer than this program is refused.
pub fn up(file: &Path) -> Result<(), StoreError> {
    let mut connection = connect(file)?;
    let known = known()?;
    // The lock is taken before looking, so that a second process finds the work done.
    let newer = connection.exclusive_transaction(|c| {
        let applied = applied(c).map_err(|error| query_error(error.into()))?;
        let newer = applied.into_iter().find(|name| !known.contains(name));
        if newer.is_none() {
            c.run_pending_migrations(MIGRATIONS).map_err(query_error)?;
        }
        Ok(newer)
    });
    match newer.map_err(|error: diesel::result::Error| refused(&error))? {
        None => Ok(()),
        Some(newer) => Err(StoreError::Refused(format!(
            "{} has the schema version {newer}, which this program does not know: use a newer program, \
             or `activity-tracker migrate down` of the program that made it",
            file.display()
        ))),
    }
}

/// Takes the newest version back. What only it can hold is lost.
pub fn down(file: &Path) -> Result<(), StoreError> {
    let mut connection = connect(file)?;
    connection.revert_last_migration(MIGRATIONS).map(|_| ()).map_err(|error| refused(&error))
}

fn connect(file: &Path) -> Result<SqliteConnection, StoreError> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| refused(&error))?;
    }
    let mut connection =
        SqliteConnection::establish(&file.to_string_lossy()).map_err(|error| refused(&error))?;
    connection.batch_execute("PRAGMA busy_timeout = 10000;").map_err(|error| refused(&error))?;
    write_ahead(&mut connection)?;
    converting::register(&mut connection).map_err(|error| refused(&error))?;
    Ok(connection)
}

/// Switches to WAL, for which SQLite does not wait for others that do the same at this moment.
fn write_ahead(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    const PAUSE: Duration = Duration::from_millis(20);
    const ATTEMPTS: u32 = 500;
    for attempt in 1..=ATTEMPTS {
        match connection.batch_execute("PRAGMA journal_mode = WAL;") {
            Ok(()) => return Ok(()),
            Err(error) if attempt < ATTEMPTS && error.to_string().contains("locked") => {
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(refused(&error)),
        }
    }
    Ok(())
}

fn known() -> Result<Vec<String>, StoreError> {
    let migrations = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(|error| refused(&error))?;
    let mut names: Vec<String> =
        migrations.iter().map(|migration| migration.name().version().to_string()).collect();
    names.sort();
    Ok(names)
}

fn applied(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let versions = connection.applied_migrations().map_err(|error| refused(&error))?;
    Ok(versions.iter().map(ToString::to_string).collect())
}

fn query_error(error: Box<dyn std::error::Error + Send + Sync>) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(error)
}

fn refused(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Refused(format!("the embedded database cannot be opened or migrated: {error}"))
}
