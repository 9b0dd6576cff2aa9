//! What a node says of itself in numbers, read as strictly as Prometheus reads it.

use std::collections::BTreeMap;

use super::{Node, until};

/// One scrape.
pub struct Metrics {
    /// The type of each family, by its name with the `_total` of counters.
    pub families: BTreeMap<String, String>,
    /// Values, by name and labels as they stand.
    pub samples: BTreeMap<String, f64>,
}

impl Metrics {
    /// Reads Prometheus text 0.0.4. Anything else fails the test.
    pub fn parse(text: &str) -> Self {
        let (mut families, mut samples) = (BTreeMap::new(), BTreeMap::new());
        let mut described = None;
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                described = help.split_once(' ').map(|(name, _)| name.to_owned());
            } else if let Some(of_type) = line.strip_prefix("# TYPE ") {
                let (name, kind) = of_type.split_once(' ').unwrap();
                assert_eq!(described.as_deref(), Some(name), "it says what it is: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(families.insert(name.to_owned(), kind.to_owned()), None, "twice: {line}");
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split('{').next().unwrap();
                let family = described.clone().unwrap();
                let end = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} under {family}"));
                let is_histogram = families[&family] == "histogram";
                assert!(
                    end.is_empty() || is_histogram && ["_bucket", "_sum", "_count"].contains(&end),
                    "{line}"
                );
                assert!(labels(series).iter().all(|(name, _)| is_name(name)), "{line}");
                let value = if value == "+Inf" { f64::INFINITY } else { value.parse().unwrap() };
                assert_eq!(samples.insert(series.to_owned(), value), None, "twice: {line}");
            }
        }
        for (name, kind) in &families {
            assert!(is_name(name), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        }
        let metrics = Self { families, samples };
        metrics.check_histograms();
        metrics
    }

    /// Classes grow, and the last one has all.
    fn check_histograms(&self) {
        for (series, count) in self.samples.iter().filter(|(series, _)| series.contains("_count")) {
            let name = series.split('{').next().unwrap().trim_end_matches("_count");
            if self.families.get(name).is_none_or(|kind| kind != "histogram") {
                continue;
            }
            let own = |series: &str| {
                labels(series).into_iter().filter(|(name, _)| name != "le").collect::<Vec<_>>()
            };
            let prefix = format!("{name}_bucket{{");
            let mut classes: Vec<(f64, f64)> = self
                .samples
                .iter()
                .filter(|(bucket, _)| bucket.starts_with(&prefix) && own(bucket) == own(series))
                .map(|(bucket, count)| {
                    let le = labels(bucket).into_iter().find(|(name, _)| name == "le").unwrap().1;
                    (if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() }, *count)
                })
                .collect();
            classes.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(classes.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{series}: {classes:?}");
            assert_eq!(classes.last(), Some(&(f64::INFINITY, *count)), "{series}");
        }
    }

    /// A value; 0 if it is not there.
    pub fn get(&self, series: &str) -> f64 {
        self.samples.get(series).copied().unwrap_or(0.0)
    }

    /// All values of a family together.
    pub fn sum(&self, family: &str) -> f64 {
        let all = self.samples.iter().filter(|(series, _)| series.split('{').next() == Some(family));
        all.map(|(_, value)| value).sum()
    }

    /// Whether every event is accounted for. Says how many are not.
    pub fn unaccounted(&self) -> f64 {
        self.get("activity_events_accepted_total") + self.get("activity_events_recovered")
            - self.sum("activity_events_drained_total")
            - self.get("activity_events_pending")
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The labels of a series. No value here has a comma or a quote.
fn labels(series: &str) -> Vec<(String, String)> {
    let Some((_, labels)) = series.split_once('{') else { return Vec::new() };
    let labels = labels.strip_suffix('}').unwrap().split(',');
    let label = |label: &str| {
        let (name, value) = label.split_once('=').unwrap();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
        (name.to_owned(), value.to_owned())
    };
    labels.map(label).collect()
}

impl Node {
    /// What it says of itself in numbers.
    pub async fn metrics(&self) -> Metrics {
        let answer = self.http.get(self.at("/metrics")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Metrics::parse(&answer.text().await.unwrap())
    }

    /// Waits until its numbers are such.
    pub async fn shows(
        &self,
        what: &str,
        within: std::time::Duration,
        mut is_so: impl FnMut(&Metrics) -> bool,
    ) -> Metrics {
        until(what, within, async || Some(self.metrics().await).filter(|metrics| is_so(metrics))).await
    }
}
