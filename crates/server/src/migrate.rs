//! `migrate`: the schema's versions, of either store.

use activity_domain::error::StoreError;

use crate::cli::MigrateAction;
use crate::config::{DatabaseSettings, Settings};
use crate::{Failure, print, wire};

/// Shows or changes the schema. It has to run on a runtime of more than one thread.
pub async fn run(settings: &Settings, action: MigrateAction) -> Result<(), Failure> {
    if let MigrateAction::Down { yes: false } = action {
        return Err("what only the newest version can hold is lost; say --yes to take it back".into());
    }
    match &settings.database {
        Some(database) => show(on_postgres(database, action).await?),
        None => embedded(settings, action),
    }
}

/// Instances may be running while versions are added; taking one back is refused then.
async fn on_postgres(
    database: &DatabaseSettings,
    action: MigrateAction,
) -> Result<Vec<(bool, String)>, StoreError> {
    use activity_adapter_postgres::migrations;
    match action {
        MigrateAction::Up => migrations::up(&database.primary).await?,
        MigrateAction::Down { .. } => migrations::down(&database.primary).await?,
        MigrateAction::Status => {}
    }
    let versions = migrations::status(&database.primary).await?;
    Ok(versions.into_iter().map(|version| (version.applied, version.name)).collect())
}

fn embedded(settings: &Settings, action: MigrateAction) -> Result<(), Failure> {
    use activity_adapter_sqlite::migrations;
    let file = wire::database_file(settings);
    // Held while the schema changes: not under a running server.
    let _claim = match action {
        MigrateAction::Status => None,
        _ => Some(activity_ingest::claim(&wire::spool_folder(settings))?),
    };
    match action {
        MigrateAction::Up => migrations::up(&file)?,
        MigrateAction::Down { .. } => migrations::down(&file)?,
        MigrateAction::Status if !file.exists() => return print("there is no database yet"),
        MigrateAction::Status => {}
    }
    show(migrations::status(&file)?.into_iter().map(|version| (version.applied, version.name)).collect())
}

fn show(versions: Vec<(bool, String)>) -> Result<(), Failure> {
    let line = |(applied, name)| format!("{}  {name}", if applied { "applied" } else { "pending" });
    print(&versions.into_iter().map(line).collect::<Vec<_>>().join("\n"))
}
