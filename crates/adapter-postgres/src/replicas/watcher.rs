//! The watcher of replicas.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use activity_domain::error::StoreError;
use diesel::pg::Pg;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable};
use diesel_async::RunQueryDsl;
use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{PATIENCE, Replica};
use crate::ailment::Ailment;
use crate::error::{Failure, out_of_reach};
use crate::pools::Connections;
use crate::statement::statement;

/// How often the servers are asked. A replica that is used has replayed what the primary had written one round
/// before, so that it is behind by two rounds at most.
const ROUND: Duration = Duration::from_millis(250);

/// Watches replicas for as long as it is run.
pub(super) async fn run(primary: Connections, replicas: Vec<Arc<Replica>>) {
    // What the primary had written in the last round that it answered: while it is away, nothing is written.
    let mut written = None;
    let mut rounds = interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let now = ask(&primary, Written {}).await.ok().flatten();
        join_all(replicas.iter().map(|replica| check(replica, written))).await;
        written = now.or(written);
    }
}

/// Looks whether a replica has replayed what was written.
async fn check(replica: &Replica, written: Option<i64>) {
    let behind = |replayed| StoreError::Unavailable(format!("it has replayed {replayed} of {written:?}"));
    let replayed = ask(&replica.checks, Replayed {}).await;
    if let (Ok(Some(replayed)), Some(written)) = (&replayed, written) {
        // One that has replayed more than was known then is not behind.
        replica.behind.store(u64::try_from(written - replayed).unwrap_or(0), Ordering::Relaxed);
    }
    let found = match (replayed, written) {
        (Ok(Some(replayed)), Some(written)) if replayed >= written => Ok(()),
        // In the first round there is nothing to compare with.
        (Ok(Some(_)), None) => return,
        (Ok(Some(replayed)), _) => Err((Ailment::Behind, behind(replayed))),
        (Ok(None), _) => Err((Ailment::NoReplica, StoreError::Unavailable("it is no replica".into()))),
        (Err(error), _) => Err((replica.checks.ailment(), error)),
    };
    replica.found(found.as_ref().err().map(|(ailment, error)| (*ailment, error)));
}

statement! {
    /// How far a primary has written; NULL where it is none.
    Written {} -> Nullable<BigInt> =
        "SELECT CASE WHEN NOT pg_is_in_recovery() \
             THEN pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint END"
}

statement! {
    /// How far a replica has replayed; NULL where it is none.
    Replayed {} -> Nullable<BigInt> =
        "SELECT CASE WHEN pg_is_in_recovery() \
             THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint END"
}

async fn ask<S>(server: &Connections, statement: S) -> Result<Option<i64>, StoreError>
where
    S: Query<SqlType = Nullable<BigInt>> + QueryFragment<Pg> + QueryId + Send + 'static,
{
    let asked = async {
        let mut connection = server.get().await?;
        let answer = statement.get_result::<Option<i64>>(&mut *connection).await;
        answer.map_err(|error| Failure::from(error).into())
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(out_of_reach(&"it does not answer in time")))
}
