//! Buckets of equal length by the clock of a time zone.

use super::GroupBy;
use crate::error::Invalid;
use crate::span::{Level, Minute, Span, hour_horizon, minute_horizon};
use crate::time::{Timestamp, Zone};

/// The most buckets of a series.
pub const MAX_BUCKETS: usize = 10_000;
/// The most buckets where there is more than one series.
pub const MAX_GROUPED_BUCKETS: usize = 1_000;

/// The length of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// 1 minute.
    Minute,
    /// 5 minutes.
    FiveMinutes,
    /// 15 minutes.
    Quarter,
    /// From one full hour on the zone's clock to the next: 60 minutes, and longer where the clock is changed
    /// by half an hour.
    Hour,
    /// A day of the zone.
    Day,
}

impl Bucket {
    const ALL: [Self; 5] = [Self::Minute, Self::FiveMinutes, Self::Quarter, Self::Hour, Self::Day];

    /// The bucket's name in questions and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::FiveMinutes => "5m",
            Self::Quarter => "15m",
            Self::Hour => "1h",
            Self::Day => "1d",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|bucket| bucket.as_str() == name);
        found.ok_or_else(|| Invalid::new("must be one of 1m, 5m, 15m, 1h, 1d"))
    }

    /// The last border of buckets that is not after a minute.
    fn floor(self, minute: Minute, zone: &Zone) -> Minute {
        match self {
            Self::Minute => minute,
            Self::FiveMinutes => minute.floor_to(5),
            Self::Quarter => minute.floor_to(15),
            Self::Hour => {
                let quarters = std::iter::successors(Some(minute.floor_to(15)), |m| Some(Minute(m.0 - 15)));
                // The clock shows a full hour at least every second one, however it is changed.
                let mut quarters = quarters.take(12).filter(|m| m.0 <= 0 || zone.is_full_hour(*m));
                quarters.next().unwrap_or(minute.floor_to(60)).max(Minute(0))
            }
            Self::Day => zone.day_of(minute).from,
        }
    }

    /// The border after one.
    fn next(self, border: Minute, zone: &Zone) -> Minute {
        match self {
            Self::Minute => Minute(border.0 + 1),
            Self::FiveMinutes => Minute(border.0 + 5),
            Self::Quarter => Minute(border.0 + 15),
            Self::Hour => {
                let mut quarters =
                    (1..12).map(|n| Minute(border.0 + 15 * n)).filter(|m| zone.is_full_hour(*m));
                quarters.next().unwrap_or(Minute(border.0 + 60))
            }
            Self::Day => zone.day_of(border).to,
        }
    }
}

/// Why a range cannot be cut into buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketError {
    /// The range is not one, or has too many buckets.
    Range(Invalid),
    /// So fine a bucket is not kept for this range or grouping.
    Bucket(Invalid),
}

/// Adjacent buckets. Each border is the end of one and the start of the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    borders: Vec<Minute>,
}

impl Buckets {
    /// The buckets that hold `[from, to)`, as far as they are kept for a grouping at `now`.
    pub fn around(
        (from, to): (Timestamp, Timestamp),
        bucket: Bucket,
        zone: &Zone,
        group: GroupBy,
        now: Timestamp,
    ) -> Result<Self, BucketError> {
        if from >= to {
            return Err(BucketError::Range(Invalid::new("must be before `to`")));
        }
        let most = if group == GroupBy::None { MAX_BUCKETS } else { MAX_GROUPED_BUCKETS };
        let mut border = bucket.floor(from.minute(), zone);
        let mut borders = vec![border];
        while Timestamp::from(border) < to {
            if borders.len() > most {
                let name = bucket.as_str();
                let text =
                    format!("must begin at most {most} buckets of {name} before `to`: take a coarser one");
                return Err(BucketError::Range(Invalid::new(text)));
            }
            border = bucket.next(border, zone);
            borders.push(border);
        }
        let buckets = Self { borders };
        buckets.check_kept(bucket, group, now).map_err(BucketError::Bucket)?;
        Ok(buckets)
    }

    fn check_kept(&self, bucket: Bucket, group: GroupBy, now: Timestamp) -> Result<(), Invalid> {
        let is_fine = matches!(bucket, Bucket::Minute | Bucket::FiveMinutes);
        if is_fine && self.span().from < minute_horizon(now) {
            return Err(Invalid::new(
                "is finer than what is kept of times more than 8 days ago: take 15m or more",
            ));
        }
        if group != GroupBy::Endpoint {
            return Ok(());
        }
        if is_fine || bucket == Bucket::Quarter {
            return Err(Invalid::new("is finer than what is kept of endpoints: take 1h or 1d"));
        }
        let borders = || self.borders.iter();
        if borders().any(|border| border.floor_to(60) != *border) {
            return Err(Invalid::new(
                "does not fit the hours of UTC by which endpoints are kept: take a zone that is whole hours from UTC",
            ));
        }
        let old = hour_horizon(now);
        if borders().any(|border| *border < old && border.floor_to(Level::Day.minutes()) != *border) {
            return Err(Invalid::new(
                "is finer than what is kept of endpoints more than 8 days ago: take 1d and the zone UTC",
            ));
        }
        Ok(())
    }

