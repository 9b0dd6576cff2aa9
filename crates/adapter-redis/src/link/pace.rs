//! How long answers take, and so how long is too long: long enough for a slow link, and no longer than it has to be.
//!
//! It goes by the average and by how far answers are from it, as TCP does before it sends anything again. One that is slow
//! counts at once, and is forgotten slowly. Too long is a silence: while others are answered on the same connection, a call
//! waits for as long as it may.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// An answer may be later than the average by so much in any case, as a part of the longest wait: a server that forks, or a
/// machine that is busy, is not lost.
const LEAST: f64 = 0.4;
/// What a new answer counts in the average.
const NEW: f64 = 1.0 / 8.0;
/// What a new distance counts, if it is larger, and if it is not.
const FARTHER: f64 = 1.0 / 2.0;
const NEARER: f64 = 1.0 / 64.0;
/// So many distances from the average are too long.
const DISTANCES: f64 = 4.0;
/// The last part of any wait. Where this process was held up itself, it reads meanwhile what has come long since.
const LAST: f64 = 0.25;

/// Measures, and waits accordingly.
pub(crate) struct Pace {
    most: Duration,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Average and distance, in seconds; none before the first answer.
    usual: Option<(f64, f64)>,
    /// When anybody was last answered.
    heard: Option<Instant>,
}

impl Pace {
    /// Nothing waits longer than `most`, and nothing shorter before something was measured.
    pub fn new(most: Duration) -> Self {
        Self { most, known: Mutex::default() }
    }

    /// How long nobody may be answered.
    fn patience(&self) -> Duration {
        let Some((average, distance)) = self.known().usual else { return self.most };
        let most = self.most.as_secs_f64();
        Duration::from_secs_f64((average + (DISTANCES * distance).max(LEAST * most)).min(most))
    }

    /// Until when somebody waits. While others are answered, there is only much to do.
    fn until(&self, begun: Instant) -> Instant {
        let heard = self.known().heard.map_or(begun, |heard| heard.max(begun));
        (heard + self.patience()).min(begun + self.most)
    }

    /// Notes what an answer took.
    pub fn note(&self, took: Duration) {
        let took = took.min(self.most).as_secs_f64();
        let mut known = self.known();
        known.heard = Some(Instant::now());
        known.usual = Some(match known.usual {
            None => (took, took / 2.0),
            Some((average, distance)) => {
                let far = (took - average).abs();
                let part = if far > distance { FARTHER } else { NEARER };
                (NEW.mul_add(took - average, average), part.mul_add(far - distance, distance))
            }
        });
    }

    /// Waits for an answer, and notes what it took. `None` if that is too long.
    pub async fn keep<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let begun = Instant::now();
        tokio::pin!(answer);
        loop {
            let left = self.until(begun).saturating_duration_since(Instant::now());
            for part in [left.mul_f64(1.0 - LAST), left.mul_f64(LAST)] {
                if let Ok(answered) = timeout(part, &mut answer).await {
                    self.note(begun.elapsed());
                    return Some(answered);
                }
            }
            if self.until(begun) <= Instant::now() {
                return None;
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const MOST: Duration = Duration::from_millis(100);
    const LEAST: Duration = Duration::from_millis(40);

    fn after(answers: impl IntoIterator<Item = u64>) -> Duration {
        let pace = Pace::new(MOST);
        answers.into_iter().for_each(|millis| pace.note(Duration::from_millis(millis)));
        pace.patience()
    }

    #[test]
    fn patience_is_never_less_than_some_nor_more_than_most() {
        assert_eq!(after([]), MOST);
        assert_eq!(after([0; 100]), LEAST);
        assert_eq!(after([10_000; 100]), MOST);
    }

    #[test]
    fn a_slow_link_is_waited_for() {
        for slow in 1..60 {
            let spare = after(vec![slow; 10_000]).saturating_sub(Duration::from_millis(slow));
            assert!(spare >= LEAST.mul_f64(0.999), "{spare:?} more than {slow} ms");
        }
    }

    #[test]
    fn one_slow_answer_makes_patient_for_a_while() {
        let fast = vec![1; 1_000];
        for slow in [45, 55, 75] {
            let with = [&fast[..], &[slow]].concat();
            assert!(after(with.clone()) > Duration::from_millis(slow), "{slow}");
            assert!(after([&with[..], &[1; 10]].concat()) > Duration::from_millis(slow) / 2, "{slow}");
            assert!(after([with, fast.clone()].concat()) < LEAST + Duration::from_millis(2), "{slow}");
        }
    }

    #[tokio::test]
    async fn while_others_are_answered_it_waits_for_as_long_as_it_may() {
        let pace = Pace::new(MOST);
        (0..1_000).for_each(|_| pace.note(Duration::ZERO));
        let begun = Instant::now();
        let others = async {
            loop {
                pace.note(Duration::ZERO);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = tokio::select! {
            answer = pace.keep(pending::<()>()) => answer,
            () = others => Some(()),
        };
        assert_eq!(waited, None);
        assert!(begun.elapsed() >= MOST);
    }

    #[tokio::test]
    async fn it_waits_as_long_as_it_says() {
        let pace = Pace::new(MOST);
        for least in [MOST, LEAST] {
            let begun = Instant::now();
            assert_eq!(pace.keep(pending::<()>()).await, None);
            assert!(begun.elapsed() >= least);
            (0..100).for_each(|_| pace.note(Duration::ZERO));
            assert_eq!(pace.keep(ready(7)).await, Some(7));
        }
        assert!(pace.patience() < LEAST + Duration::from_millis(1));
    }
}
