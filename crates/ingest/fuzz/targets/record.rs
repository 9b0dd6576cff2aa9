//! A record of the spool from any bytes: never a panic, and what decodes is an activity that goes through
//! the spool unchanged.

#![no_main]

use activity_domain::id::StreamId;
use activity_ingest::codec;
use activity_ingest::frame::{self, Checksum};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|bytes: &[u8]| {
    let Ok(activity) = codec::decode(bytes) else { return };
    let written = codec::encode(&activity, Vec::new()).expect("an activity can be encoded");
    assert_eq!(codec::decode(&written).as_ref(), Ok(&activity));
    // Records of an earlier version lack what came later.
    if written.first() == bytes.first() {
        assert!(written.len() <= bytes.len(), "there is one shortest way to write it");
    }

    let mut frame = Vec::new();
    let at = frame::open(&mut frame);
    frame.extend_from_slice(&written);
    assert!(frame::close(&mut frame, at), "an activity fits into a frame");
    let checksum = Checksum::of(StreamId(Uuid::from_u128(7)));
    assert_eq!(frame::seal(&mut frame, checksum, 41), 42);
    let (head, payload) = frame.split_first_chunk().expect("a frame has a header");
    let header = frame::header(head).expect("it can be read");
    assert_eq!((header.length, header.sequence), (written.len(), 41));
    assert!(frame::matches(header, payload, checksum));
});
