//! The files of `deploy/` against the settings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::config::table::names;

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(deploy(file)).unwrap()
}

/// `NAME=value` of each line.
fn pairs(text: &str) -> Vec<(&str, &str)> {
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    text.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| is_name(name)).collect()
}

#[test]
fn the_file_of_the_service_has_every_setting_once() {
    let text = read("systemd/activity-tracker.env").replace('#', "");
    let named = pairs(&text);
    let set: BTreeSet<&str> = named.iter().map(|(name, _)| *name).collect();
    assert_eq!(set, names().collect::<BTreeSet<_>>());
    assert_eq!(set.len(), named.len(), "some stand there twice");
}

#[test]
fn the_file_of_the_service_is_refused_until_secrets_are_in_it() {
    let text = read("systemd/activity-tracker.env");
    let refused = load(&pairs(&text)).unwrap_err().to_string();
    assert_has(&refused, &["ADMIN_API_KEY", "JWT_SECRET", "in production"]);
}

#[test]
fn the_example_of_kubernetes_is_refused() {
    let text = read("kubernetes/secret.example.yaml").replace(": \"\"", "=");
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let mut settings = pairs(&text);
    assert!(settings.iter().any(|(name, _)| *name == "ADMIN_API_KEY"), "{settings:?}");
    settings.push(("APP_ENV", "production"));
    assert_has(&load(&settings).unwrap_err().to_string(), &["ADMIN_API_KEY", "JWT_SECRET"]);
}

#[test]
fn secrets_that_are_made_for_compose_are_good_for_production_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("secrets.sh");
    fs::copy(deploy("compose/secrets.sh"), &script).unwrap();
    let make = || {
        let output = Command::new("sh").arg(&script).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(folder.path().join("secrets/server.env")).unwrap()
    };
    let text = make();
    assert_eq!(make(), text);
    let mut settings = pairs(&text);
    settings.extend([("APP_ENV", "production"), ("REDIS_SENTINEL_HOSTS", "sentinel-1:26379")]);
    let settings = load(&settings).unwrap();
    assert!(settings.database.is_some());
    assert!(settings.encryption_keys.is_some());
}