    /// Everything from the first to the last.
    pub fn span(&self) -> Span {
        let first = self.borders.first().copied().unwrap_or(Minute(0));
        Span { from: first, to: self.borders.last().copied().unwrap_or(first) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.borders.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each of them, in order of time.
    pub fn iter(&self) -> impl Iterator<Item = Span> {
        self.borders.windows(2).map(|pair| Span { from: pair[0], to: pair[1] })
    }

    /// The place of the one that a minute lies in.
    pub fn place(&self, minute: Minute) -> Option<usize> {
        let after = self.borders.partition_point(|border| *border <= minute);
        (1..self.borders.len()).contains(&after).then(|| after - 1)
    }

    /// The longest blocks of which every bucket is made, among these.
    pub fn level(&self, among: &[Level]) -> Option<Level> {
        let fits = |level: &Level| self.borders.iter().all(|b| level.block_of(*b) == *b);
        among.iter().copied().filter(fits).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn around(
        from: &str,
        to: &str,
        bucket: Bucket,
        zone: &str,
        group: GroupBy,
    ) -> Result<Buckets, BucketError> {
        let zone = Zone::parse(zone).unwrap();
        Buckets::around((at(from), at(to)), bucket, &zone, group, at("2026-03-12T12:34:56Z"))
    }

    fn borders(from: &str, to: &str, bucket: Bucket, zone: &str) -> Vec<String> {
        let buckets = around(from, to, bucket, zone, GroupBy::None).unwrap();
        buckets.borders.iter().map(|border| Timestamp::from(*border).to_string()).collect()
    }

    #[test]
    fn a_range_is_rounded_outward_to_buckets() {
        let five = borders("2026-03-12T10:07:30Z", "2026-03-12T10:15:01Z", Bucket::FiveMinutes, "UTC");
        let expected = ["10:05", "10:10", "10:15", "10:20"].map(|time| format!("2026-03-12T{time}:00Z"));
        assert_eq!(five, expected);
        let hours = borders("2026-03-12T10:20:00Z", "2026-03-12T11:15:00Z", Bucket::Hour, "Asia/Kathmandu");
        assert_eq!(hours, ["10:15", "11:15"].map(|time| format!("2026-03-12T{time}:00Z")));
    }

    #[test]
    fn days_of_a_zone_have_23_24_or_25_hours() {
        let days = borders("2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z", Bucket::Day, "America/New_York");
        let midnights =
            ["2026-03-07T05:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", "2026-03-10T04:00:00Z"];
        assert_eq!(days, midnights);
    }

    /// On Lord Howe Island the clock goes back from 02:00 to 01:30, and forward from 02:00 to 02:30.
    #[test]
    fn where_the_clock_changes_by_half_an_hour_one_hour_is_longer() {
        let back =
            borders("2025-04-05T14:00:00Z", "2025-04-05T17:00:00Z", Bucket::Hour, "Australia/Lord_Howe");
        assert_eq!(back, ["14:00", "15:30", "16:30", "17:30"].map(|time| format!("2025-04-05T{time}:00Z")));
        let forward =
            borders("2025-10-04T14:30:00Z", "2025-10-04T17:00:00Z", Bucket::Hour, "Australia/Lord_Howe");
        assert_eq!(forward, ["14:30", "16:00", "17:00"].map(|time| format!("2025-10-04T{time}:00Z")));
    }

    #[test]
    fn what_is_too_fine_or_too_much_is_refused() {
        let bucket = |answer| matches!(answer, Err(BucketError::Bucket(_)));
        let range = |answer| matches!(answer, Err(BucketError::Range(_)));
        let old = ("2026-02-12T00:00:00Z", "2026-02-13T00:00:00Z");
        let new = ("2026-03-11T00:00:00Z", "2026-03-12T00:00:00Z");
        assert!(bucket(around(old.0, old.1, Bucket::Minute, "UTC", GroupBy::None)));
        assert!(around(old.0, old.1, Bucket::Quarter, "UTC", GroupBy::None).is_ok());
        assert!(bucket(around(new.0, new.1, Bucket::Quarter, "UTC", GroupBy::Endpoint)));
        assert!(around(new.0, new.1, Bucket::Hour, "America/New_York", GroupBy::Endpoint).is_ok());
        assert!(bucket(around(new.0, new.1, Bucket::Day, "Asia/Kathmandu", GroupBy::Endpoint)));
        assert!(bucket(around(old.0, old.1, Bucket::Day, "America/New_York", GroupBy::Endpoint)));
        assert!(around(old.0, old.1, Bucket::Day, "UTC", GroupBy::Endpoint).is_ok());
        assert!(range(around(new.1, new.0, Bucket::Hour, "UTC", GroupBy::None)));
        assert!(range(around(
            "1970-01-01T00:00:00Z",
            "9999-12-30T00:00:00Z",
            Bucket::Quarter,
            "UTC",
            GroupBy::None
        )));
        assert!(around("2016-03-12T00:00:00Z", new.1, Bucket::Day, "UTC", GroupBy::None).is_ok());
        assert!(range(around("2016-03-12T00:00:00Z", new.1, Bucket::Day, "UTC", GroupBy::Status)));
    }

    #[test]
    fn a_minute_lies_in_one_bucket() {
        let buckets = around(
            "2026-03-07T12:00:00Z",
            "2026-03-09T12:00:00Z",
            Bucket::Day,
            "America/New_York",
            GroupBy::None,
        );
        let buckets = buckets.unwrap();
        for (place, span) in buckets.iter().enumerate() {
            assert_eq!(buckets.place(span.from), Some(place));
            assert_eq!(buckets.place(Minute(span.to.0 - 1)), Some(place));
        }
        let Span { from, to } = buckets.span();
        assert_eq!((buckets.place(Minute(from.0 - 1)), buckets.place(to)), (None, None));
        assert_eq!(buckets.level(&Level::ALL), Some(Level::Hour));
    }
}
