use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::family::{counter, gauge, one};

/// State of the shared cache, and numbers of its events so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedCache {
    /// True while facts are exchanged.
    pub is_ready: bool,
    /// Time since all purges of the other replicas were in force here.
    pub heard: Duration,
    /// Longest use of facts without hearing.
    pub trust: Duration,
    /// Purges that wait to be published.
    pub pending: usize,
    /// Events by their word.
    pub events: Vec<(&'static str, u64)>,
}

/// Metrics of the shared cache. Without one there are no events, and the numbers are zero.
pub struct SharedMetrics(pub Box<dyn Fn() -> SharedCache + Send + Sync>);

impl Collector for SharedMetrics {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let SharedCache {
            is_ready,
            heard,
            trust,
            pending,
            events,
        } = (self.0)();
        gauge(
            &mut to,
            "introspectd_shared_ready",
            "1 while facts are exchanged with other replicas",
            one(i64::from(is_ready)),
        )?;
        gauge(
            &mut to,
            "introspectd_shared_heard_age_seconds",
            "Time since all purges of other replicas were in force here",
            one(heard.as_secs_f64()),
        )?;
        gauge(
            &mut to,
            "introspectd_shared_trust_seconds",
            "Longest use of facts while the purges of other replicas are not heard",
            one(trust.as_secs_f64()),
        )?;
        gauge(
            &mut to,
            "introspectd_shared_pending_purges",
            "Purges of this replica that wait to be published",
            one(i64::try_from(pending).unwrap_or(i64::MAX)),
        )?;
        counter(
            &mut to,
            "introspectd_shared_events",
            "Events of the shared cache",
            events
                .into_iter()
                .map(|(event, total)| ([("event", event)], total)),
        )
    }
}

impl fmt::Debug for SharedMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMetrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metrics;

    #[test]
    fn state_and_events_are_written() {
        let cache = || SharedCache {
            is_ready: true,
            heard: Duration::from_millis(250),
            trust: Duration::from_secs(2),
            pending: 3,
            events: vec![("hit", 7)],
        };
        let metrics = Metrics::default().with(SharedMetrics(Box::new(cache)));
        let text = metrics.prometheus().unwrap();
        for line in [
            "introspectd_shared_ready 1",
            "introspectd_shared_heard_age_seconds 0.25",
            "introspectd_shared_trust_seconds 2.0",
            "introspectd_shared_pending_purges 3",
            "introspectd_shared_events_total{event=\"hit\"} 7",
        ] {
            assert!(
                text.lines().any(|written| written == line),
                "{line}: {text}"
            );
        }
    }
}
