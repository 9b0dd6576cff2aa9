//! Rules on the text of one Rust file.

use super::Finding;

/// A longer file does more than one thing.
const MAX_LINES: usize = 500;

/// What must not be merged, with the way out. Only looked for in crates: this file has to spell them.
const LEFTOVERS: [(&str, &str); 3] = [
    ("todo!(", "write what is missing, or return an error"),
    ("unimplemented!(", "write what is missing, or return an error"),
    ("#[ignore", "make the test pass everywhere, or delete it"),
];

/// Checks one file; `path` is relative to the root, with `/` between its parts.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(opening(path, text));
    findings.extend(length(path, text));
    if path.starts_with("crates/") {
        findings.extend(leftovers(path, text));
    }
    findings
}

/// The first line says what the module is for.
fn opening(path: &str, text: &str) -> Option<Finding> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    (!first.starts_with("//!")).then(|| Finding {
        place: path.to_owned(),
        rule: "module without an opening `//!` line",
        advice: "say on its first line what it is for".to_owned(),
    })
}

fn length(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| Finding {
        place: path.to_owned(),
        rule: "file too long",
        advice: format!("split its {lines} lines by purpose; {MAX_LINES} are the limit"),
    })
}

fn leftovers(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (pattern, advice) in LEFTOVERS {
            if line.contains(pattern) {
                findings.push(Finding {
                    place: format!("{path}:{}", index + 1),
                    rule: "leftover",
                    advice: format!("`{pattern}` stands here; {advice}"),
                });
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "crates/domain/src/thing.rs";

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(path, text).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_tidy_file_passes() {
        assert!(rules(PATH, "\n//! What it is for.\n\nfn thing() {}\n").is_empty());
    }

    #[test]
    fn a_module_without_an_opening_is_found() {
        for text in ["", "fn thing() {}\n", "/// Of the item.\nfn thing() {}\n", "// Note\n//! Late.\n"] {
            assert_eq!(rules(PATH, text), ["module without an opening `//!` line"], "{text:?}");
        }
        assert_eq!(rules("xtask/src/thing.rs", "fn thing() {}\n").len(), 1);
    }

    #[test]
    fn a_long_file_is_found() {
        let text = |lines: usize| "//! A line.\n".repeat(lines);
        assert!(rules(PATH, &text(MAX_LINES)).is_empty());
        assert_eq!(rules(PATH, &text(MAX_LINES + 1)), ["file too long"]);
    }

    #[test]
    fn leftovers_are_found_in_crates_only() {
        for (pattern, _) in LEFTOVERS {
            let text = format!("//! A line.\n    {pattern}\n");
            let findings = check(PATH, &text);
            assert_eq!(findings.len(), 1, "{pattern}");
            assert_eq!(findings[0].place, "crates/domain/src/thing.rs:2");
            assert_eq!(findings[0].rule, "leftover");
            assert!(rules("xtask/src/thing.rs", &text).is_empty());
        }
    }
}
