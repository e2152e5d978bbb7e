use std::fmt;

use introspectd_core::ask::{BOUNDS, BreakerState, Meter, Operation, Outcome};
use introspectd_service::ProviderStatus;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::Current;
use crate::family::{Durations, counter, gauge, histogram};

/// Metrics of the asks of all providers in force, and of the way to each.
pub struct Providers(Current);

impl Providers {
    /// Reads the providers of the service.
    pub fn new(service: Current) -> Self {
        Self(service)
    }
}

impl Collector for Providers {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        let service = (self.0)();
        let providers: Vec<_> = service.all_providers().collect();
        encode_asks(to, &providers)?;
        let label = |it: &ProviderStatus<'_>| [("provider", it.name.as_str().to_owned())];
        counter(
            to,
            "introspectd_provider_retries",
            "Second and further tries of asks",
            providers.iter().map(|it| (label(it), it.meter.retries())),
        )?;
        gauge(
            to,
            "introspectd_provider_in_flight",
            "Asks that hold one of the provider's places",
            providers.iter().map(|it| (label(it), it.gauges.in_flight)),
        )?;
        gauge(
            to,
            "introspectd_provider_queue",
            "Asks that wait for a place",
            providers.iter().map(|it| (label(it), it.gauges.queue)),
        )?;
        encode_breakers(to, &providers)?;
        gauge(
            to,
            "introspectd_provider_credential_expiry_timestamp_seconds",
            "End of the bearer token that we hold, in seconds since 1970",
            providers
                .iter()
                .filter_map(|it| Some((label(it), it.gauges.credential_expiry?.seconds()))),
        )?;
        let keys = providers.iter();
        let keys = keys.filter_map(|it| Some((label(it), it.gauges.keys?)));
        let keys: Vec<_> = keys.collect();
        gauge(
            to,
            "introspectd_provider_keys",
            "Keys that the provider's tokens are verified with",
            keys.iter()
                .map(|(label, it)| (label.clone(), u64::try_from(it.keys).unwrap_or(u64::MAX))),
        )?;
        gauge(
            to,
            "introspectd_provider_keys_age_seconds",
            "Time since these keys were fetched",
            keys.iter()
                .filter_map(|(label, it)| Some((label.clone(), it.age?.as_secs()))),
        )
    }
}

fn encode_asks(to: &mut DescriptorEncoder<'_>, providers: &[ProviderStatus<'_>]) -> fmt::Result {
    let (mut totals, mut times) = (Vec::new(), Vec::new());
    for provider in providers {
        let name = provider.name.as_str();
        for operation in Operation::ALL {
            let labels = [("provider", name), ("operation", operation.as_str())];
            for outcome in Outcome::ALL {
                let asks = provider.meter.asks(operation, outcome);
                if asks > 0 {
                    let [provider, operation] = labels;
                    totals.push(([provider, operation, ("outcome", outcome.as_str())], asks));
                }
            }
            times.extend(durations(&provider.meter, operation).map(|it| (labels, it)));
        }
    }
    counter(
        to,
        "introspectd_provider_requests",
        "Asks of providers, retries included, by operation and outcome",
        totals,
    )?;
    histogram(
        to,
        "introspectd_provider_request_duration_seconds",
        "Time of an ask, waiting and retries included",
        times,
    )
}

/// Durations of an operation that was asked for.
fn durations(meter: &Meter, operation: Operation) -> Option<Durations> {
    let durations = meter.durations(operation);
    let bounds = BOUNDS.iter().map(|bound| bound.as_secs_f64());
    let bounds = bounds.chain([f64::INFINITY]);
    (durations.count() > 0).then(|| Durations {
        seconds: durations.sum.as_secs_f64(),
        buckets: bounds.zip(durations.buckets).collect(),
    })
}

fn encode_breakers(
    to: &mut DescriptorEncoder<'_>,
    providers: &[ProviderStatus<'_>],
) -> fmt::Result {
    let rows = providers.iter().flat_map(|provider| {
        BreakerState::ALL.map(|state| {
            let labels = [
                ("provider", provider.name.as_str()),
                ("state", state.as_str()),
            ];
            (labels, u64::from(provider.gauges.breaker == state))
        })
    });
    gauge(
        to,
        "introspectd_provider_breaker_state",
        "State of the provider's circuit breaker: 1 for the one that it is in",
        rows,
    )
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers").finish_non_exhaustive()
    }
}
