use std::fmt;
use std::sync::Arc;

use introspectd_service::{Lookup, Service};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::Current;
use crate::family::{counter, gauge, one};
use crate::requests::RequestCounter;

/// Metrics of requests and of the cache. Callers and providers are those in force: the series of
/// one that a reload removed end with it.
pub struct ServiceMetrics {
    service: Current,
    requests: Arc<RequestCounter>,
    in_flight: InFlight,
}

/// Source of the number of requests whose reply is not ready.
pub type InFlight = Box<dyn Fn() -> usize + Send + Sync>;

impl ServiceMetrics {
    /// Reads the service that these requests come to.
    pub fn new(service: Current, requests: Arc<RequestCounter>, in_flight: InFlight) -> Self {
        Self {
            service,
            requests,
            in_flight,
        }
    }

    fn encode_requests(&self, service: &Service, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let rules = service.rules();
        let known = rules
            .callers
            .iter()
            .map(|caller| (caller.name.as_str(), &*caller.tally));
        let tallies = known.chain([("", self.requests.strangers())]);
        let mut rows = Vec::new();
        for (caller, tally) in tallies {
            for (endpoint, class, total) in tally.totals() {
                let labels = [
                    ("endpoint", endpoint.as_str()),
                    ("outcome", class.as_str()),
                    ("caller", caller),
                ];
                rows.push((labels, total));
            }
        }
        counter(
            to,
            "introspectd_requests",
            "Requests that were answered, by endpoint, outcome and caller",
            rows,
        )
    }

    fn encode_cache(service: &Service, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut rows = Vec::new();
        for provider in service.all_providers() {
            for result in Lookup::ALL {
                let labels = [
                    ("provider", provider.name.as_str()),
                    ("result", result.as_str()),
                ];
                rows.push((labels, provider.lookups.total(result)));
            }
        }
        counter(
            to,
            "introspectd_cache_lookups",
            "Cache lookups, by provider and result",
            rows,
        )?;
        let pools = service.cache_pools();
        let of = |number: fn(&_) -> u64| pools.map(|pool| ([("pool", pool.name)], number(&pool)));
        gauge(
            to,
            "introspectd_cache_entries",
            "Entries in the cache, expired ones included",
            of(|pool| pool.entries as u64),
        )?;
        gauge(
            to,
            "introspectd_cache_bytes",
            "Approximate size of the entries in the cache",
            of(|pool| pool.bytes),
        )?;
        gauge(
            to,
            "introspectd_cache_max_bytes",
            "Limit of introspectd_cache_bytes",
            of(|pool| pool.max_bytes),
        )?;
        counter(
            to,
            "introspectd_cache_evictions",
            "Entries that made room for others",
            of(|pool| pool.evictions),
        )?;
        counter(
            to,
            "introspectd_cache_purged",
            "Entries that purges removed from the cache",
            one(service.purged()),
        )
    }
}

impl Collector for ServiceMetrics {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let service = (self.service)();
        self.encode_requests(&service, &mut to)?;
        self.requests.encode_durations(&mut to)?;
        gauge(
            &mut to,
            "introspectd_requests_in_flight",
            "Requests whose reply is not ready",
            one((self.in_flight)()),
        )?;
        Self::encode_cache(&service, &mut to)
    }
}

impl fmt::Debug for ServiceMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceMetrics").finish_non_exhaustive()
    }
}
