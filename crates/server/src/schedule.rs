//! When something is done again and again: a cron expression, in UTC.

use activity_domain::error::Invalid;
use activity_domain::time::Timestamp;
use chrono::DateTime;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// A cron expression of five fields, or of six with seconds first.
#[derive(Debug, Clone)]
pub struct Schedule(Cron);

impl Schedule {
    /// Parses an expression. One that never comes true is refused.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| {
            Invalid::new(format!("must be a cron expression such as 0 */15 * * * *: {error}"))
        })?;
        let schedule = Self(cron);
        let epoch = Timestamp::from_seconds(0)?;
        match schedule.next(epoch) {
            Some(_) => Ok(schedule),
            None => Err(Invalid::new("must be a cron expression that comes true some day")),
        }
    }

    /// The first time after an instant.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = DateTime::from_timestamp_micros(after.as_micros())?;
        let next = self.0.find_next_occurrence(&after, false).ok()?;
        Timestamp::from_seconds(next.timestamp()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, after: &str) -> String {
        let after = Timestamp::parse(after).unwrap();
        Schedule::parse(expression).unwrap().next(after).unwrap().to_string()
    }

    #[test]
    fn expressions_have_five_fields_or_six() {
        assert_eq!(next("0 */15 * * * *", "2026-03-10T10:07:30Z"), "2026-03-10T10:15:00Z");
        assert_eq!(next("*/15 * * * *", "2026-03-10T10:15:00Z"), "2026-03-10T10:30:00Z");
        assert_eq!(next("30 0 6 * * MON", "2026-03-10T10:15:00Z"), "2026-03-16T06:00:30Z");
        assert_eq!(next("* * * * * *", "2026-12-31T23:59:59.999999Z"), "2027-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_expression_or_never_true_is_refused() {
        for bad in ["", "soon", "* * * *", "61 * * * *", "* * * * * * *", "0 0 30 2 *", "*/0 * * * *"] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
    }
}
