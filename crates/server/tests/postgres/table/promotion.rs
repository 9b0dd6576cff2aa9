//! The primary is lost with commits that the standby lacks, and the standby is promoted.

use activity_testkit::{PostgresCluster, Stop};

use super::{Trial, either_of, while_it_lasts};
use crate::instances::either;
use crate::support::until;
use crate::{LONG, readyz};

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_promoted() {
    for round in 0..either_of(1, 5) {
        let mut cluster = PostgresCluster::start(1);
        let (one, other) = (cluster.primary.address().clone(), cluster.replicas[0].address().clone());
        let url = either(&one, &other);
        let mut trial = Trial::start(&one, 1, &[("DATABASE_URL", url.as_str())]).await;
        cluster.wait_caught_up();
        cluster.replicas[0].stop(Stop::Immediate);
        trial.more(100).await;
        while_it_lasts(trial.random.millis(300..1_500)).await;
        cluster.primary.kill();
        trial.more(20).await;
        cluster.replicas[0].start_again();
        let lost = cluster.promote(0);
        until("contact", LONG, async || readyz(trial.node(), "store").await.1.then_some(())).await;
        trial.more(50).await;
        assert_eq!(trial.failures(), 0, "senders do not notice");
        trial.address = other;
        let said = trial.end(&format!("promotion {round}")).await;
        assert!(said[0]["replayed"].as_u64() > Some(0), "the standby lacked nothing: {said:?}");
        assert_eq!(said[0]["missing"], 0, "{said:?}");
        drop(lost);
    }
}
