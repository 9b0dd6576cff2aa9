//! Postgres is stopped at once, and comes back.

use activity_testkit::{Postgres, Stop};
use reqwest::StatusCode;

use super::readers::TURNS;
use super::{Readers, Trial, either_of, seconds, while_it_lasts};
use crate::support::until;
use crate::{LONG, readyz};

/// Connections stay open, and nobody says anything.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_frozen() {
    let postgres = Postgres::start();
    let trial = Trial::start(postgres.address(), 1, &[]).await;
    let readers = Readers::start(trial.node(), &trial.accounts);
    trial.more(50).await;
    postgres.freeze();
    until("the loss to be noticed", LONG, async || trial.node().log().contains("is lost").then_some(()))
        .await;
    while_it_lasts(seconds(1, 60)).await;
    trial.more(100).await;
    let seen = readers.finish().await;
    assert!(seen.answered > 0 && seen.failed == 0 && seen.refused > 0, "{seen:?}");
    postgres.thaw();
    until("contact", LONG, async || readyz(trial.node(), "store").await.1.then_some(())).await;
    trial.more(50).await;
    assert_eq!(trial.failures(), 0, "it costs no sender anything");
    trial.end(&format!("frozen, {seen:?}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_stopped_at_once() {
    let mut postgres = Postgres::start();
    let trial = Trial::start(postgres.address(), 1, &[]).await;
    postgres.stop(Stop::Immediate);
    let readers = Readers::start(trial.node(), &trial.accounts);
    trial.more(100).await;
    until("the outage to be seen", LONG, async || (!readyz(trial.node(), "store").await.1).then_some(()))
        .await;
    assert_eq!(readyz(trial.node(), "spool").await.0, StatusCode::OK);
    while_it_lasts(seconds(5, 60)).await;
    let seen = readers.finish().await;
    assert!(seen.answered == 0 && seen.failed == 0, "{seen:?}");
    // Each of them would have waited a second for a connection.
    let waiting = (TURNS * trial.accounts.len()) as u64 * either_of(5, 60);
    assert!(seen.refused > 4 * waiting, "{} questions were refused at once", seen.refused);
    postgres.start_again();
    until("contact", LONG, async || readyz(trial.node(), "store").await.1.then_some(())).await;
    trial.more(50).await;
    assert_eq!(trial.failures(), 0, "an outage costs no sender anything");
    let figures = format!("stopped for {:?}, {seen:?}", seconds(5, 60));
    let said = trial.end(&figures).await;
    assert_eq!(said[0]["stored"], said[0]["accepted"], "{said:?}");
}
