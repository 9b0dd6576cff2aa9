//! `cargo xtask websocket`: what reads a WebSocket here, held against the cases of the Autobahn test suite.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    process::{self, Outcome},
    python, workspace,
};

/// Runs the cases; pinned so that a new release of it does not break a build that did not change.
const SUITE: &str = "kosoku==0.1.0";
/// Cases of compression, which the server does not offer.
const LEFT_OUT: [&str; 2] = ["12.*", "13.*"];
/// The suite has 301 others; far fewer say that it did not run.
const FEWEST: usize = 300;

/// Runs the suite against the example `echo` of the HTTP crate.
pub fn websocket() -> Outcome {
    let target = workspace::metadata()?.target_directory.into_std_path_buf();
    let python = python::with("websocket-venv", &[SUITE])?;
    let reports = target.join("websocket");
    if reports.exists() {
        fs::remove_dir_all(&reports)?;
    }
    let mut build = process::cargo();
    build.args(["build", "--package", "activity-http", "--example", "echo"]);
    process::run(build.current_dir(workspace::root()))?;
    let (mut echo, address) = start(&target.join("debug/examples/echo"))?;
    let mut suite = Command::new(python.with_file_name("kosoku"));
    suite
        .args(LEFT_OUT.iter().flat_map(|cases| ["--exclude", cases]))
        .arg("--outdir")
        .arg(&reports)
        .arg(address);
    let ran = process::capture(&mut suite);
    // It serves until its input ends.
    drop(echo.stdin.take());
    echo.wait()?;
    ran?;
    let index = fs::read(reports.join("index.json"))?;
    judge(&serde_json::from_slice(&index)?)
}

/// Starts the server under test. Gives its address, which it prints first.
fn start(program: &Path) -> Outcome<(Child, String)> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().ok_or("the server has no output")?;
    let mut address = String::new();
    BufReader::new(output).read_line(&mut address)?;
    if address.trim().is_empty() {
        return Err("the server ended before it had an address".into());
    }
    Ok((child, address.trim().to_owned()))
}

/// Every case has to be passed, in its substance and by the code that the connection was closed with.
fn judge(index: &Value) -> Outcome {
    let servers = index.as_object().into_iter().flat_map(|servers| servers.values());
    let cases: Vec<_> = servers.filter_map(Value::as_object).flatten().collect();
    let is_good = |case: &Value, field: &str| {
        matches!(case[field].as_str(), Some("OK" | "NON-STRICT" | "INFORMATIONAL"))
    };
    let failed: Vec<String> = cases
        .iter()
        .filter(|(_, case)| !is_good(case, "behavior") || !is_good(case, "behaviorClose"))
        .map(|(name, case)| format!("{name}: {}, closed: {}", case["behavior"], case["behaviorClose"]))
        .collect();
    if !failed.is_empty() {
        return Err(format!("{} of {} cases failed: {}", failed.len(), cases.len(), failed.join("; ")).into());
    }
    if cases.len() < FEWEST {
        return Err(format!("only {} cases ran, of at least {FEWEST}", cases.len()).into());
    }
    let strict = cases.iter().filter(|(_, case)| case["behavior"] == "OK").count();
    eprintln!("WebSocket: {} cases, {strict} of them passed to the letter", cases.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn index(count: usize, odd: &Value) -> Value {
        let good = json!({ "behavior": "OK", "behaviorClose": "OK" });
        let mut cases: serde_json::Map<_, _> =
            (0..count).map(|number| (format!("1.{number}"), good.clone())).collect();
        cases.insert("6.1".to_owned(), odd.clone());
        json!({ "echo": cases })
    }

    #[test]
    fn one_case_that_fails_or_is_closed_with_another_code_is_enough() {
        let judge_odd = |behavior: &str, close: &str| {
            judge(&index(FEWEST, &json!({ "behavior": behavior, "behaviorClose": close })))
        };
        judge_odd("NON-STRICT", "INFORMATIONAL").unwrap();
        for (behavior, close) in
            [("FAILED", "OK"), ("UNIMPLEMENTED", "OK"), ("OK", "WRONG CODE"), ("OK", "UNCLEAN")]
        {
            let error = judge_odd(behavior, close).unwrap_err().to_string();
            assert!(error.starts_with("1 of 301 cases failed: 6.1"), "{error}");
        }
    }

    #[test]
    fn a_suite_that_did_not_run_is_no_success() {
        assert!(judge(&json!({})).is_err());
        assert!(judge(&index(10, &json!({ "behavior": "OK", "behaviorClose": "OK" }))).is_err());
    }
}
