use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use introspectd_core::{Failure, ProviderName};

/// Limit on the log lines of one provider's failures: one a second for each kind. A provider that
/// is down fails every request, and its lines would crowd out others.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Kinds that had a line, and when the last one was, by
    /// [`introspectd_core::Clock::elapsed`].
    lines: Vec<(Failure, Duration)>,
    left_out: u64,
}

/// Time between two lines of one kind.
const PAUSE: Duration = Duration::from_secs(1);

/// Most kinds within a second. The provider chooses its statuses, so there may be hundreds.
const MAX_KINDS: usize = 16;

impl LogLimit {
    /// Logs a failure unless its kind had a line within the last second.
    pub(crate) fn log(
        &self,
        provider: &ProviderName,
        failure: &Failure,
        after: Duration,
        now: Duration,
    ) {
        if let Some(left_out) = self.admit(failure, now) {
            let left_out = (left_out > 0).then_some(left_out);
            tracing::warn!(%provider, ?after, %failure, left_out, "provider request failed");
        }
    }

    /// Returns the number of failures without a line since the last one; `None` if this one gets
    /// none.
    fn admit(&self, failure: &Failure, now: Duration) -> Option<u64> {
        let kind = kind(failure);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.lines.retain(|(_, at)| now < *at + PAUSE);
        if state.lines.len() >= MAX_KINDS || state.lines.iter().any(|(known, _)| *known == kind) {
            state.left_out = state.left_out.saturating_add(1);
            return None;
        }
        state.lines.push((kind, now));
        Some(std::mem::take(&mut state.left_out))
    }
}

/// Returns the failure without the time that the provider asked for.
fn kind(failure: &Failure) -> Failure {
    match failure {
        Failure::Unavailable { outage, .. } => Failure::outage(*outage),
        Failure::Timeout
        | Failure::ConnectTimeout
        | Failure::ProxyTimeout
        | Failure::QueueTimeout
        | Failure::BadAnswer(_)
        | Failure::Unsupported => failure.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{BadAnswer, Outage};

    const START: Duration = Duration::from_secs(7);

    #[test]
    fn each_kind_has_one_line_a_second_and_the_rest_are_counted() {
        let limit = LogLimit::default();
        let throttled = |seconds| Failure::Unavailable {
            outage: Outage::Status(429),
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(limit.admit(&Failure::Timeout, START), Some(0));
        for seconds in 0..1000 {
            assert_eq!(
                limit.admit(&throttled(seconds), START),
                (seconds == 0).then_some(0)
            );
            assert_eq!(limit.admit(&Failure::Timeout, START + PAUSE / 2), None);
        }
        assert_eq!(limit.admit(&Failure::Timeout, START + PAUSE), Some(1999));
        assert_eq!(limit.admit(&throttled(1), START + PAUSE), Some(0));
    }

    #[test]
    fn kinds_of_the_providers_choosing_have_a_limit() {
        let limit = LogLimit::default();
        let lines = (500..=599).filter(|status| {
            let failure = Failure::from(BadAnswer::Status(*status));
            limit.admit(&failure, START).is_some()
        });
        assert_eq!(lines.count(), MAX_KINDS);
        assert_eq!(limit.admit(&Failure::Timeout, START + PAUSE), Some(84));
    }
}
