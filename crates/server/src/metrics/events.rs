//! Events, the spool and the drainer.

use std::fmt;

use activity_ingest::{Spool, Totals};

use super::page::Page;

const MICROS: u32 = 1_000_000;

pub fn write(page: &mut Page<'_>, spool: &Spool, totals: &Totals) -> fmt::Result {
    events(page, spool, totals)?;
    self::spool(page, spool, totals)?;
    drainer(page, totals)
}

fn events(page: &mut Page<'_>, spool: &Spool, totals: &Totals) -> fmt::Result {
    let account = spool.account(totals);
    page.counter("activity_events_accepted", "Events made durable by this process", account.accepted)?;
    page.gauge(
        "activity_events_recovered",
        "Events that earlier processes accepted and left to this one",
        account.recovered,
    )?;
    let outcomes = [
        ("stored", account.drained.stored),
        ("duplicate", account.drained.duplicate),
        ("discarded", account.drained.discarded),
        ("set_aside", account.drained.set_aside),
    ];
    let outcomes = outcomes.map(|(outcome, count)| ([("outcome", outcome)], count));
    page.counters("activity_events_drained", "What became of events", outcomes)?;
    page.gauge("activity_events_pending", "Events that wait in the spool", account.pending)?;
    page.counter(
        "activity_events_replayed",
        "Events brought to a store that had lost them",
        totals.replayed(),
    )?;
    let missing = "Events that the store has lost and that are not in the spool any more";
    page.counter("activity_events_missing", missing, totals.missing())
}

fn spool(page: &mut Page<'_>, spool: &Spool, totals: &Totals) -> fmt::Result {
    page.gauge("activity_spool_bytes", "Disk space of all segments", spool.bytes())?;
    let kept = "Disk space of segments that are stored and only kept";
    page.gauge("activity_spool_kept_bytes", kept, spool.kept_bytes())?;
    page.gauge("activity_spool_max_bytes", "SPOOL_MAX_BYTES", spool.max_bytes())?;
    let oldest = spool.oldest_waiting().as_secs_f64();
    page.gauge("activity_spool_oldest_waiting_seconds", "How long the oldest event has waited", oldest)?;
    let refused = spool.refused();
    let refused = [("full", &refused.full), ("failing", &refused.failing), ("closed", &refused.closed)];
    page.counters(
        "activity_spool_refusals",
        "Requests whose events could not be made durable",
        refused.map(|(reason, count)| ([("reason", reason)], count.get())),
    )?;
    page.counter("activity_spool_damaged", "Damaged places, kept in quarantine", totals.damaged())
}

fn drainer(page: &mut Page<'_>, totals: &Totals) -> fmt::Result {
    page.histogram(
        "activity_drain_lag_seconds",
        "From the acceptance of a batch's oldest event to its commit",
        MICROS,
        &totals.lag_micros.now(),
    )?;
    let events = totals.batch_events.now();
    page.histogram("activity_drain_batch_events", "Events of a batch that was stored", 1, &events)?;
    page.histogram(
        "activity_drain_batch_duration_seconds",
        "What the store took for such a batch",
        MICROS,
        &totals.batch_micros.now(),
    )?;
    page.counter("activity_drain_retries", "Batches that failed and are tried again", totals.retries())?;
    let went_back = "How often the store stood further back than before";
    page.counter("activity_drain_went_back", went_back, totals.went_back())
}
