//! Which crate of the workspace may depend on which. All arrows point inward, to activity-domain.

use cargo_metadata::{DependencyKind, Metadata};

use super::Finding;

/// Every crate of the workspace. A name that ends in `*` stands for all names that begin so.
const ROOMS: &[Room] = &[
    Room {
        name: "activity-domain",
        uses: &[],
        tests_use: &[],
        // Pure: no runtime, no web, no database.
        outside: Some(&[
            "async-trait",
            "bytes",
            "crc32fast",
            "hmac",
            "integer-encoding",
            "jiff",
            "quick_cache",
            "sha2",
            "thiserror",
            "uuid",
        ]),
    },
    Room { name: "activity-contract", uses: &["activity-domain"], tests_use: &[], outside: None },
    Room { name: "activity-access-log", uses: &["activity-domain"], tests_use: &[], outside: None },
    // What it does without Redis, it does with a limiter that somebody else brings along.
    Room {
        name: "activity-adapter-redis",
        uses: &["activity-domain"],
        tests_use: &["activity-contract", "activity-testkit", "activity-adapter-memory"],
        outside: None,
    },
    Room {
        name: "activity-adapter-*",
        uses: &["activity-domain"],
        tests_use: &["activity-contract", "activity-testkit"],
        outside: None,
    },
    Room {
        name: "activity-ingest",
        uses: &["activity-domain"],
        tests_use: &["activity-contract", "activity-testkit", "activity-adapter-memory"],
        outside: None,
    },
    Room {
        name: "activity-http",
        uses: &["activity-domain"],
        // Its suite runs on every store.
        tests_use: &["activity-adapter-*", "activity-testkit"],
        outside: None,
    },
    // The only crate that names an adapter in its own code.
    Room {
        name: "activity-server",
        uses: &[
            "activity-domain",
            "activity-http",
            "activity-ingest",
            "activity-access-log",
            "activity-adapter-*",
            "activity-dashboard",
        ],
        tests_use: &["activity-client", "activity-contract", "activity-testkit"],
        outside: None,
    },
    // Pages and the routes to them; what they show they ask of the API.
    Room { name: "activity-dashboard", uses: &[], tests_use: &[], outside: None },
    // For other programs: it knows the tracker's API, and nothing of its inside.
    Room { name: "activity-client", uses: &[], tests_use: &[], outside: None },
    Room { name: "activity-testkit", uses: &[], tests_use: &[], outside: None },
    Room { name: "xtask", uses: &["activity-testkit"], tests_use: &[], outside: None },
];

/// A row of the table.
struct Room {
    /// The package.
    name: &'static str,
    /// Crates of ours that its code may use.
    uses: &'static [&'static str],
    /// Crates of ours that its tests may use besides.
    tests_use: &'static [&'static str],
    /// Crates of others that its code may use; `None` is no limit.
    outside: Option<&'static [&'static str]>,
}

/// A member of the workspace, as far as the rules care.
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

/// A declared dependency.
struct Dependency {
    name: String,
    /// Whether only tests, examples and benchmarks see it. Build scripts count as code.
    dev: bool,
}

/// Reads the members of the workspace.
pub(super) fn packages(metadata: &Metadata) -> Vec<Package> {
    let members = metadata.workspace_packages();
    let package = |member: &&cargo_metadata::Package| Package {
        name: member.name.to_string(),
        dependencies: member
            .dependencies
            .iter()
            .map(|dep| Dependency { name: dep.name.clone(), dev: dep.kind == DependencyKind::Development })
            .collect(),
    };
    members.iter().map(package).collect()
}

/// Holds every declared dependency against the table.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let Some(room) = ROOMS.iter().find(|room| matches(room.name, &package.name)) else {
            findings.push(Finding {
                place: package.name.clone(),
                rule: "unknown crate",
                advice: "give it a row in the table of xtask/src/tidy/arrows.rs".to_owned(),
            });
            continue;
        };
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|other| other.name == dependency.name);
            findings.extend(if ours {
                arrow(room, package, dependency)
            } else {
                outside(room, package, dependency)
            });
        }
    }
    findings
}

/// The rule for a dependency on a crate of ours.
fn arrow(room: &Room, package: &Package, dependency: &Dependency) -> Option<Finding> {
    let listed = |list: &[&str]| list.iter().any(|pattern| matches(pattern, &dependency.name));
    if listed(room.uses) || (dependency.dev && listed(room.tests_use)) {
        return None;
    }
    let kind = if dependency.dev { "dev-dependency" } else { "dependency" };
    Some(Finding {
        place: package.name.clone(),
        rule: "illegal arrow",
        advice: format!(
            "drop the {kind} on {}: depend on a port of activity-domain and let activity-server wire it",
            dependency.name
        ),
    })
}

/// The rule for a dependency on a crate of others.
fn outside(room: &Room, package: &Package, dependency: &Dependency) -> Option<Finding> {
    let allowed = room.outside?;
    if dependency.dev || allowed.contains(&dependency.name.as_str()) {
        return None;
    }
    Some(Finding {
        place: package.name.clone(),
        rule: "dependency off the allow-list",
        advice: format!("move what needs {} to another crate, behind a port", dependency.name),
    })
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

#[cfg(test)]
mod tests;
