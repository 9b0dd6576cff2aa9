//! Going back: the store lost what it had, and gets it again as far as it is kept.

use activity_domain::id::StreamId;
use tokio::time::Instant;

use super::Drainer;
use crate::reader::Reader;

/// How often a segment that was kept is tried that cannot be read.
const MAX_TRIES: u32 = 5;

impl Drainer {
    /// Whether the store is to be asked now and then: as long as there is something to go back to.
    pub(super) fn checks(&self) -> bool {
        !self.config.keep.is_zero() || self.has_kept()
    }

    /// Whether to ask now. One who stops has asked once, so that what is kept does some good even if there
    /// is never time for more.
    pub(super) fn is_check_due(&self, is_stopping: bool) -> bool {
        let is_time = Instant::now() >= self.next_check;
        self.checks() && is_time && !(is_stopping && self.is_checked)
    }

    pub(super) fn has_kept(&self) -> bool {
        self.shared.log.lock().has_kept()
    }

    /// Asks the store where it stands: in the current stream, and in all of which something is kept. Goes
    /// back where it has fallen behind; deletes what has been kept for long enough where it has not, and
    /// only there, so that nothing goes while the store is out of reach.
    pub(super) async fn check(&mut self) {
        let mut streams = self.shared.log.lock().kept_streams();
        let others = self.cursors.keys().filter(|stream| !streams.contains(stream));
        let others: Vec<StreamId> = others.copied().collect();
        streams.extend(others);
        for stream in streams {
            match self.sink.position(stream).await {
                Ok(next) => self.checked(stream, next).await,
                Err(error) => {
                    tracing::warn!(%error, "the store does not say where it stands; what is kept stays");
                    if !self.is_checked {
                        self.back_off().await;
                    }
                    self.next_check = Instant::now() + self.config.check_every;
                    return;
                }
            }
        }
        self.is_checked = true;
        self.next_check = Instant::now() + self.config.check_every;
    }

    async fn checked(&mut self, stream: StreamId, next: u64) {
        if self.is_behind(stream, next) {
            self.go_back(stream, next).await;
        }
        // A reader that is lost is noticed when it is to read.
        let _ = self.with_reader(move |reader| reader.expire(stream, next)).await;
    }

    /// Whether the store, which stands at `next` in a stream, has had more of it.
    pub(super) fn is_behind(&self, stream: StreamId, next: u64) -> bool {
        let kept = self.shared.log.lock().kept_end(stream);
        self.cursors.get(&stream).copied().max(kept).is_some_and(|known| known > next)
    }

    /// Whether the spool begins behind where the store stands in a stream. Segments go only when the store
    /// has them, so it has lost what lies between, while no process was here to notice.
    pub(super) fn is_ahead_of(&self, stream: StreamId, next: u64) -> bool {
        self.shared.log.lock().readable_from(stream, next).is_some_and(|from| from > next)
    }

    /// The store stands at `next` in a stream and has lost what it had behind that. Reads it again, as far as
    /// it is still there.
    pub(super) async fn go_back(&mut self, stream: StreamId, next: u64) {
        let missing_before = self.totals.missing();
        let known = {
            let log = self.shared.log.lock();
            self.counted.retain(|of, _| log.has(*of));
            let maps = [&self.cursors, &self.counted].map(|map| map.get(&stream).copied());
            maps.into_iter().chain([log.kept_end(stream)]).flatten().max().unwrap_or(0)
        };
        self.counted.insert(stream, known);
        self.shared.log.lock().settle(stream, known);
        let going_back = self.with_reader(move |reader| reader.go_back(stream, next, known));
        let Ok(segments) = going_back.await else {
            // The reader is lost, which is noticed when it is to read.
            return;
        };
        self.attempts.clear();
        self.stands(stream, next);
        self.is_going_back = true;
        self.totals.add_going_back();
        let missing = self.totals.missing() - missing_before;
        tracing::warn!(
            next,
            known,
            segments,
            "the store has lost what it had; what is kept is brought again"
        );
        if missing > 0 {
            tracing::error!(missing, "events that the store has lost are not in the spool any more");
        }
    }

    /// Lets go of a segment that was kept and cannot be read: without keeping it would not be here, and it
    /// must not hold up the others.
    pub(super) async fn give_up_unreadable(&mut self) {
        self.unreadable += 1;
        if self.unreadable >= MAX_TRIES {
            self.unreadable = 0;
            let _ = self.with_reader(Reader::give_up).await;
        }
    }
}
