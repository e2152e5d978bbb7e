use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, MetricEncoder,
    NoLabelSet,
};
use prometheus_client::metrics::MetricType;

/// Row of a family: labels and value.
pub(crate) type Row<L, V> = (L, V);

/// Writes a counter. `name` lacks the `_total` that the format adds.
pub(crate) fn counter<L: EncodeLabelSet, V: EncodeCounterValue>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = Row<L, V>>,
) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    rows.into_iter().try_for_each(|(labels, value)| {
        let mut row = family.encode_family(&labels)?;
        row.encode_counter::<NoLabelSet, _, f64>(&value, None)
    })
}

/// Writes a gauge.
pub(crate) fn gauge<L: EncodeLabelSet, V: EncodeGaugeValue>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = Row<L, V>>,
) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    rows.into_iter()
        .try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
}

/// Durations by bucket.
pub(crate) struct Durations {
    pub(crate) seconds: f64,
    /// Upper bounds in seconds, each with the number in its bucket alone; the last is infinite.
    pub(crate) buckets: Vec<(f64, u64)>,
}

/// Writes a histogram of seconds.
pub(crate) fn histogram<L: EncodeLabelSet>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = Row<L, Durations>>,
) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Histogram)?;
    rows.into_iter().try_for_each(|(labels, durations)| {
        let Durations { seconds, buckets } = durations;
        let count = buckets.iter().map(|(_, count)| count).sum();
        let row: &mut MetricEncoder<'_> = &mut family.encode_family(&labels)?;
        row.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
    })
}

/// Row without labels.
pub(crate) const fn one<V>(value: V) -> [Row<NoLabels, V>; 1] {
    [(NoLabels, value)]
}

/// Empty set of labels.
pub(crate) struct NoLabels;

impl EncodeLabelSet for NoLabels {
    fn encode(
        &self,
        _: &mut prometheus_client::encoding::LabelSetEncoder<'_>,
    ) -> Result<(), fmt::Error> {
        Ok(())
    }
}
