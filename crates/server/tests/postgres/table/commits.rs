//! Connections that break in the middle of a commit.

use activity_testkit::{Database, Moment, Proxy};

use super::{Trial, either_of};
use crate::LONG;

/// Whether the server has committed or not is known to nobody at first.
#[tokio::test(flavor = "multi_thread")]
async fn connections_break_at_the_commit() {
    let database = Database::empty();
    let proxy = Proxy::to_port(database.address().port);
    let via = database.address().at(proxy.port());
    let trial = Trial::start(&via, 1, &[("LOG_BATCH_INTERVAL_MS", "10")]).await;
    let cuts = either_of(6, 20);
    for cut in 0..cuts {
        let moment = if cut % 2 == 0 { Moment::Before } else { Moment::After };
        proxy.cut_at(b"COMMIT", moment).wait(LONG);
        trial.more(10).await;
    }
    assert_eq!(trial.failures(), 0);
    let said = trial.end(&format!("{cuts} times cut")).await;
    // Now and then it is the compactor that is cut off.
    assert!(said[0]["retries"].as_u64() > Some(0) && said[0]["stored"] == said[0]["accepted"], "{said:?}");
}
