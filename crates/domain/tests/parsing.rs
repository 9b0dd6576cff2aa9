//! What was parsed once parses to itself: a value survives a store that keeps its text.

#![allow(clippy::unwrap_used, reason = "in a test, that is how it fails")]

use activity_domain::activity::{Endpoint, Metadata, Method, ResponseTime, Text};
use activity_domain::client::{ClientName, Email};
use activity_domain::id::{ClientId, KeyId};
use activity_domain::key::ApiKey;
use activity_domain::time::{Timestamp, Zone};
use proptest::prelude::*;

/// Text with what parsers look for.
fn text() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "/",
        "?",
        "#",
        "://",
        "a",
        "Z",
        "9",
        "-",
        ".",
        "_",
        "@",
        " ",
        "\0",
        "\n",
        "ä",
        "{",
        "}",
        "\\",
        "\"",
        "u0000",
        "GET",
        "get",
        "atk_",
        "2026-01-31T12:00:00",
        "+01:00",
        "Europe/Berlin",
        "UTC",
        "%",
        "\u{200b}",
    ]);
    prop_oneof![
        prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat()),
        "\\PC{0,40}",
        "[/a-zäé]{500,1100}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn values_parse_to_themselves(text in text()) {
        if let Ok(value) = Endpoint::parse(&text) {
            prop_assert!(value.as_str().len() <= 1_024);
            prop_assert_eq!(Endpoint::parse(value.as_str()), Ok(value));
        }
        if let Ok(value) = Method::parse(&text) {
            prop_assert_eq!(Method::parse(value.as_str()), Ok(value));
        }
        if let Ok(value) = Text::<512>::parse(&text) {
            prop_assert!(value.as_str().len() <= 512 && text.starts_with(value.as_str()));
            prop_assert_eq!(Text::parse(value.as_str()), Ok(value));
        }
        if let Ok(value) = Metadata::from_object(&text) {
            prop_assert_eq!(value.as_str(), &text);
        }
        if let Ok(value) = Timestamp::parse(&text) {
            prop_assert_eq!(Timestamp::parse(&value.to_string()), Ok(value));
        }
        if let Ok(value) = Zone::parse(&text) {
            prop_assert_eq!(Zone::parse(value.name()), Ok(value));
        }
        if let Ok(value) = ClientName::parse(&text) {
            prop_assert_eq!(ClientName::parse(value.as_str()), Ok(value));
        }
        if let Ok(value) = Email::parse(&text) {
            prop_assert_eq!(Email::parse(value.as_str()), Ok(value));
        }
        if let Ok(value) = ClientId::parse(&text) {
            prop_assert_eq!(value.as_str(), &text);
        }
        if let Ok(value) = KeyId::parse(&text) {
            prop_assert_eq!(value.as_str(), &text);
        }
    }

    #[test]
    fn keys_are_kept_as_they_are(text in text(), key in "[!-~]{10,260}") {
        for text in [text.clone(), format!("atk_{text}"), key] {
            let Ok(key) = ApiKey::parse(&text) else { continue };
            prop_assert_eq!(key.reveal(), &text);
            prop_assert_eq!(KeyId::parse(key.id().as_str()), Ok(key.id()));
            prop_assert_eq!(ApiKey::parse(&text).unwrap().digest(), key.digest());
        }
    }

    #[test]
    fn numbers_never_panic(float: f64, number: i64) {
        if let Ok(time) = ResponseTime::from_millis(float) {
            prop_assert_eq!(ResponseTime::from_micros(time.as_micros()), Ok(time));
        }
        if let Ok(at) = Timestamp::from_micros(number) {
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
            for seconds in [i64::MIN, -1, 0, 1, i64::MAX] {
                let _ = at.plus_seconds(seconds).minute();
            }
        }
    }
}
