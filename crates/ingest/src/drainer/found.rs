//! What an earlier process made durable and may not have told anybody: the live feed hears of it now.

use activity_domain::id::ClientId;
use activity_domain::port::Batch;

use super::Drainer;

/// So many are told after a start. Who was away for a day is no news.
const MAX_TOLD: usize = 16_384;

impl Drainer {
    /// Tells the feed of a batch of an earlier process that the store does not have. Some of it may have been told
    /// then, and some is told twice where the store fails: readers know activities by their ids.
    pub(super) fn tell(&mut self, batch: &Batch) {
        let Some(feed) = self.feed.as_ref().filter(|feed| feed.is_wanted()) else { return };
        let told = self.told.insert(batch.stream, batch.next).unwrap_or(0);
        if told >= batch.next {
            self.told.insert(batch.stream, told);
            return;
        }
        let activities: Vec<_> = batch.records.iter().map(|record| record.activity.clone()).collect();
        if self.told_events + activities.len() <= MAX_TOLD {
            self.told_events += activities.len();
            feed.publish(activities);
        } else {
            let skipped: Vec<(ClientId, u64)> =
                activities.into_iter().map(|activity| (activity.client, 1)).collect();
            feed.skip(&skipped);
        }
    }
}
