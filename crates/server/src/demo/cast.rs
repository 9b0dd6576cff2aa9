//! Who plays in the demo: clients as an API may have them, and what they call.

/// When a client is busy.
#[derive(Debug, Clone, Copy)]
pub enum Habit {
    /// In office hours, and hardly at weekends.
    Office,
    /// In the evening, and more at weekends.
    Evening,
    /// In the small hours.
    Night,
    /// Always alike.
    Steady,
}

/// An endpoint as it is called; `#` stands for the id of something.
pub type Call = (&'static str, &'static str);

/// A client of the demo.
#[derive(Debug)]
pub struct Actor {
    /// Display name.
    pub name: &'static str,
    /// The part before the `@`.
    pub mailbox: &'static str,
    /// Calls of a hundred.
    pub share: u32,
    /// When it is busy.
    pub habit: Habit,
    /// What it calls, the usual first.
    pub calls: &'static [Call],
    /// Its User-Agent.
    pub agent: &'static str,
    /// Calls of a thousand that fail by the caller's fault.
    pub clumsiness: u64,
    /// Milliseconds that half of its calls take.
    pub median: f64,
    /// Events per window, if it has a limit of its own.
    pub limit: Option<u32>,
}

/// Where the incident is: every call that begins so.
pub const BROKEN: &str = "/v1/payments";

const SHOP: &[Call] = &[
    ("GET", "/v1/products"),
    ("GET", "/v1/products/#"),
    ("GET", "/v1/products/#/reviews"),
    ("POST", "/v1/orders"),
    ("GET", "/v1/orders/#"),
    ("POST", "/v1/payments"),
];
const BACK_OFFICE: &[Call] = &[
    ("GET", "/v1/orders"),
    ("GET", "/v1/orders/#"),
    ("PATCH", "/v1/orders/#"),
    ("GET", "/v1/customers/#"),
    ("GET", "/v1/payments/#"),
    ("POST", "/v1/payments/#/refunds"),
];
const DELIVERY: &[Call] = &[
    ("GET", "/v1/shipments/#"),
    ("PUT", "/v1/shipments/#/position"),
    ("POST", "/v1/shipments"),
    ("DELETE", "/v1/shipments/#"),
];
const REPORTS: &[Call] =
    &[("GET", "/v1/reports/daily"), ("GET", "/v1/orders"), ("GET", "/v1/reports/#/rows")];
const PROBE: &[Call] = &[("GET", "/v1/status"), ("HEAD", "/v1/products")];

/// All of them. The shares add up to a hundred.
pub const CAST: &[Actor] = &[
    actor("Harbour Web Shop", "shop", 24, Habit::Evening, SHOP, "Mozilla/5.0", 14, 38.0),
    actor("Harbour Mobile App", "mobile", 19, Habit::Evening, SHOP, "HarbourApp/4.2 (Android)", 22, 44.0),
    actor("Lindgren Fulfilment", "lindgren", 12, Habit::Office, DELIVERY, "okhttp/4.12", 9, 26.0),
    actor("Back Office", "office", 10, Habit::Office, BACK_OFFICE, "Mozilla/5.0", 18, 61.0),
    actor("Marlow Books", "marlow", 8, Habit::Evening, SHOP, "python-requests/2.32", 31, 47.0),
    actor("Fjord Couriers", "fjord", 7, Habit::Office, DELIVERY, "Go-http-client/2.0", 12, 22.0),
    actor("Till at the Quay", "till", 6, Habit::Office, SHOP, "TillFirmware/1.9", 6, 33.0),
    actor("Price Comparison Oryx", "oryx", 5, Habit::Steady, SHOP, "OryxBot/2.1", 84, 29.0),
    actor("Uptime Watch", "uptime", 4, Habit::Steady, PROBE, "UptimeWatch/1.0", 0, 4.0),
    Actor {
        limit: Some(500),
        ..actor("Nightly Export", "export", 3, Habit::Night, REPORTS, "curl/8.5.0", 4, 420.0)
    },
    actor("Accounting", "accounting", 1, Habit::Office, REPORTS, "Excel/16.0", 11, 260.0),
    actor("Intern's First Script", "intern", 1, Habit::Office, BACK_OFFICE, "node", 240, 52.0),
];

#[expect(clippy::too_many_arguments, reason = "a row of the table above")]
const fn actor(
    name: &'static str,
    mailbox: &'static str,
    share: u32,
    habit: Habit,
    calls: &'static [Call],
    agent: &'static str,
    clumsiness: u64,
    median: f64,
) -> Actor {
    Actor { name, mailbox, share, habit, calls, agent, clumsiness, median, limit: None }
}

impl Habit {
    /// How busy it is in an hour of a day, Monday being 0, against its mean over a week: about 1.
    pub fn at(self, weekday: u8, hour: u8) -> f64 {
        let is_weekend = weekday >= 5;
        match (self, hour) {
            (Self::Steady, _) => 1.0,
            (Self::Night, 1..=4) => 5.2,
            (Self::Night, _) => 0.16,
            (Self::Office, 8..=17) if is_weekend => 0.3,
            (Self::Office, 9..=11 | 13..=16) => 3.0,
            (Self::Office, 8 | 12 | 17) => 1.7,
            (Self::Office, _) => 0.12,
            (Self::Evening, 18..=21) => {
                if is_weekend {
                    2.9
                } else {
                    2.4
                }
            }
            (Self::Evening, 10..=17 | 22) => {
                if is_weekend {
                    1.5
                } else {
                    1.0
                }
            }
            (Self::Evening, 7..=9 | 23) => 0.6,
            (Self::Evening, _) => 0.13,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_a_hundred_and_names_are_told_apart() {
        assert_eq!(CAST.iter().map(|actor| actor.share).sum::<u32>(), 100);
        let mut boxes: Vec<_> = CAST.iter().map(|actor| actor.mailbox).collect();
        boxes.sort_unstable();
        assert!(boxes.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(CAST.iter().any(|actor| actor.calls.iter().any(|(_, path)| path.starts_with(BROKEN))));
    }

    #[test]
    fn a_week_has_about_its_share() {
        for habit in [Habit::Office, Habit::Evening, Habit::Night, Habit::Steady] {
            let sum: f64 = (0..7).flat_map(|day| (0..24).map(move |hour| habit.at(day, hour))).sum();
            assert!((0.8..1.2).contains(&(sum / 168.0)), "{habit:?}: {}", sum / 168.0);
        }
    }
}
