//! A disk that is full: Postgres answers questions and takes nothing.

use activity_testkit::{Address, Postgres};

use super::{Trial, seconds, while_it_lasts};
use crate::support::until;
use crate::{LONG, readyz};

/// What there is for tables and their indexes.
const DISK: u64 = 128 << 20;
/// What is as full as a disk can be, for all that it is told.
const SAYS_FULL: &str = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     RAISE EXCEPTION 'could not extend file \"base/5/16385\": No space left on device' \
     USING ERRCODE = 'disk_full', HINT = 'Check free disk space.'; END $$; \
     CREATE TRIGGER full_disk BEFORE INSERT ON activity FOR EACH ROW EXECUTE FUNCTION full_disk()";

/// Takes all that is left, to the last page.
fn fill(address: &Address) {
    address.sql("CREATE TABLE junk (junk text); ALTER TABLE junk ALTER junk SET STORAGE PLAIN");
    for rows in [10_000, 100, 1] {
        let insert =
            format!("INSERT INTO junk SELECT repeat(md5(n::text), 100) FROM generate_series(1, {rows}) n");
        until_full(address, &insert);
    }
}

fn until_full(address: &Address, insert: &str) {
    let said = (0..10_000).find_map(|_| address.try_sql(insert).err());
    let said = said.unwrap_or_default();
    assert!(said.contains("No space left on device"), "{said}");
}

async fn goes_on(trial: Trial, figures: &str, free: impl FnOnce()) {
    until("it to be told", LONG, async || {
        let (status, ok, detail) = readyz(trial.node(), "store").await;
        assert!(status.is_success());
        let expected = "Postgres takes no batches, because its disk is full; events wait in the spool";
        (!ok && detail == expected).then_some(())
    })
    .await;
    while_it_lasts(seconds(2, 30)).await;
    trial.more(100).await;
    assert!(trial.node().log().contains("No space left on device"), "{}", trial.node().log());
    free();
    until("room", LONG, async || readyz(trial.node(), "store").await.1.then_some(())).await;
    assert_eq!(trial.failures(), 0, "senders do not notice");
    let said = trial.end(figures).await;
    assert_eq!(said[0]["stored"], said[0]["accepted"], "nothing is set aside: {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_says_that_its_disk_is_full() {
    said_to_be_full().await;
}

async fn said_to_be_full() {
    let postgres = Postgres::start();
    let address = postgres.address();
    let trial = Trial::start(address, 1, &[]).await;
    address.sql(SAYS_FULL);
    goes_on(trial, "said to be full", || {
        address.sql("DROP TRIGGER full_disk ON activity");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_of_postgres_is_full() {
    // Only root may mount one. For everybody else, the words of one that is full have to do.
    let Some(postgres) = Postgres::with_small_disk(DISK) else { return said_to_be_full().await };
    let address = postgres.address();
    address.sql("ALTER DATABASE postgres SET default_tablespace = small");
    let trial = Trial::start(address, 1, &[]).await;
    fill(address);
    goes_on(trial, "full", || {
        address.sql("DROP TABLE junk");
    })
    .await;
}
