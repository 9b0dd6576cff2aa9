//! What holds for every line.

use activity_access_log::{Entries, Format, Item, Occurrences, Parser, Source};
use activity_domain::activity::ResponseTime;
use proptest::prelude::*;

use crate::parse;

const PARTS: [&str; 20] = [
    "192.0.2.7",
    " ",
    "- ",
    "[",
    "]",
    "31/Jan/2026:12:00:00 +0000",
    "\"",
    "\\",
    "GET / HTTP/1.1",
    "200",
    "0.5",
    "{",
    "}",
    ":",
    ",",
    "\"request\"",
    "\"headers\"",
    "\"ts\"",
    "\u{fffd}",
    "é",
];

/// Bytes that look more like a line than noise does.
fn almost_a_line() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop::collection::vec(prop::sample::select(PARTS.to_vec()), 0..40);
    prop_oneof![
        parts.prop_map(|parts| parts.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..300),
    ]
}

/// The id of each line; `None` for those that cannot be read.
fn ids(log: &str, lines_in_memory: usize) -> Vec<Option<u128>> {
    let source = Source::from_reader("a log", std::io::Cursor::new(log.to_owned())).unwrap();
    let mut entries = Entries::new(source, Format::Common);
    let mut occurrences = Occurrences::new(lines_in_memory);
    let mut found = Vec::new();
    while let Some(item) = entries.next_item(&mut occurrences).unwrap() {
        found.push(match item {
            Item::Entry { id, .. } => Some(id.0.as_u128()),
            Item::Reject(_) => None,
        });
    }
    found
}

proptest! {
    #[test]
    fn parsers_never_panic_and_always_give_a_reason(line in almost_a_line()) {
        for format in Format::ALL {
            if let Err(reason) = Parser::new(format).parse(&line) {
                prop_assert!(!reason.0.is_empty());
            }
        }
    }

    /// Every line is an entry or a reject, and ids are the same in every run, however little memory there
    /// is to count equal lines in.
    #[test]
    fn ids_are_stable_and_none_is_given_twice(lines in prop::collection::vec((0u32..4, 0u32..3, any::<bool>()), 0..60)) {
        let line = |(minute, path, is_good): &(u32, u32, bool)| {
            let status = if *is_good { "200" } else { "none" };
            format!("192.0.2.7 - - [31/Jan/2026:12:0{minute}:00 +0000] \"GET /{path} HTTP/1.1\" {status} 5\n")
        };
        let log: String = lines.iter().map(line).collect();
        let found = ids(&log, 1_000_000);
        prop_assert_eq!(&ids(&log, 1_000_000), &found);
        prop_assert_eq!(&ids(&log, 2), &found);
        let good = |found: &[Option<u128>]| found.iter().flatten().copied().collect::<Vec<_>>();
        prop_assert_eq!(found.len(), lines.len());
        prop_assert_eq!(good(&found).len(), lines.iter().filter(|(_, _, is_good)| *is_good).count());
        let distinct: std::collections::HashSet<u128> = good(&found).into_iter().collect();
        prop_assert_eq!(distinct.len(), good(&found).len());
    }

    #[test]
    fn parsers_never_panic_on_damaged_lines(at in 0usize..120, byte: u8, cut in 0usize..130) {
        let line = br#"192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 5 "http://x.example/" "agent \" more" 0.123"#;
        let mut line = line.to_vec();
        let last = line.len() - 1;
        line[at.min(last)] = byte;
        line.truncate(cut);
        for format in Format::ALL {
            let _ = Parser::new(format).parse(&line);
        }
    }

    /// What is written comes back, in every format that can say it.
    #[test]
    fn a_rendered_entry_parses_back(
        ip: std::net::IpAddr,
        user in prop::option::of("[a-zA-Zäö.]{1,8}"),
        second in 0i64..253_402_200_000,
        method in "[A-Z]{1,20}",
        path in "/[!#-\\[\\]-~]{0,60}",
        status in 100u16..600,
        bytes: Option<u64>,
        agent in prop::option::of("[A-Za-z][ !#-\\[\\]-~ä]{0,60}"),
        micros in prop::option::of(0u64..=86_400_000_000),
    ) {
        let time = jiff::Timestamp::from_second(second).unwrap();
        let clf_time = time.strftime("%d/%b/%Y:%H:%M:%S +0000");
        let or_hyphen = |value: Option<String>| value.unwrap_or("-".to_owned());
        let (user_text, agent_text) = (or_hyphen(user.clone()), or_hyphen(agent.clone()));
        let bytes = bytes.map(|bytes| bytes >> 1);
        let bytes_text = or_hyphen(bytes.map(|bytes| bytes.to_string()));
        let micros_text = or_hyphen(micros.map(|micros| micros.to_string()));
        let clf = format!(
            r#"{ip} - {user_text} [{clf_time}] "{method} {path} HTTP/1.1" {status} {bytes_text} "-" "{agent_text}" {micros_text}"#
        );
        let json = serde_json::json!({
            "remote_addr": ip, "remote_user": user, "time": time.to_string(), "status": status,
            "request": format!("{method} {path} HTTP/1.1"), "body_bytes_sent": bytes,
            "http_user_agent": agent, "duration": micros,
        });
        let entry = parse(Format::CombinedDuration, clf.as_bytes()).unwrap();
        prop_assert_eq!(Ok(entry.clone()), parse(Format::Json, json.to_string().as_bytes()));
        prop_assert_eq!(Ok(entry.clone()), parse(Format::Auto, clf.as_bytes()));

        prop_assert_eq!(&entry.host, &ip.to_string());
        prop_assert_eq!((entry.ip, entry.user), (Some(ip.to_canonical()), user));
        prop_assert_eq!(entry.at.as_micros(), second * 1_000_000);
        prop_assert_eq!(entry.method.as_str(), method);
        prop_assert_eq!(entry.endpoint.as_str(), path.split(['?', '#']).next().unwrap());
        prop_assert_eq!((entry.status.stored(), entry.response_bytes), (status, bytes));
        prop_assert_eq!(entry.user_agent.as_ref().map(|agent| agent.as_str().to_owned()), agent);
        prop_assert_eq!(entry.response_time.map(ResponseTime::as_micros), micros);
    }
}
