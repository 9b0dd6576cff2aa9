//! A line of an access log in every format: never a panic, always a reason, and the same answer twice.

#![no_main]

use activity_access_log::{Format, Parser};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    for format in Format::ALL {
        let mut parser = Parser::new(format);
        let first = parser.parse(line);
        match &first {
            // What decided for a format is read in it again.
            Ok(_) => assert_eq!(parser.parse(line), first),
            Err(reason) => {
                assert!(!reason.0.is_empty());
                assert!(reason.0.len() < 400, "a reason is a sentence: {}", reason.0.len());
            }
        }
    }
});
