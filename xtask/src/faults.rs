//! `cargo xtask faults`: the fault tables of the whole program, on Postgres and with Redis, in full. The tests are those of
//! the suite, which has them in short.

use clap::Args;

use crate::{
    clock, postgres,
    process::{self, Outcome},
    redis, workspace,
};

/// Where the rows of the tables are.
const TESTS: [&str; 4] = ["test", "--package", "activity-server", "--test"];
/// Which tests have tables.
const TABLES: [&str; 2] = ["postgres", "redis"];
/// What their names begin with there.
const TABLE: &str = "table::";

/// What to run.
#[derive(Debug, Args)]
pub struct Options {
    /// Rows by name, or the beginning of one, such as `kills`; all of them if none is named
    names: Vec<String>,
    /// Only print their names
    #[arg(long)]
    list: bool,
}

/// Runs rows one after the other, so that each has the machine to itself, and prints their figures.
pub fn faults(options: &Options) -> Outcome {
    postgres::ensure()?;
    redis::ensure()?;
    clock::ensure()?;
    let tables = TABLES.map(|table| Ok((table, rows(table)?))).into_iter().collect::<Outcome<Vec<_>>>()?;
    let chosen = chosen(&tables, &options.names)?;
    for (table, rows) in chosen.iter().filter(|(_, rows)| !rows.is_empty()) {
        if options.list {
            for row in rows {
                println!("{row}");
            }
            continue;
        }
        let mut command = process::cargo();
        command.args(TESTS).args([table, "--", "--exact", "--nocapture", "--test-threads=1"]);
        command.args(rows.iter().map(|row| format!("{TABLE}{row}")));
        process::run(command.env("ACTIVITY_FAULTS", "full").current_dir(workspace::root()))?;
    }
    Ok(())
}

/// All rows of a table, as the tests list themselves.
fn rows(table: &str) -> Outcome<Vec<String>> {
    let mut command = process::cargo();
    command.args(TESTS).args([table, "--", "--list", TABLE]).current_dir(workspace::root());
    Ok(listed(&String::from_utf8_lossy(&process::capture(&mut command)?)))
}

fn listed(list: &str) -> Vec<String> {
    let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
    tests.filter_map(|test| test.strip_prefix(TABLE)).map(str::to_owned).collect()
}

/// A table and rows of it.
type Rows<'a> = (&'a str, Vec<String>);

/// Those that were asked for. A name that fits none is a slip.
fn chosen<'a>(tables: &[Rows<'a>], names: &[String]) -> Outcome<Vec<Rows<'a>>> {
    let begins = |row: &String, name: &String| row.starts_with(name.as_str());
    let all = || tables.iter().flat_map(|(_, rows)| rows);
    if let Some(name) = names.iter().find(|name| !all().any(|row| begins(row, name))) {
        let all = all().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(format!("there is no row {name}; there are {all}").into());
    }
    let is_wanted = |row: &&String| names.is_empty() || names.iter().any(|name| begins(row, name));
    let wanted = |rows: &[String]| rows.iter().filter(is_wanted).cloned().collect();
    Ok(tables.iter().map(|(table, rows)| (*table, wanted(rows))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_the_beginning_of_their_names() {
        let list = "secrets::same: test\ntable::disk::full: test\ntable::kills::again: test\n\n3 tests, 0 benchmarks\n";
        let rows = listed(list);
        assert_eq!(rows, ["disk::full", "kills::again"]);
        let tables = [("postgres", rows.clone()), ("redis", vec!["partition::cut".to_owned()])];
        let choose = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let chosen = chosen(&tables, &names).map_err(|error| error.to_string())?;
            Ok::<_, String>(chosen.into_iter().flat_map(|(_, rows)| rows).collect::<Vec<_>>())
        };
        assert_eq!(choose(&[]).unwrap().len(), 3);
        assert_eq!(choose(&["kills"]).unwrap(), ["kills::again"]);
        assert_eq!(choose(&["disk", "part"]).unwrap(), ["disk::full", "partition::cut"]);
        assert_eq!(
            choose(&["floods"]).unwrap_err(),
            "there is no row floods; there are disk::full, kills::again, partition::cut"
        );
    }
}
