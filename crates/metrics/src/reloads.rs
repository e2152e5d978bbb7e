use std::fmt;
use std::sync::Arc;

use introspectd_service::Reloads;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::family::{counter, gauge, one};

/// Metrics of reloads of the configuration.
#[derive(Debug)]
pub struct ReloadMetrics(pub Arc<Reloads>);

impl Collector for ReloadMetrics {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(reloads) = self;
        let totals = [
            ("applied", reloads.applied()),
            ("refused", reloads.refused()),
        ];
        counter(
            &mut to,
            "introspectd_config_reloads",
            "Reloads of the configuration, by outcome",
            totals.map(|(word, total)| ([("outcome", word)], total)),
        )?;
        gauge(
            &mut to,
            "introspectd_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read, in seconds since 1970",
            one(reloads.last_success().seconds()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::Timestamp;

    use crate::Metrics;

    #[test]
    fn refused_reload_leaves_the_time_of_the_last_success() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let reloads = Arc::new(Reloads::new(at(100)));
        let metrics = Metrics::default().with(ReloadMetrics(Arc::clone(&reloads)));
        let value = |series: &str| {
            let text = metrics.prometheus().unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix(series));
            line.unwrap().trim().to_owned()
        };
        let last = "introspectd_config_last_reload_success_timestamp_seconds";
        let total = |word: &str| {
            value(&format!(
                "introspectd_config_reloads_total{{outcome=\"{word}\"}}"
            ))
        };
        assert_eq!(value(last), "100");
        reloads.note_refused(String::new());
        assert_eq!((value(last), total("refused")), ("100".into(), "1".into()));
        reloads.note_applied(at(200), String::new());
        assert_eq!((value(last), total("applied")), ("200".into(), "1".into()));
    }
}
