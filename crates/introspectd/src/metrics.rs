//! The one list of all metrics.

use std::sync::Arc;

use introspectd_audit::Audit;
use introspectd_core::Timestamp;
use introspectd_fleet::{Counted, Fleet};
use introspectd_front::{Exposition, Format};
use introspectd_jwks::{Presence, Status};
use introspectd_metrics::{
    AuditLines, BuildInfo, Current, Events, Lines, ListenerMetrics, Listeners, Metrics, Process,
    Providers, ReloadMetrics, RequestCounter, ServiceMetrics, SharedCache, SharedMetrics,
};
use introspectd_server::{Open, Requests, Tls};
use introspectd_service::{Reloads, Service, Transmitter};

/// Version and revision of this program. Whoever builds it names the revision in the environment.
const BUILD: BuildInfo = BuildInfo {
    version: env!("CARGO_PKG_VERSION"),
    revision: match option_env!("INTROSPECTD_REVISION") {
        Some(revision) => revision,
        None => "unknown",
    },
};

/// Sources of all metrics.
pub(crate) struct Sources {
    pub(crate) service: Current,
    pub(crate) requests: Arc<RequestCounter>,
    pub(crate) in_flight: Arc<Requests>,
    pub(crate) listeners: Vec<ListenerMetrics>,
    pub(crate) audit: Option<Audit>,
    pub(crate) fleet: CurrentFleet,
    pub(crate) reloads: Arc<Reloads>,
    pub(crate) started: Timestamp,
}

/// Fleet that the process is in at the moment.
pub(crate) type CurrentFleet = Box<dyn Fn() -> Option<Arc<Fleet>> + Send + Sync>;

/// Collects all metrics behind `/metrics`.
pub(crate) fn exposition(sources: Sources) -> Exposition {
    let Sources {
        service,
        requests,
        in_flight,
        listeners,
        audit,
        fleet,
        reloads,
        started,
    } = sources;
    let metrics = Metrics::default()
        .with(ServiceMetrics::new(
            Arc::clone(&service),
            requests,
            Box::new(move || in_flight.in_flight()),
        ))
        .with(Providers::new(Arc::clone(&service)))
        .with(Events(service))
        .with(Listeners(listeners))
        .with(AuditLines(Box::new(move || lines(audit.as_ref()))))
        .with(SharedMetrics(Box::new(move || shared(fleet().as_deref()))))
        .with(ReloadMetrics(reloads))
        .with(BUILD)
        .with(Process { started });
    Exposition::new(move |format| {
        let text = match format {
            Format::Prometheus => metrics.prometheus(),
            Format::OpenMetrics => metrics.open_metrics(),
        };
        text.unwrap_or_default()
    })
}

/// Describes each transmitter of events in a line.
pub(crate) fn transmitter_notes(service: &Service, now: Timestamp) -> Vec<String> {
    let ago = |time: Option<Timestamp>| {
        let seconds = time.map(|time| now.seconds().saturating_sub(time.seconds()).max(0));
        seconds.map_or_else(|| "never".to_owned(), |seconds| format!("{seconds} s ago"))
    };
    let line = |transmitter: &Arc<Transmitter>| {
        let (name, record) = (&transmitter.name, &transmitter.record);
        let Status {
            keys,
            age,
            presence,
        } = transmitter.keys.status();
        let age = match (age, presence) {
            (Some(age), _) => format!("fetched {} s ago", age.as_secs()),
            (None, Presence::Present) => "of a file".to_owned(),
            (None, Presence::Awaited | Presence::Missing) => "not fetched".to_owned(),
        };
        let (event, verified) = (ago(record.accepted_at()), ago(record.verified_at()));
        format!("events {name}: {keys} keys, {age}; last event {event}; verified {verified}")
    };
    service.transmitters().iter().map(line).collect()
}

fn shared(fleet: Option<&Fleet>) -> SharedCache {
    let total = |event: Counted| fleet.map_or(0, |fleet| fleet.total(event));
    let events = Counted::ALL.map(|event| (event.as_str(), total(event)));
    let status = fleet.map(Fleet::status);
    SharedCache {
        is_ready: status.is_some_and(|status| status.is_ready),
        heard: status.map(|status| status.heard).unwrap_or_default(),
        trust: status.map(|status| status.trust).unwrap_or_default(),
        pending: status.map(|status| status.pending).unwrap_or_default(),
        events: events.into(),
    }
}

fn lines(audit: Option<&Audit>) -> Lines {
    let (written, lost) = audit.map(Audit::lines).unwrap_or_default();
    Lines { written, lost }
}

/// Describes a listener to the metrics.
pub(crate) fn listener(address: String, open: &Open, tls: Option<&Arc<Tls>>) -> ListenerMetrics {
    let (open, tls) = (open.clone(), tls.cloned());
    ListenerMetrics {
        address,
        connections: Box::new(move || open.count()),
        certificate_ends: Box::new(move || tls.as_ref().map(|tls| tls.certificate_ends())),
    }
}
