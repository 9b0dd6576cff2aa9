//! Every parser of the domain on any text: never a panic, and what was parsed once parses to itself, so
//! that a value survives a store that keeps its text.

#![no_main]

use activity_domain::activity::{Endpoint, Metadata, Method, ResponseTime, Text};
use activity_domain::client::ClientName;
use activity_domain::id::{ClientId, KeyId};
use activity_domain::redact::redact;
use activity_domain::time::{Timestamp, Zone};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(number) = bytes.first_chunk() {
        let time = ResponseTime::from_millis(f64::from_le_bytes(*number));
        assert!(
            time.is_err() || time.map(ResponseTime::as_micros).and_then(ResponseTime::from_micros).is_ok()
        );
        if let Ok(at) = Timestamp::from_micros(i64::from_le_bytes(*number)) {
            assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(value) = Endpoint::parse(text) {
        assert!(value.as_str().len() <= 1_024);
        assert_eq!(Endpoint::parse(value.as_str()), Ok(value));
    }
    if let Ok(value) = Method::parse(text) {
        assert_eq!(Method::parse(value.as_str()), Ok(value));
    }
    if let Ok(value) = Text::<512>::parse(text) {
        assert!(value.as_str().len() <= 512 && redact(text).starts_with(value.as_str()));
        assert_eq!(Text::parse(value.as_str()), Ok(value));
    }
    if let Ok(value) = Metadata::from_object(text) {
        assert_eq!(value.as_str(), redact(text));
        assert_eq!(Metadata::from_object(value.as_str()), Ok(value));
    }
    if let Ok(value) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&value.to_string()), Ok(value));
    }
    if let Ok(value) = Zone::parse(text) {
        assert_eq!(Zone::parse(value.name()).as_ref(), Ok(&value));
    }
    if let Ok(value) = ClientId::parse(text) {
        assert_eq!(value.as_str(), text);
    }
    if let Ok(value) = KeyId::parse(text) {
        assert_eq!(value.as_str(), text);
    }
    let _ = ClientName::parse(text);
});
