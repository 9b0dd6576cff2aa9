//! Running other programs: every command is echoed before it starts, and a failure names it.

use std::{
    env,
    error::Error,
    ffi::OsString,
    process::{Command, Stdio},
};

/// How a chore ends. The error is a sentence for the person at the terminal.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The cargo that runs us, so that a toolchain chosen on the command line holds for everything below it.
pub fn cargo() -> Command {
    of_its_own(Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))))
}

/// A command that does not know that cargo runs us.
pub fn of_its_own(mut command: Command) -> Command {
    // These describe xtask to us. A build script that watches them would be rebuilt whenever the same
    // package is built once from here and once by a plain `cargo build`.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command on our own terminal and waits for it.
pub fn run(command: &mut Command) -> Outcome {
    echo(command);
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", line(command)).into()) }
}

/// Runs a command and returns what it wrote to stdout; its stderr stays on the terminal.
pub fn capture(command: &mut Command) -> Outcome<Vec<u8>> {
    echo(command);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{} failed ({})", line(command), output.status).into())
    }
}

/// Becomes the command: signals go straight to it, and its exit code is ours. Returns only on failure.
#[cfg(unix)]
pub fn exec(command: &mut Command) -> Outcome {
    use std::os::unix::process::CommandExt;

    echo(command);
    let error = command.exec();
    Err(not_started(command, &error))
}

/// Where a process cannot be replaced, the next best thing.
#[cfg(not(unix))]
pub fn exec(command: &mut Command) -> Outcome {
    run(command)
}

/// Whether a command runs and succeeds. Silent: it is a question, not a step.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// To stderr, because the stdout of some chores is a document.
fn echo(command: &Command) {
    eprintln!("$ {}", line(command));
}

/// The command as one would type it, near enough; only the last part of the program's path.
fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// A word with blanks, or an empty one, would otherwise read as several or none.
fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) { format!("'{word}'") } else { word.to_owned() }
}

fn not_started(command: &Command, error: &std::io::Error) -> Box<dyn Error> {
    format!("{} did not start: {error}", line(command)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).expect_err("it exits with 3");
        assert_eq!(error.to_string(), "sh -c 'exit 3' failed (exit status: 3)");
        let error = capture(&mut Command::new("/no/such/program")).expect_err("there is no such program");
        assert!(error.to_string().starts_with("program did not start: "), "{error}");
    }

    #[test]
    fn captures_stdout_only() {
        let output = capture(Command::new("sh").args(["-c", "echo out"])).expect("it succeeds");
        assert_eq!(output, b"out\n");
    }
}
