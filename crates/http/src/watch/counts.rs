//! How many requests were answered, and how long they took. A fixed number of numbers, whatever is asked.

use std::time::Duration;

use activity_domain::counting::{Counter, Distribution, Histogram};
use actix_web::http::{Method, StatusCode};

use super::routes::{Route, TEMPLATES};

/// The methods of our routes; others are one.
const METHODS: [&str; 6] = ["GET", "POST", "PATCH", "DELETE", "OPTIONS", "OTHER"];
/// The statuses that there are; others are one, which is 0 here.
const STATUSES: &[u16] = &[
    200, 202, 201, 204, 429, 401, 503, 101, 206, 301, 304, 307, 308, 400, 403, 404, 405, 406, 408, 409, 410,
    411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 428, 431, 500, 501, 502, 504, 505, 0,
];
/// Up to where a request counts as this quick, in microseconds: from half a millisecond to ten seconds.
const MICROS: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// Requests that were answered, by route, method and status.
#[derive(Debug)]
pub struct Requests(Box<[Cell]>);

/// Those of one route and method.
#[derive(Debug)]
struct Cell {
    statuses: Box<[Counter]>,
    micros: Histogram,
}

/// What was counted of one route and method.
#[derive(Debug)]
pub struct Counted {
    /// The template.
    pub route: &'static str,
    /// The method, or `OTHER`.
    pub method: &'static str,
    /// How many had which status; 0 stands for one that nobody expected.
    pub statuses: Vec<(u16, u64)>,
    /// How long they took, in microseconds.
    pub micros: Distribution,
}

impl Default for Requests {
    fn default() -> Self {
        let cell = || Cell {
            statuses: STATUSES.iter().map(|_| Counter::default()).collect(),
            micros: Histogram::new(MICROS),
        };
        Self((0..TEMPLATES.len() * METHODS.len()).map(|_| cell()).collect())
    }
}

impl Requests {
    /// Counts one.
    pub fn note(&self, route: Route, method: &Method, status: StatusCode, took: Duration) {
        let cell = &self.0[route.index() * METHODS.len() + place_of(method)];
        let status = STATUSES.iter().position(|known| *known == status.as_u16());
        cell.statuses[status.unwrap_or(STATUSES.len() - 1)].add();
        cell.micros.note(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// What was counted so far, without what never came.
    pub fn now(&self) -> Vec<Counted> {
        let places = TEMPLATES.iter().flat_map(|route| METHODS.iter().map(move |method| (*route, *method)));
        let counted = places.zip(&self.0).map(|((route, method), cell)| Counted {
            route,
            method,
            statuses: cell.came(),
            micros: cell.micros.now(),
        });
        counted.filter(|counted| !counted.statuses.is_empty()).collect()
    }
}

impl Cell {
    fn came(&self) -> Vec<(u16, u64)> {
        let all = STATUSES.iter().copied().zip(self.statuses.iter().map(Counter::get));
        all.filter(|(_, count)| *count > 0).collect()
    }
}

/// A method, or `OTHER`: callers can make up methods.
pub fn name_of(method: &Method) -> &'static str {
    METHODS[place_of(method)]
}

fn place_of(method: &Method) -> usize {
    METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_expected_is_counted_together() {
        let requests = Requests::default();
        let (brew, teapot) = (Method::from_bytes(b"BREW").unwrap(), StatusCode::IM_A_TEAPOT);
        for took in [1, 20_000_000] {
            requests.note(Route::of("/pot"), &brew, teapot, Duration::from_micros(took));
        }
        requests.note(Route::of("/api/logs"), &Method::POST, StatusCode::ACCEPTED, Duration::from_millis(5));
        let now = requests.now();
        let shown: Vec<_> =
            now.iter().map(|one| (one.route, one.method, one.statuses.clone(), one.micros.sum)).collect();
        let expected =
            [("(unknown)", "OTHER", vec![(0, 2)], 20_000_001), ("/api/logs", "POST", vec![(202, 1)], 5_000)];
        assert_eq!(shown, expected);
        assert_eq!((now[0].micros.counts[0], now[0].micros.counts[MICROS.len()]), (1, 1));
    }
}
