//! `cargo xtask faults`: the fault table of the whole program on Postgres, in full. The tests are those of the suite,
//! which has them in short.

use clap::Args;

use crate::{
    clock, postgres,
    process::{self, Outcome},
    workspace,
};

/// Where the rows of the table are.
const TESTS: [&str; 5] = ["test", "--package", "activity-server", "--test", "postgres"];
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
    clock::ensure()?;
    let rows = chosen(rows()?, &options.names)?;
    if options.list {
        for row in rows {
            println!("{row}");
        }
        return Ok(());
    }
    let mut command = process::cargo();
    command.args(TESTS).args(["--", "--exact", "--nocapture", "--test-threads=1"]);
    command.args(rows.iter().map(|row| format!("{TABLE}{row}")));
    process::run(command.env("ACTIVITY_FAULTS", "full").current_dir(workspace::root()))
}

/// All rows, as the tests list themselves.
fn rows() -> Outcome<Vec<String>> {
    let mut command = process::cargo();
    command.args(TESTS).args(["--", "--list", TABLE]).current_dir(workspace::root());
    Ok(listed(&String::from_utf8_lossy(&process::capture(&mut command)?)))
}

fn listed(list: &str) -> Vec<String> {
    let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
    tests.filter_map(|test| test.strip_prefix(TABLE)).map(str::to_owned).collect()
}

/// Those that were asked for. A name that fits none is a slip.
fn chosen(rows: Vec<String>, names: &[String]) -> Outcome<Vec<String>> {
    if let Some(name) = names.iter().find(|name| !rows.iter().any(|row| row.starts_with(name.as_str()))) {
        return Err(format!("there is no row {name}; there are {}", rows.join(", ")).into());
    }
    let is_wanted =
        |row: &String| names.is_empty() || names.iter().any(|name| row.starts_with(name.as_str()));
    Ok(rows.into_iter().filter(is_wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_the_beginning_of_their_names() {
        let list = "secrets::same: test\ntable::disk::full: test\ntable::kills::again: test\n\n3 tests, 0 benchmarks\n";
        let rows = listed(list);
        assert_eq!(rows, ["disk::full", "kills::again"]);
        let choose = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(rows.clone(), &names).map_err(|error| error.to_string())
        };
        assert_eq!(choose(&[]), Ok(rows.clone()));
        assert_eq!(choose(&["kills"]), Ok(vec!["kills::again".to_owned()]));
        assert_eq!(
            choose(&["floods"]).unwrap_err(),
            "there is no row floods; there are disk::full, kills::again"
        );
    }
}
