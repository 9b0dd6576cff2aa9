//! Clocks that are an hour off, and jump.

use std::fs;

use activity_testkit::Database;

use super::{Trial, either_of};
use crate::LONG;
use crate::support::{faketime, skew, until};

const HOUR: i64 = 3_600;
/// One of two instances has a clock that jumps.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_is_an_hour_off() {
    let library = faketime();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offset");
    fs::write(&file, "+0").unwrap();
    let place = file.to_string_lossy().into_owned();
    let database = Database::empty();
    let settings = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", place.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let trial = Trial::of(database.address(), &[&settings, &[]]).await;
    let before = trial.failures();
    let jumps = either_of(3, 12);
    for jump in 0..jumps {
        let offset = [HOUR, -HOUR, 0][usize::try_from(jump % 3).unwrap()];
        // In one piece, because it is read at any moment.
        let draft = folder.path().join("draft");
        fs::write(&draft, format!("{offset:+}")).unwrap();
        fs::rename(&draft, &file).unwrap();
        until("the clock to jump", LONG, async || {
            let is_there = (skew(&trial.nodes[0]).await - offset).abs() < 600;
            is_there.then_some(())
        })
        .await;
        assert!(skew(&trial.nodes[1]).await.abs() < 600);
        trial.more(50).await;
    }
    assert_eq!(trial.failures(), before, "it is refused or taken, and no error");
    trial.end(&format!("{jumps} jumps of an hour")).await;
}
