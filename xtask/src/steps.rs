//! A chore made of steps: one line before each, a stop at the first failure, a summary with durations.

use std::time::{Duration, Instant};

use crate::process::Outcome;

/// One step of a chore.
pub struct Step {
    name: &'static str,
    action: Box<dyn FnOnce() -> Outcome>,
}

impl Step {
    /// A step that has not run yet.
    pub fn new(name: &'static str, action: impl FnOnce() -> Outcome + 'static) -> Self {
        Self { name, action: Box::new(action) }
    }
}

/// What became of a step, as a line of the summary.
enum Ending {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

/// Runs the steps in order up to the first failure, then prints the summary.
pub fn run_all(steps: Vec<Step>) -> Outcome {
    let began = Instant::now();
    let count = steps.len();
    let mut endings = Vec::with_capacity(count);
    let mut failure = None;
    for (index, Step { name, action }) in steps.into_iter().enumerate() {
        if failure.is_some() {
            endings.push((name, Ending::NotRun));
            continue;
        }
        eprintln!("[{}/{count}] {name}", index + 1);
        let began = Instant::now();
        match action() {
            Ok(()) => endings.push((name, Ending::Passed(began.elapsed()))),
            Err(error) => {
                endings.push((name, Ending::Failed(began.elapsed())));
                failure = Some(format!("step \"{name}\" failed: {error}"));
            }
        }
    }
    eprintln!("{}", summary(&endings, began.elapsed()));
    failure.map_or(Ok(()), |message| Err(message.into()))
}

/// The table at the end.
fn summary(endings: &[(&str, Ending)], total: Duration) -> String {
    let mut lines = vec![String::new(), "Summary".to_owned()];
    lines.extend(endings.iter().map(|(name, ending)| match ending {
        Ending::Passed(took) => row("ok", &seconds(*took), name),
        Ending::Failed(took) => row("FAILED", &seconds(*took), name),
        Ending::NotRun => row("not run", "", name),
    }));
    lines.push(row("", &seconds(total), "in all"));
    lines.join("\n")
}

fn row(ending: &str, took: &str, name: &str) -> String {
    format!("  {ending:<8}{took:>9}  {name}")
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_the_first_failure() {
        let steps = vec![
            Step::new("first", || Ok(())),
            Step::new("second", || Err("it broke".into())),
            Step::new("third", || panic!("runs after a failure")),
        ];
        let error = run_all(steps).expect_err("the second step fails");
        assert_eq!(error.to_string(), "step \"second\" failed: it broke");
    }

    #[test]
    fn the_summary_tells_all_steps() {
        let endings = [
            ("a", Ending::Passed(Duration::from_millis(1234))),
            ("b", Ending::Failed(Duration::from_millis(59_960))),
            ("c", Ending::NotRun),
        ];
        let text = summary(&endings, Duration::from_secs(61));
        let lines: Vec<_> =
            text.lines().skip(2).map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
        assert_eq!(lines[0], ["ok", "1.2", "s", "a"]);
        assert_eq!(lines[1], ["FAILED", "60.0", "s", "b"]);
        assert_eq!(lines[2], ["not", "run", "c"]);
        assert_eq!(lines[3], ["61.0", "s", "in", "all"]);
    }
}
