//! A text of numbers as it is being written.

use std::fmt;

use activity_domain::counting::Distribution;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// Names end in their unit, where they have one, and without the `_total` of counters.
pub struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    /// An empty one.
    pub fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// A number that only grows.
    pub fn counter(&mut self, name: &str, help: &str, value: impl EncodeCounterValue + Copy) -> fmt::Result {
        let (name, unit) = parts(name);
        let mut metric = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// Several, told apart by labels.
    pub fn counters<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let (name, unit) = parts(name);
        let mut metric = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        for (labels, value) in values {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue + Copy) -> fmt::Result {
        let (name, unit) = parts(name);
        let mut metric = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        metric.encode_gauge(&value)
    }

    /// Several, told apart by labels.
    pub fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let (name, unit) = parts(name);
        let mut metric = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        for (labels, value) in values {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// Values by size. What was counted is so many times smaller than the unit, such as 1,000,000 for microseconds.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        parts_of_unit: u32,
        values: &Distribution,
    ) -> fmt::Result {
        let (name, unit) = parts(name);
        let mut metric = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Histogram)?;
        let (sum, classes) = classes(values, parts_of_unit);
        metric.encode_histogram::<NoLabelSet>(sum, values.count(), &classes, None)
    }

    /// Several, told apart by labels.
    pub fn histograms<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        parts_of_unit: u32,
        values: impl IntoIterator<Item = (L, Distribution)>,
    ) -> fmt::Result {
        let (name, unit) = parts(name);
        let mut metric = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Histogram)?;
        for (labels, values) in values {
            let (sum, classes) = classes(&values, parts_of_unit);
            let mut one = metric.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(sum, values.count(), &classes, None)?;
        }
        Ok(())
    }

    /// Words about the instance.
    pub fn info(&mut self, name: &str, help: &str, labels: &impl EncodeLabelSet) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(labels)
    }
}

/// A name without its unit, and that.
fn parts(name: &str) -> (&str, Option<Unit>) {
    let units = [("_seconds", Unit::Seconds), ("_bytes", Unit::Bytes)];
    let found = units.into_iter().find_map(|(end, unit)| Some((name.strip_suffix(end)?, Some(unit))));
    found.unwrap_or((name, None))
}

/// Everything together, and how many values are in each class, by its upper bound.
fn classes(values: &Distribution, parts_of_unit: u32) -> (f64, Vec<(f64, u64)>) {
    let in_units = |value: u64| value as f64 / f64::from(parts_of_unit);
    let bounds = values.bounds.iter().map(|bound| in_units(*bound)).chain([f64::INFINITY]);
    (in_units(values.sum), bounds.zip(values.counts.iter().copied()).collect())
}
