//! What holds for every line.

use activity_access_log::{Format, Parser};
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

proptest! {
    #[test]
    fn parsers_never_panic_and_always_give_a_reason(line in almost_a_line()) {
        for format in Format::ALL {
            if let Err(reason) = Parser::new(format).parse(&line) {
                prop_assert!(!reason.0.is_empty());
            }
        }
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
        prop_assert_eq!((entry.status.code(), entry.response_bytes), (status, bytes));
        prop_assert_eq!(entry.user_agent.as_ref().map(|agent| agent.as_str().to_owned()), agent);
        prop_assert_eq!(entry.response_time.map(ResponseTime::as_micros), micros);
    }
}
