//! Made-up calls: days by the clock of its clients, with an hour in which something was broken.

use activity_access_log::sample::Random;
use activity_domain::time::{Timestamp, Zone};
use serde::Serialize;
use uuid::Uuid;

use super::cast::{Actor, BROKEN, CAST};

const HOUR: i64 = 3_600;
/// How long ago the incident began: yesterday, whatever the time is.
const INCIDENT: i64 = 21 * HOUR;
/// How wide response times spread: one in six takes longer than e to the power of this times the median.
const SPREAD: f64 = 0.55;
/// Milliseconds between two calls that are made live, at least and at most: whoever looks wants to see something.
const PAUSE: (f64, f64) = (20.0, 2_000.0);

/// A call as `POST /api/logs` takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Which of the cast calls.
    #[serde(skip)]
    pub actor: usize,
    /// For those who record for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    id: Uuid,
    timestamp: String,
    endpoint: String,
    method: &'static str,
    status_code: u16,
    /// In milliseconds.
    response_time: f64,
    ip_address: String,
    user_agent: &'static str,
    response_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'static str>,
}

/// Makes calls. The same seed and time make the same ones.
pub struct Traffic {
    random: Random,
    now: Timestamp,
}

impl Traffic {
    /// Traffic up to a moment.
    pub fn new(seed: u64, now: Timestamp) -> Self {
        Self { random: Random::new(seed), now }
    }

    /// The calls of an hour that began so many hours ago, where a whole day has so many.
    pub fn hour(&mut self, hours_ago: u32, calls_per_day: u32) -> Vec<Call> {
        let start = self.now.plus_seconds(-HOUR * i64::from(hours_ago));
        let mut calls = Vec::new();
        for (index, actor) in CAST.iter().enumerate() {
            for _ in 0..self.rounded(in_an_hour(actor, start, calls_per_day)) {
                let within = i64::try_from(self.random.below(3_600)).unwrap_or_default();
                calls.push(self.call(index, actor, start.plus_seconds(within)));
            }
        }
        calls
    }

    /// Milliseconds to the next call, at the pace of the hour that it is.
    pub fn pause(&mut self, at: Timestamp, calls_per_day: u32) -> u64 {
        let in_this_hour: f64 = CAST.iter().map(|actor| in_an_hour(actor, at, calls_per_day)).sum();
        let mean = (HOUR as f64 * 1_000.0 / in_this_hour.max(1.0)).clamp(PAUSE.0, PAUSE.1);
        let pause = mean * (0.5 + self.share());
        self.rounded(pause).into()
    }

    /// A call of one of the cast.
    pub fn of(&mut self, index: usize, at: Timestamp) -> Option<Call> {
        CAST.get(index).map(|actor| self.call(index, actor, at))
    }

    /// A call of any of the cast, by their shares.
    pub fn any(&mut self, at: Timestamp) -> Option<Call> {
        let mut left = self.random.below(100);
        let index = CAST.iter().position(|actor| {
            let is_it = left < u64::from(actor.share);
            left = left.saturating_sub(u64::from(actor.share));
            is_it
        });
        self.of(index?, at)
    }

