//! Lines as Apache and nginx write them.

use activity_access_log::{Format, Parser};

use crate::parse;

const COMMON: &str = r#"192.0.2.7 - ada [31/Jan/2026:13:00:00 +0100] "GET /a/b?c=d HTTP/1.1" 200 512"#;

fn combined(tail: &str) -> Vec<u8> {
    format!("{COMMON} {tail}").into_bytes()
}

#[test]
fn a_common_line_is_read_whole() {
    let entry = parse(Format::Common, COMMON.as_bytes()).unwrap();
    assert_eq!(entry.host, "192.0.2.7");
    assert_eq!(entry.ip, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(entry.user.as_deref(), Some("ada"));
    assert_eq!(entry.at.to_string(), "2026-01-31T12:00:00Z");
    assert_eq!((entry.method.as_str(), entry.endpoint.as_str()), ("GET", "/a/b"));
    assert_eq!((entry.status.stored(), entry.response_bytes), (200, Some(512)));
    assert_eq!((entry.user_agent, entry.response_time), (None, None));
}

#[test]
fn hyphens_are_none() {
    let line = br#"host.example - - [31/Jan/2026:12:00:00 +0000] "HEAD / HTTP/1.0" 304 - "-" "-" -"#;
    let entry = parse(Format::CombinedDuration, line).unwrap();
    assert_eq!((entry.host.as_str(), entry.ip, entry.user), ("host.example", None, None));
    assert_eq!((entry.response_bytes, entry.user_agent, entry.response_time), (None, None, None));
}

#[test]
fn escaped_quotes_do_not_end_a_field_and_stay_as_they_are() {
    let agent = |tail| parse(Format::Combined, &combined(tail)).unwrap().user_agent.unwrap();
    assert_eq!(agent(r#""http://x/\x22\"" "a \"b\" \\""#).as_str(), r#"a \"b\" \\"#);
    assert_eq!(agent(r#""\xe4\xf6" "\x22""#).as_str(), r"\x22");
}

#[test]
fn durations_are_seconds_or_microseconds() {
    let micros = |tail| {
        let entry = parse(Format::CombinedDuration, &combined(tail)).unwrap();
        entry.response_time.map(activity_domain::activity::ResponseTime::as_micros)
    };
    assert_eq!(micros(r#""-" "curl" 0.123"#), Some(123_000));
    assert_eq!(micros(r#""-" "curl" 123"#), Some(123));
    assert_eq!(micros(r#""-" "curl" "203.0.113.9, 10.0.0.1" 1.000"#), Some(1_000_000));
}

#[test]
fn users_may_have_spaces_and_brackets() {
    let user = |user: &str| {
        let line = COMMON.replace(" ada ", &format!(" {user} "));
        parse(Format::Common, line.as_bytes()).unwrap().user
    };
    assert_eq!(user("Ada [the first] King").as_deref(), Some("Ada [the first] King"));
    assert_eq!(user("[x] [y").as_deref(), Some("[x] [y"));
    assert_eq!(user("\"\""), None);
    assert_eq!(user(""), None);
}

#[test]
fn an_agent_that_is_not_utf_8_is_kept() {
    let mut line = combined(r#""-" "agent "#);
    line.extend_from_slice(b"\xff\0 1\"");
    let agent = parse(Format::Combined, &line).unwrap().user_agent.unwrap();
    assert_eq!(agent.as_str(), "agent \u{fffd}\u{fffd} 1");
}

#[test]
fn lines_are_rejected_for_a_reason_that_a_person_understands() {
    let reason = |format, line: &str| parse(format, line.as_bytes()).unwrap_err();
    let combined = |tail| format!("{COMMON} {tail}");
    for (line, expected) in [
        (combined(r#""-" "agent"#), "has a user agent without a closing quote"),
        (combined(r#""-" "agent\""#), "has a user agent without a closing quote"),
        (combined(r#""http://x "agent""#), "has a referer with a quote in its middle"),
        (combined(r#""-" "agent" 0.123"#), "goes on after the user agent; is the format combined-duration?"),
        (COMMON.to_owned(), "has no referer in quotes"),
        (COMMON.replace("GET /a/b?c=d HTTP/1.1", "-"), "has no request"),
        (
            COMMON.replace("GET /a/b?c=d HTTP/1.1", r"\x16\x03\x01"),
            r"has a request that is not one of HTTP: \x16\x03\x01",
        ),
        (COMMON.replace(" 200 ", " 000 "), "has a wrong status: it must be between 100 and 599"),
        (COMMON.replace(" 200 ", " two "), "has a wrong status: it must be between 100 and 599"),
        (COMMON.replace(" 512", " 5k"), "has a size that is not a number of bytes"),
        (COMMON.replace(" 512", ""), "ends before the size of the answer"),
        (COMMON.replace("Jan", "Foo"), "has a time that is not like 31/Jan/2026:12:00:00 +0000"),
        (COMMON.replace("2026", "1960"), "has a wrong time: it must lie between the years 1970 and 9999"),
        ("nonsense".to_owned(), "ends before the identity"),
        ("a b c".to_owned(), "has no time in brackets"),
        (String::new(), "ends before the client"),
    ] {
        assert_eq!(reason(Format::Combined, &line), expected, "{line}");
    }
    let common = reason(Format::Common, &combined(r#""-" "agent""#));
    assert_eq!(common, "goes on after the size; is the format combined?");
    let duration = reason(Format::CombinedDuration, &combined(r#""-" "agent""#));
    assert_eq!(duration, "ends before the duration");
}

#[test]
fn auto_takes_the_format_of_the_first_line_that_can_be_read() {
    for (line, expected) in [
        (COMMON.to_owned(), Format::Common),
        (format!(r#"{COMMON} "-" "curl""#), Format::Combined),
        (format!(r#"{COMMON} "-" "curl" "-""#), Format::Combined),
        (format!(r#"{COMMON} "-" "curl" 0.001"#), Format::CombinedDuration),
        (r#"{"ip":"::1","ts":1e9,"method":"GET","path":"/","status":200}"#.to_owned(), Format::Json),
    ] {
        let mut parser = Parser::new(Format::Auto);
        assert!(parser.parse(b"nonsense").is_err() && parser.parse(b"{}").is_err());
        assert_eq!(parser.format(), Format::Auto);
        parser.parse(line.as_bytes()).unwrap();
        assert_eq!(parser.format(), expected, "{line}");
    }
    let mut parser = Parser::new(Format::Auto);
    parser.parse(COMMON.as_bytes()).unwrap();
    assert!(parser.parse(&combined(r#""-" "curl""#)).is_err(), "the choice stands");
}
