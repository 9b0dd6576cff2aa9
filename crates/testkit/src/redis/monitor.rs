//! All commands that a server runs, as it tells them.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use super::{RedisAddress, resp};

/// Listens for as long as it lives.
#[derive(Debug)]
pub struct RedisMonitor {
    stream: TcpStream,
    told: Arc<Mutex<Vec<RedisCommand>>>,
    thread: Option<JoinHandle<()>>,
}

/// A command as it was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisCommand {
    /// Whether a script has run it.
    pub by_script: bool,
    /// Its name in capitals.
    pub name: String,
    /// The rest, with bytes that are no text in escapes.
    pub arguments: Vec<String>,
}

impl RedisMonitor {
    /// Begins to listen.
    pub(super) fn start(address: &RedisAddress) -> Self {
        let stream = resp::monitor(address).unwrap_or_else(|error| panic!("MONITOR: {error}"));
        let told: Arc<Mutex<Vec<RedisCommand>>> = Arc::default();
        let (reading, telling) = (stream.try_clone().expect("a socket can be shared"), Arc::clone(&told));
        let thread = thread::spawn(move || {
            let lines = BufReader::new(reading).lines().map_while(Result::ok);
            for command in lines.filter_map(|line| RedisCommand::parse(&line)) {
                telling.lock().unwrap_or_else(PoisonError::into_inner).push(command);
            }
        });
        Self { stream, told, thread: Some(thread) }
    }

    /// What was run since the start.
    pub fn commands(&self) -> Vec<RedisCommand> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names of it, each once.
    pub fn names(&self) -> BTreeSet<String> {
        self.commands().into_iter().map(|command| command.name).collect()
    }
}

impl Drop for RedisMonitor {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl RedisCommand {
    /// From `+1700000000.123456 [0 127.0.0.1:6379] "GET" "key"`, where `lua` stands in place of the address of a script.
    fn parse(line: &str) -> Option<Self> {
        let (head, mut rest) = line.split_once("] ")?;
        let mut words = Vec::new();
        while let Some(text) = rest.trim_start().strip_prefix('"') {
            let mut escaped = false;
            let end = text.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })?;
            words.push(text[..end].to_owned());
            rest = &text[end + 1..];
        }
        let mut words = words.into_iter();
        let name = words.next()?.to_uppercase();
        Some(Self { by_script: head.ends_with(" lua"), name, arguments: words.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command() {
        let parsed = RedisCommand::parse(r#"+17.5 [0 lua] "get" "a \"b\\" """#).expect("a command");
        assert_eq!((parsed.by_script, parsed.name.as_str()), (true, "GET"));
        assert_eq!(parsed.arguments, [r#"a \"b\\"#, ""]);
        let parsed = RedisCommand::parse(r#"+17.5 [0 127.0.0.1:6379] "PING""#).expect("a command");
        assert_eq!((parsed.by_script, parsed.arguments.len()), (false, 0));
        assert_eq!(RedisCommand::parse("+OK"), None);
    }
}
