//! The log: for people on a terminal, as JSON for programs. It goes to stderr; stdout is for results.

use std::io::{self, IsTerminal};

use thiserror::Error;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

use crate::config::{LogFormat, LogLevel};
use crate::traces::Traces;

/// The log cannot be set up.
#[derive(Debug, Error)]
#[error("the log is set up already: {0}")]
pub struct TelemetryError(#[from] TryInitError);

/// Sets up the log, and traces where there are any, for the whole process, once. Records of the `log` crate join it.
pub fn init(level: &LogLevel, format: LogFormat, traces: Option<&Traces>) -> Result<(), TelemetryError> {
    let wants_color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let is_colored = wants_color && io::stderr().is_terminal();
    let layers = [Some(lines(level, format, is_colored, io::stderr)), traces.map(Traces::layer)];
    let layers: Vec<_> = layers.into_iter().flatten().collect();
    Ok(Registry::default().with(layers).try_init()?)
}

/// Writes what passes the filter, a line an event, with times in UTC as in RFC 3339.
fn lines<W>(
    level: &LogLevel,
    format: LogFormat,
    is_colored: bool,
    writer: W,
) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let filter = level.filter();
    match format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed(),
        LogFormat::Pretty => lines.compact().with_ansi(is_colored).with_filter(filter).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use activity_domain::time::Timestamp;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: &str, format: LogFormat, is_colored: bool, log: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        let level = LogLevel::parse(level).unwrap();
        let layer = lines(&level, format, is_colored, move || writer.clone());
        tracing::subscriber::with_default(Registry::default().with(layer), log);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_have_a_time_a_level_and_their_fields() {
        let text = logged("info", LogFormat::Json, true, || {
            tracing::info_span!("request", id = 7).in_scope(|| tracing::info!(port = 8080, "listening"));
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        let time = line["timestamp"].as_str().unwrap();
        assert!(time.ends_with('Z') && Timestamp::parse(time).is_ok(), "{time}");
        assert_eq!(
            (&line["level"], &line["message"], &line["port"]),
            (&"INFO".into(), &"listening".into(), &8080.into())
        );
        assert_eq!(line["span"]["id"], 7);
    }

    #[test]
    fn colours_are_for_terminals() {
        let line = |is_colored| logged("info", LogFormat::Pretty, is_colored, || tracing::info!("hello"));
        assert!(line(true).contains('\u{1b}'));
        assert!(line(false).contains("hello") && !line(false).contains('\u{1b}'));
    }

    #[test]
    fn the_level_decides() {
        let text = logged("warn", LogFormat::Pretty, false, || {
            tracing::info!("quiet");
            tracing::warn!("loud");
        });
        assert!(text.contains("loud") && !text.contains("quiet"));
    }

    #[test]
    fn a_second_time_is_an_error() {
        let level = LogLevel::parse("off").unwrap();
        init(&level, LogFormat::Json, None).unwrap();
        let error = init(&level, LogFormat::Pretty, None).unwrap_err().to_string();
        assert!(error.starts_with("the log is set up already"), "{error}");
    }
}
