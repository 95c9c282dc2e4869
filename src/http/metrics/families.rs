//! Writes families of metrics; names get the service's prefix, counters their `_total`.
use crate::measure::Seen;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::fmt;

/// Nanoseconds in a second.
const NANOS: f64 = 1e9;

/// A label's name and value.
pub type Label<'a> = (&'static str, &'a str);

pub struct Families<'a>(pub DescriptorEncoder<'a>);

impl Families<'_> {
    fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        write: impl FnOnce(Family<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let name = format!("eros_points_{name}");
        write(Family(self.0.encode_descriptor(&name, help, None, kind)?))
    }

    pub fn counters(
        &mut self,
        name: &str,
        help: &str,
        write: impl FnOnce(Family<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, write)
    }

    pub fn gauges(
        &mut self,
        name: &str,
        help: &str,
        write: impl FnOnce(Family<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, write)
    }

    pub fn histograms(
        &mut self,
        name: &str,
        help: &str,
        write: impl FnOnce(Family<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Histogram, write)
    }

    pub fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.counters(name, help, |mut family| family.counter(&[], value))
    }

    pub fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        self.gauges(name, help, |mut family| family.gauge(&[], value))
    }

    /// A gauge that may have nothing to show yet.
    pub fn gauge_if_known(
        &mut self,
        name: &str,
        help: &str,
        value: Option<impl EncodeGaugeValue>,
    ) -> fmt::Result {
        self.gauges(name, help, |mut family| value.map_or(Ok(()), |value| family.gauge(&[], value)))
    }
}

/// The members of one family.
pub struct Family<'a>(MetricEncoder<'a>);

impl Family<'_> {
    pub fn counter(&mut self, labels: &[Label<'_>], value: u64) -> fmt::Result {
        self.0.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    pub fn gauge(&mut self, labels: &[Label<'_>], value: impl EncodeGaugeValue) -> fmt::Result {
        self.0.encode_family(&labels)?.encode_gauge(&value)
    }

    /// A histogram of nanoseconds, shown in seconds.
    pub fn seconds(&mut self, labels: &[Label<'_>], seen: &Seen) -> fmt::Result {
        self.histogram(labels, seen, NANOS)
    }

    /// A histogram of how many there were of something.
    pub fn amounts(&mut self, labels: &[Label<'_>], seen: &Seen) -> fmt::Result {
        self.histogram(labels, seen, 1.0)
    }

    fn histogram(&mut self, labels: &[Label<'_>], seen: &Seen, unit: f64) -> fmt::Result {
        let buckets: Vec<(f64, u64)> =
            seen.counts.iter().map(|(bound, count)| (*bound as f64 / unit, *count)).collect();
        let count = seen.counts.iter().map(|(_, count)| count).sum::<u64>() + seen.above;
        let mut family = self.0.encode_family(&labels)?;
        family.encode_histogram::<NoLabelSet>(seen.sum as f64 / unit, count, &buckets, None)
    }
}
