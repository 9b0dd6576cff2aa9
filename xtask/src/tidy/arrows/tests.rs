//! Made-up workspaces that keep and break the rules on arrows.

use super::*;

/// A package with dependencies by name; `dev:` before a name makes it a dev-dependency.
fn package(name: &str, dependencies: &[&str]) -> Package {
    let dependency = |text: &&str| {
        let name = text.strip_prefix("dev:").unwrap_or(text);
        Dependency { name: name.to_owned(), dev: text.starts_with("dev:") }
    };
    Package { name: name.to_owned(), dependencies: dependencies.iter().map(dependency).collect() }
}

/// The rules that `name` breaks with these dependencies, in a workspace that has every crate.
fn broken(name: &str, dependencies: &[&str]) -> Vec<&'static str> {
    let others = [
        "activity-domain",
        "activity-contract",
        "activity-access-log",
        "activity-adapter-memory",
        "activity-adapter-sqlite",
        "activity-ingest",
        "activity-http",
        "activity-server",
        "activity-testkit",
        "xtask",
    ];
    let mut packages = vec![package(name, dependencies)];
    packages.extend(others.iter().filter(|other| **other != name).map(|other| package(other, &[])));
    check(&packages).into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn legal_arrows_pass() {
    let server = [
        "activity-domain",
        "activity-http",
        "activity-ingest",
        "activity-access-log",
        "dev:activity-testkit",
    ];
    assert!(broken("activity-server", &server).is_empty());
    assert!(broken("activity-server", &["activity-adapter-memory", "activity-adapter-sqlite"]).is_empty());
    let adapter = ["activity-domain", "dev:activity-contract", "dev:activity-testkit", "tokio"];
    assert!(broken("activity-adapter-anything", &adapter).is_empty());
    let ingest =
        ["activity-domain", "dev:activity-contract", "dev:activity-testkit", "dev:activity-adapter-memory"];
    assert!(broken("activity-ingest", &ingest).is_empty());
    assert!(broken("activity-http", &["activity-domain", "dev:activity-adapter-memory"]).is_empty());
    assert!(broken("activity-contract", &["activity-domain"]).is_empty());
    assert!(broken("activity-access-log", &["activity-domain"]).is_empty());
    assert!(broken("xtask", &["activity-testkit", "clap"]).is_empty());
}

#[test]
fn illegal_arrows_are_found() {
    for (from, to) in [
        ("activity-domain", "activity-ingest"),
        ("activity-domain", "dev:activity-contract"),
        ("activity-contract", "dev:activity-adapter-memory"),
        ("activity-access-log", "activity-http"),
        ("activity-adapter-sqlite", "activity-adapter-memory"),
        ("activity-adapter-sqlite", "activity-contract"),
        ("activity-ingest", "activity-adapter-memory"),
        ("activity-http", "dev:activity-ingest"),
        ("activity-http", "activity-adapter-memory"),
        ("activity-http", "activity-server"),
        ("activity-server", "activity-contract"),
        ("activity-server", "activity-testkit"),
        ("activity-testkit", "activity-domain"),
        ("xtask", "activity-server"),
    ] {
        assert_eq!(broken(from, &[to]), ["illegal arrow"], "{from} -> {to}");
    }
}

#[test]
fn a_finding_names_the_crate_and_the_way_out() {
    let packages = [package("activity-http", &["dev:activity-ingest"]), package("activity-ingest", &[])];
    let text = check(&packages)[0].to_string();
    assert!(
        text.starts_with("activity-http: illegal arrow: drop the dev-dependency on activity-ingest"),
        "{text}"
    );
}

#[test]
fn the_domain_keeps_to_its_allow_list() {
    assert!(broken("activity-domain", &["uuid", "jiff", "dev:proptest"]).is_empty());
    assert_eq!(broken("activity-domain", &["tokio"]), ["dependency off the allow-list"]);
    assert!(broken("activity-http", &["tokio"]).is_empty());
}

#[test]
fn an_unknown_crate_is_found() {
    assert_eq!(broken("activity-surprise", &["tokio"]), ["unknown crate"]);
}
