//! Segments whose frames the store has, kept for a while in case it goes back.
//!
//! A store with asynchronous standbys forgets its newest commits when one of those is promoted. What was
//! in them is brought to it again from here.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use activity_domain::id::StreamId;
use parking_lot::Mutex;

use crate::log::{Again, Log};
use crate::segment::{KeptName, Segment};

/// What is known of a kept segment.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// The number after its last frame; 0 if it has none.
    pub next: u64,
    /// How old it was when this process came to know it ...
    age: Duration,
    /// ... which was then. From there on a clock counts that nobody can put back.
    seen: Instant,
}

impl Kept {
    /// Kept for so long already.
    pub fn since(next: u64, age: Duration) -> Self {
        Self { next, age, seen: Instant::now() }
    }

    /// How long it has been kept.
    pub fn age(&self) -> Duration {
        self.age + self.seen.elapsed()
    }
}

/// Keeps what is drained, brings it back, and deletes it in the end.
#[derive(Debug)]
pub struct Keeper {
    log: Arc<Mutex<Log>>,
    keep: Duration,
}

impl Keeper {
    /// With a keep time of zero it deletes at once.
    pub fn new(log: Arc<Mutex<Log>>, keep: Duration) -> Self {
        Self { log, keep }
    }

    /// The sink has all frames of a segment; `next` follows the last of them (0: there are none).
    pub fn retire(&self, segment: &Segment, next: u64) {
        if self.keep.is_zero() {
            self.log.lock().remove(segment);
            // A file that stays behind is drained again after the next start, which changes nothing.
            return delete(segment);
        }
        // A crash before this is done leaves a segment that is drained again after the next start, with
        // the same result, and kept from then on. So nothing here needs to be made durable.
        let path = segment.kept_path(KeptName { next, seconds: seconds_since_1970() });
        let path = match std::fs::rename(&segment.path, &path) {
            Ok(()) => path,
            Err(error) => {
                tracing::warn!(%error, file = %segment.path.display(), "a drained segment keeps its name");
                segment.path.clone()
            }
        };
        self.log.lock().keep(segment, Kept::since(next, Duration::ZERO), path);
    }

    /// What is kept of a stream from `next` on is to be drained again. Says how many segments that are, and
    /// how many frames are gone with files that are not there any more.
    pub fn go_back(&self, stream: StreamId, next: u64) -> (usize, u64) {
        let again = self.log.lock().go_back(stream, next);
        let mut lacking = 0;
        for segment in &again {
            // Under this name a crash from here on leaves it to be drained.
            let path = segment.waiting_path();
            match std::fs::rename(&segment.path, &path) {
                Ok(()) => self.log.lock().renamed(segment, path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => lacking += self.forget(segment),
                Err(error) => {
                    tracing::warn!(%error, file = %segment.path.display(), "a kept segment keeps its name");
                }
            }
        }
        (again.len(), lacking)
    }

    /// Somebody deleted the file; waiting for it would hold up everything else.
    fn forget(&self, segment: &Segment) -> u64 {
        let mut log = self.log.lock();
        let again = log.refresh(segment).and_then(|readable| readable.again);
        log.remove(segment);
        again.as_ref().map_or(0, |again: &Again| again.lacking(segment))
    }

    /// Deletes what is kept of a stream and has been for long enough, as far as the store is known to
    /// have it.
    pub fn expire(&self, stream: StreamId, stored: u64) {
        let expired = self.log.lock().take_expired(stream, self.keep, stored);
        expired.iter().for_each(delete);
    }
}

/// Makes room for `len` bytes below `max`, if need be at the cost of kept segments. Whether there is.
pub fn make_room(log: &Mutex<Log>, len: u64, max: u64) -> bool {
    // The files are deleted when the lock is free again.
    let gone = log.lock().make_room(len, max);
    let Some(gone) = gone else { return false };
    gone.iter().for_each(sacrifice);
    true
}

/// Gives up the oldest kept segment, because the disk is full. Whether there was one.
pub fn give_way(log: &Mutex<Log>) -> bool {
    let gone = log.lock().take_oldest_kept();
    gone.is_some_and(|(segment, _)| {
        sacrifice(&segment);
        true
    })
}

fn sacrifice(segment: &Segment) {
    tracing::info!(file = %segment.path.display(), "a kept segment goes early: the spool needs the room");
    delete(segment);
}

fn delete(segment: &Segment) {
    if let Err(error) = std::fs::remove_file(&segment.path) {
        tracing::warn!(%error, file = %segment.path.display(), "a drained segment cannot be deleted");
    }
}

/// A kept segment that an earlier process left. One from the future counts as new, and its name is set
/// right: else a clock that was put back would keep it for as long as it was put back.
pub fn recognise(path: &Path) -> Option<(Segment, Kept)> {
    let (mut segment, KeptName { next, seconds }) = Segment::recognise_kept(path)?;
    let now = seconds_since_1970();
    if seconds > now {
        let right = segment.kept_path(KeptName { next, seconds: now });
        match std::fs::rename(path, &right) {
            Ok(()) => segment.path = right,
            Err(error) => tracing::warn!(%error, file = %path.display(), "a kept segment keeps its name"),
        }
    }
    Some((segment, Kept::since(next, Duration::from_secs(now.saturating_sub(seconds)))))
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
