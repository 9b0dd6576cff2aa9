//! The store, Postgres and Redis, as far as is known without asking them.

use std::fmt;
use std::sync::atomic::Ordering;

use activity_adapter_postgres::PostgresStore;
use activity_adapter_redis::Link;

use super::page::Page;
use crate::batches::Batches;
use crate::upkeep::UpkeepCounts;

pub fn store(
    page: &mut Page<'_>,
    batches: &Batches,
    upkeep: &UpkeepCounts,
    postgres: Option<&PostgresStore>,
) -> fmt::Result {
    let is_up = batches.refusal().is_none() && postgres.is_none_or(PostgresStore::is_reached);
    page.gauge("activity_store_up", "1 if it is in reach and took the last batch", u64::from(is_up))?;
    let errors = [("unavailable", &batches.unavailable), ("refused", &batches.refused)];
    let errors = errors.map(|(kind, count)| ([("kind", kind)], count.get()));
    page.counters("activity_store_errors", "Errors of the store at batches", errors)?;
    page.gauge(
        "activity_compactor_deltas_waiting",
        "Deltas that waited for the compactor when it last looked",
        upkeep.waiting.load(Ordering::Relaxed),
    )?;
    let folded = "Deltas folded into blocks by this instance";
    page.counter("activity_compactor_deltas_folded", folded, upkeep.folded.get())?;
    let removed = [("retention", &upkeep.dropped), ("erasure", &upkeep.purged)];
    let removed = removed.map(|(reason, count)| ([("reason", reason)], count.get()));
    page.counters("activity_upkeep_rows_removed", "Raw rows taken away", removed)?;
    page.counter("activity_upkeep_failures", "Steps of upkeep that failed", upkeep.failures.get())
}

pub fn postgres(page: &mut Page<'_>, postgres: &PostgresStore) -> fmt::Result {
    let is_up = u64::from(postgres.is_reached());
    page.gauge("activity_postgres_up", "1 if the primary is in reach", is_up)?;
    let counts = postgres.counts();
    page.counter("activity_postgres_losses", "How often the primary was lost", counts.openings)?;
    let refused = "Questions refused because the primary was lost";
    page.counter("activity_postgres_refused", refused, counts.refused)?;
    page.counter("activity_postgres_failovers", "How often another server took over", counts.failovers)?;
    let reads = [("primary", counts.primary_reads), ("replica", counts.replica_reads)];
    let reads = reads.map(|(server, count)| ([("server", server)], count));
    page.counters("activity_postgres_reads", "Questions, by who was asked", reads)?;
    let moved = "Questions at which a replica failed, and which went elsewhere";
    page.counter("activity_postgres_moved_reads", moved, counts.moved_reads)?;
    replicas(page, postgres)?;
    pools(page, postgres)
}

/// By their place in the setting: where they are is nobody else's business.
fn replicas(page: &mut Page<'_>, postgres: &PostgresStore) -> fmt::Result {
    let replicas = postgres.replicas();
    let all =
        || (1..).zip(&replicas).map(|(place, replica): (u32, _)| ([("replica", place.to_string())], replica));
    let up = all().map(|(place, replica)| (place, u64::from(replica.ailment.is_none())));
    page.gauges("activity_postgres_replica_up", "1 if questions are put to it", up)?;
    let behind = all().map(|(place, replica)| (place, replica.behind));
    let help = "What it had not replayed of the primary's log when it was last seen";
    page.gauges("activity_postgres_replica_lag_bytes", help, behind)
}

fn pools(page: &mut Page<'_>, postgres: &PostgresStore) -> fmt::Result {
    let pools = postgres.pools();
    let connections = pools.iter().flat_map(|pool| {
        let states = [("busy", pool.busy), ("idle", pool.idle)];
        states.map(|(state, count)| ([("pool", pool.name), ("state", state)], count))
    });
    page.gauges("activity_postgres_pool_connections", "Connections to the primary", connections)?;
    let sizes = pools.iter().map(|pool| ([("pool", pool.name)], pool.size));
    page.gauges("activity_postgres_pool_max_connections", "The most of them", sizes)?;
    let timeouts = pools.iter().map(|pool| ([("pool", pool.name)], pool.timeouts));
    let help = "Who waited for a connection and got none";
    page.counters("activity_postgres_pool_timeouts", help, timeouts)?;
    let waited = pools.iter().map(|pool| ([("pool", pool.name)], pool.waited.as_secs_f64()));
    page.counters("activity_postgres_pool_wait_seconds", "Time that was waited for connections", waited)
}

/// Connections to Redis, by what they are for.
pub fn redis(page: &mut Page<'_>, links: &[(&'static str, Link)]) -> fmt::Result {
    if links.is_empty() {
        return Ok(());
    }
    let up = links.iter().map(|(name, link)| ([("link", *name)], u64::from(link.contact().is_some())));
    page.gauges("activity_redis_up", "1 if it answers on this connection", up)?;
    let losses = links.iter().map(|(name, link)| ([("link", *name)], link.losses()));
    page.counters("activity_redis_losses", "How often it was lost there", losses)
}
