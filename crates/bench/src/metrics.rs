//! A scrape of introspectd's metrics.

/// Metrics in Prometheus' text format.
pub(crate) struct Metrics(String);

impl Metrics {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Number of series.
    pub(crate) fn series(&self) -> usize {
        let is_series = |line: &&str| !line.is_empty() && !line.starts_with('#');
        self.0.lines().filter(is_series).count()
    }

    /// Sum over all series of this name whose labels contain this text.
    pub(crate) fn sum(&self, name: &str, labels: &str) -> f64 {
        let values = self.0.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let found = series.split_once('{').unwrap_or((series, ""));
            (found.0 == name && found.1.contains(labels)).then(|| value.parse::<f64>().ok())?
        });
        values.fold(0.0, |sum, value| sum + value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_name_and_label() {
        let text = "# HELP a b\n# TYPE a counter\na_total{x=\"1\",y=\"2\"} 3\n\
                    a_total{x=\"2\",y=\"2\"} 4\nb 5\n\n";
        let metrics = Metrics::new(text.to_owned());
        assert_eq!(metrics.series(), 3);
        let sum = |name, labels| metrics.sum(name, labels).to_string();
        assert_eq!(sum("a_total", "y=\"2\""), "7");
        assert_eq!(sum("a_total", "x=\"2\""), "4");
        assert_eq!(sum("b", ""), "5");
        assert_eq!(sum("a", ""), "0");
    }
}