    /// A number between two, the second left out.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.random.below(to.saturating_sub(from))
    }

    fn call(&mut self, index: usize, actor: &Actor, second: Timestamp) -> Call {
        let micros = i64::try_from(self.random.below(1_000_000)).unwrap_or_default();
        let at = Timestamp::from_micros(second.as_micros() + micros).unwrap_or(second);
        // The usual is called more often than the rest.
        let usual = actor.calls.len().div_ceil(2);
        let among = if self.random.one_in(3) { actor.calls } else { &actor.calls[..usual] };
        let (method, path) = self.random.pick(among, ("GET", "/"));
        let is_broken = path.starts_with(BROKEN) && self.is_incident(at);
        let (status_code, error_message) = self.status(actor, method, is_broken);
        let slow = if is_broken { 8.0 } else { 1.0 };
        Call {
            actor: index,
            client_id: None,
            id: self.id(),
            timestamp: at.to_string(),
            endpoint: path.replace('#', &(1_000 + self.random.below(9_000)).to_string()),
            method,
            status_code,
            response_time: self.log_normal(actor.median * slow),
            // A block that is kept for documentation.
            ip_address: format!("203.0.113.{}", index * 8 + self.random.pick(&[1, 2, 3], 1)),
            user_agent: actor.agent,
            response_bytes: 200 + self.random.below(8_000),
            error_message,
        }
    }

    fn is_incident(&self, at: Timestamp) -> bool {
        let begun = self.now.plus_seconds(-INCIDENT);
        at >= begun && at < begun.plus_seconds(HOUR)
    }

    fn status(&mut self, actor: &Actor, method: &str, is_broken: bool) -> (u16, Option<&'static str>) {
        if is_broken && self.random.below(100) < 60 {
            return (503, Some("the payment provider does not answer"));
        }
        if self.random.below(1_000) < actor.clumsiness {
            let (status, said) = self.random.pick(
                &[(404, "no such thing"), (422, "the body does not fit"), (401, "the token has expired")],
                (404, "no such thing"),
            );
            return (status, Some(said));
        }
        if self.random.one_in(600) {
            return (500, Some("something went wrong"));
        }
        let good = match method {
            "POST" => 201,
            "DELETE" => 204,
            _ => 200,
        };
        (good, None)
    }

    /// Milliseconds to the microsecond. The sum of twelve numbers between 0 and 1 is close to a normal distribution
    /// around 6 with a deviation of 1.
    fn log_normal(&mut self, median: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.share()).sum();
        let millis = median * (SPREAD * (sum - 6.0)).exp();
        (millis * 1_000.0).round() / 1_000.0
    }

    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        self.random.below(1 << 32) as f64 / f64::from(u32::MAX)
    }

    /// A whole number whose mean is this one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand at most")]
    fn rounded(&mut self, mean: f64) -> u32 {
        (mean + self.share()).floor() as u32
    }

    fn id(&mut self) -> Uuid {
        let [high, low] = [self.random.number(), self.random.number()];
        Uuid::new_v8((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }
}

/// How many calls one of the cast makes in the hour of a moment.
fn in_an_hour(actor: &Actor, at: Timestamp, calls_per_day: u32) -> f64 {
    let weekday = Zone::utc().date_of(at).weekday().to_monday_zero_offset();
    let hour = u8::try_from(at.minute().0.div_euclid(60).rem_euclid(24)).unwrap_or_default();
    let busy = actor.habit.at(u8::try_from(weekday).unwrap_or_default(), hour);
    f64::from(calls_per_day) / 24.0 * f64::from(actor.share) / 100.0 * busy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(seed: u64) -> Vec<Call> {
        let now = Timestamp::parse("2026-03-05T15:20:00Z").unwrap();
        let mut traffic = Traffic::new(seed, now);
        (1..=168).flat_map(|hours_ago| traffic.hour(hours_ago, 2_000)).collect()
    }

    fn median(calls: &[&Call]) -> f64 {
        let mut times: Vec<f64> = calls.iter().map(|call| call.response_time).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }

    #[test]
    fn a_seed_makes_the_same_week() {
        assert_eq!(week(1), week(1));
        assert_ne!(week(1), week(2));
    }

    #[test]
    fn a_week_has_about_what_was_asked_for_and_all_of_the_cast() {
        let week = week(1);
        assert!((11_000..17_000).contains(&week.len()), "{}", week.len());
        for (index, actor) in CAST.iter().enumerate() {
            let own = week.iter().filter(|call| call.actor == index).count() as f64 / week.len() as f64;
            let share = f64::from(actor.share) / 100.0;
            assert!((0.5..2.0).contains(&(own / share)), "{}: {own} of {share}", actor.name);
        }
        assert!(week.iter().all(|call| call.timestamp.as_str() < "2026-03-05T15:20:00"));
    }

    #[test]
    fn it_goes_on_at_the_pace_of_its_week() {
        let now = Timestamp::parse("2026-03-05T15:20:00Z").unwrap();
        let mut traffic = Traffic::new(1, now);
        for calls_per_day in [50_000, 400_000] {
            let last_hour = traffic.hour(1, calls_per_day).len() as f64;
            let live: f64 = (0..1_000).map(|_| traffic.pause(now, calls_per_day) as f64).sum();
            let in_an_hour = 1_000.0 * 3_600_000.0 / live;
            assert!((0.8..1.25).contains(&(in_an_hour / last_hour)), "{in_an_hour} after {last_hour}");
        }
        assert!((0..1_000).all(|_| (1_000..=3_000).contains(&traffic.pause(now, 1))));
    }

    #[test]
    fn response_times_are_what_the_cast_says_and_an_hour_of_payments_is_broken() {
        let week = week(3);
        let shop: Vec<&Call> =
            week.iter().filter(|call| call.actor == 0 && !call.endpoint.starts_with(BROKEN)).collect();
        assert!((34.0..42.0).contains(&median(&shop)), "{}", median(&shop));
        let failed: Vec<&Call> = week.iter().filter(|call| call.status_code == 503).collect();
        assert!(!failed.is_empty());
        for call in failed {
            assert!(
                call.timestamp.starts_with("2026-03-04T18:") || call.timestamp.starts_with("2026-03-04T19:"),
                "{call:?}"
            );
            assert!(call.endpoint.starts_with(BROKEN), "{call:?}");
        }
    }
}
