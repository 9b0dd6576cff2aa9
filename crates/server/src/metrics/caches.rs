//! What is kept near: answers about usage, and events for those who listen.

use std::fmt;

use activity_adapter_redis::AskedFar;
use activity_domain::cache::CacheStats;
use activity_domain::live::FeedCounts;

use super::page::Page;

pub fn cache(page: &mut Page<'_>, near: &CacheStats, far: Option<&AskedFar>) -> fmt::Result {
    let (hits, misses) = (("memory", near.hits), ("memory", near.misses));
    let far_hits = far.map(|far| ("redis", far.hits.get()));
    let far_misses = far.map(|far| ("redis", far.misses.get()));
    let by_level = |(level, count)| ([("level", level)], count);
    let hits = [Some(hits), far_hits].into_iter().flatten().map(by_level);
    page.counters("activity_cache_hits", "Questions answered there", hits)?;
    let misses = [Some(misses), far_misses].into_iter().flatten().map(by_level);
    page.counters("activity_cache_misses", "Questions that could not be answered there", misses)?;
    page.gauge("activity_cache_entries", "Values in this process's cache", near.entries)?;
    page.gauge("activity_cache_bytes", "About what they take", near.bytes)?;
    page.gauge("activity_cache_max_bytes", "The most that they may take", near.max_bytes)
}

pub fn feed(page: &mut Page<'_>, counts: FeedCounts) -> fmt::Result {
    let FeedCounts { published, skipped, received, lost, unsent, lagged, readers, kept } = counts;
    for (name, help, count) in [
        ("published", "Events told to readers as they were accepted here", published),
        ("skipped", "Events accepted here that could not be told", skipped),
        ("received", "Events that came from other instances", received),
        ("lost", "Events of other instances that did not come", lost),
        ("unsent", "Messages that did not get to other instances", unsent),
        ("lagged", "Events that readers were too slow for", lagged),
    ] {
        page.counter(&format!("activity_feed_{name}"), help, count)?;
    }
    page.gauge("activity_feed_readers", "Subscriptions", readers)?;
    page.gauge("activity_feed_kept_events", "Events kept for readers who come back", kept)
}
