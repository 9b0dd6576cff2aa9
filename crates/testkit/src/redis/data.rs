//! The folder of a new server, and what it is told.

use std::{fmt::Write as _, fs};

use super::RedisSettings;
use crate::folder::Folder;

/// Makes a place for data in a folder, and the configuration.
pub(super) fn set_up(folder: Folder, configuration: &str) -> Folder {
    let file = folder.path().join("redis.conf");
    fs::create_dir(folder.data()).expect("a folder for data can be made");
    fs::write(&file, configuration).expect("redis.conf can be written");
    // A Sentinel, and a member of a cluster, writes down there what it learns.
    for path in [folder.data(), file] {
        folder.account().own(&path);
    }
    folder
}

/// What differs from the defaults, with the caller's own lines last.
pub(super) fn configuration(settings: &RedisSettings, password: &str, tls_port: Option<u16>) -> String {
    let mut lines = vec![
        ("bind", "127.0.0.1".to_owned()),
        ("dir", "data".to_owned()),
        ("save", "\"\"".to_owned()),
        ("requirepass", password.to_owned()),
        ("masterauth", password.to_owned()),
        // A replica gets its first copy at once, not after five seconds, and looks for its primary each second anyway.
        ("repl-diskless-sync-delay", "0".to_owned()),
    ];
    if settings.durable {
        lines.extend([("appendonly", "yes".to_owned()), ("appendfsync", "always".to_owned())]);
    }
    if let Some((user, rules)) = &settings.user {
        lines.push(("user", format!("{user} on >{password} {rules}")));
    }
    lines.extend(tls(settings, tls_port));
    lines.extend(settings.configuration.iter().map(|(name, value)| (name.as_str(), value.clone())));
    text(&lines)
}

/// What is said about TLS, if there is any.
pub(super) fn tls(settings: &RedisSettings, port: Option<u16>) -> Vec<(&'static str, String)> {
    settings.tls.as_ref().zip(port).map(|(tls, port)| tls.lines(port)).unwrap_or_default()
}

/// A line for each.
pub(super) fn text(lines: &[(&str, String)]) -> String {
    lines.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name} {value}");
        text
    })
}
