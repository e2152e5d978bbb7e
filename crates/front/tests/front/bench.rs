//! A front on a port of its own, with its callers and providers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use introspectd_audit::Audit;
use introspectd_core::{ManualClock, ProviderName, Scope, Timestamp};
use introspectd_front::{Api, Connection, ListenerIdentity};
use introspectd_resolver::{CacheLimits, CacheTimes, Match, ProviderEntry, Resolver, Unmatched};
use introspectd_server::{
    Arrival, Connections, ListenAddress, Listener, SocketAccess, Stop, Tls, Workers, run,
};
use introspectd_service::{
    Caller, Callers, CertificateName, Fingerprints, Log, Observer, Permission, Permissions,
    Policies, Policy, Rate, Requirements, Rules, SecretDigest, Selection, Service, SignedAs,
    Unavailable,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::provider::Fake;
use crate::provider::good;

/// Far more than anything here takes: what is not over by then will never be.
const PATIENCE: Duration = Duration::from_secs(30);

const LONG: Duration = Duration::from_secs(60);

/// Start of the clock, in seconds.
pub(crate) const START: i64 = 1_700_000_000;
pub(crate) const TTL: u32 = 600;

/// Active, of `bank`.
pub(crate) const ACTIVE: &str = "b_active-token";
/// Unknown to `bank`.
pub(crate) const UNKNOWN: &str = "b_unknown-token";

pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    pub(crate) service: Arc<Service>,
    pub(crate) api: Arc<Api>,
    /// Provider of tokens that begin with `b_`. It can look up by id.
    pub(crate) bank: Arc<Fake>,
    /// Provider of tokens that begin with `p_`. It cannot look up by id.
    pub(crate) plain: Arc<Fake>,
    /// Asked by name only.
    pub(crate) loose: Arc<Fake>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) stop: watch::Sender<bool>,
    /// Resolves to true if all requests in flight ended.
    pub(crate) served: JoinHandle<bool>,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::start_with(None, |connections| connections, None, random()).await
    }

    /// Starts a bench on a listener that names this caller.
    pub(crate) async fn start_for(caller: &str) -> Self {
        Self::start_with(Some(caller), |connections| connections, None, random()).await
    }

    pub(crate) async fn start_tls(tls: Tls) -> Self {
        Self::start_on(|connections| Connections {
            tls: Some(Arc::new(tls)),
            ..connections
        })
        .await
    }

    /// Starts a bench that drains for so long.
    pub(crate) async fn start_draining(drain: Duration) -> Self {
        Self::start_on(|connections| Connections {
            drain: drain.into(),
            ..connections
        })
        .await
    }

    /// Starts a bench with these settings of connections.
    pub(crate) async fn start_on(settings: impl FnOnce(Connections) -> Connections) -> Self {
        Self::start_with(None, settings, None, random()).await
    }

    /// Starts a bench with this audit log.
    pub(crate) async fn start_audited(audit: Audit, fingerprints: Fingerprints) -> Self {
        Self::start_with(None, |connections| connections, Some(audit), fingerprints).await
    }

    async fn start_with(
        caller: Option<&str>,
        settings: impl FnOnce(Connections) -> Connections,
        audit: Option<Audit>,
        fingerprints: Fingerprints,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START).unwrap()));
        let (bank, plain, loose) = (Fake::new(true), Fake::new(false), Fake::new(true));
        bank.knows(ACTIVE, good());
        let upstreams = vec![
            upstream("bank", &bank, Some("b_")),
            upstream("plain", &plain, Some("p_")),
            upstream("loose", &loose, None),
        ];
        let limits = CacheLimits {
            max_bytes: 16 << 20,
            times: CacheTimes {
                ttl: Duration::from_secs(TTL.into()),
                inactive_ttl: Duration::from_secs(TTL.into()),
                stale_if_error: Duration::from_secs(TTL.into()),
                without_end: None,
            },
        };
        let resolver = Resolver::new(
            upstreams,
            &Unmatched::Reject,
            limits,
            Arc::clone(&clock) as _,
        )
        .unwrap();
        let rules = Rules {
            callers: callers(),
            policies: policies(),
        };
        let service = Service::new(
            rules,
            Arc::new(resolver),
            Arc::clone(&clock) as _,
            fingerprints,
        )
        .unwrap();
        let mut observers: Vec<Arc<dyn Observer>> = vec![Arc::new(Log)];
        observers.extend(audit.map(|audit| Arc::new(audit) as _));
        let service = Arc::new(service.with_observers(observers));
        let api = Arc::new(Api::new(Arc::clone(&service), None));
        let address = ListenAddress::parse("127.0.0.1:0").unwrap();
        let listener = Listener::bind(&address, SocketAccess::default())
            .await
            .unwrap();
        let Ok(ListenAddress::Tcp(address)) = listener.address() else {
            panic!("not on TCP")
        };
        let caller = caller.map(Arc::from);
        let identity = ListenerIdentity {
            takes_caller_header: caller.is_none(),
            caller,
        };
        let (stop, stopped) = Stop::new();
        let answering = Arc::clone(&api);
        let open = move |arrival: &Arrival| {
            let connection = Connection::new(&answering, &identity, arrival);
            move |request| connection.handler().answer(request)
        };
        let connections = Connections {
            clock: Arc::clone(&clock) as _,
            drain: LONG.into(),
            ..Connections::new(Workers::here())
        };
        let served = tokio::spawn(run(listener, settings(connections), open, stopped));
        Self {
            address,
            service,
            api,
            bank,
            plain,
            loose,
            clock,
            stop,
            served,
        }
    }
}

pub(crate) const EDGE_SECRET: &str = "s3cr:t/+ %41";

fn callers() -> Callers {
    use Permission::{Bind, Explain, Introspect, Issue, List, Lookup, Purge, Revoke};
    let all = Selection::All;
    let narrow = Selection::Only([name("plain")].into());
    let plain = |name: &str| caller(name, None, &[Introspect], Selection::All);
    Callers::new([
        caller("edge", Some(EDGE_SECRET), &[Introspect], all.clone()),
        caller(
            "two words",
            Some("two-words-secret"),
            &[Introspect],
            all.clone(),
        ),
        caller(
            "operator",
            Some("operator-secret"),
            &[Introspect, Lookup],
            all.clone(),
        ),
        caller("auditor", Some("auditor-secret"), &[Lookup], all.clone()),
        caller("idle", Some("idle-secret"), &[List, Explain], all.clone()),
        caller(
            "narrow",
            Some("narrow-secret"),
            &[Introspect, Lookup],
            narrow.clone(),
        ),
        caller(
            "narrow-auditor",
            Some("narrow-auditor-secret"),
            &[List],
            narrow.clone(),
        ),
        caller(
            "admin",
            Some("admin-secret"),
            &[Introspect, Lookup, Revoke, Purge, Explain],
            all.clone(),
        ),
        caller(
            "narrow-admin",
            Some("narrow-admin-secret"),
            &[Introspect, Lookup, Revoke, Purge, Explain],
            narrow,
        ),
        caller(
            "trusted",
            Some("trusted-secret"),
            &[Bind, Issue],
            all.clone(),
        ),
        caller("sidecar", None, &[Introspect], all.clone()),
        Caller {
            certificate: Some(CertificateName::san("edge.internal").unwrap()),
            ..plain("by-san")
        },
        Caller {
            certificate: Some(CertificateName::subject("CN=edge,O=Acme").unwrap()),
            permissions: Permissions::of([Lookup]),
            ..plain("by-subject")
        },
        Caller {
            rate: Some(rate()),
            ..caller(
                "limited",
                Some("limited-secret"),
                &[Introspect, Purge],
                all.clone(),
            )
        },
        Caller {
            rate: Some(rate()),
            ..caller(
                "limited-idle",
                Some("limited-idle-secret"),
                &[],
                all.clone(),
            )
        },
        Caller {
            permissions: Permissions {
                policies: Selection::Only(["orders".to_owned()].into()),
                ..Permissions::of([Introspect])
            },
            ..caller("confined", Some("confined-secret"), &[Introspect], all)
        },
    ])
}

/// Three requests at once, and one more each minute.
fn rate() -> Rate {
    Rate::parse("1/m")
        .unwrap()
        .with_burst(3.try_into().unwrap())
}

fn policies() -> Policies {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let orders = Requirements {
        scope: vec![
            Scope::parse("orders.read").unwrap(),
            Scope::parse("orders.list").unwrap(),
        ],
        role: texts(&["clerk", "admin"]),
        aud: texts(&["https://orders", "https://all"]),
        providers: Selection::Only([name("bank")].into()),
        unavailable: None,
        ..Requirements::default()
    };
    let patient = |unavailable| Requirements {
        unavailable: Some(unavailable),
        ..Requirements::default()
    };
    Policies::new([
        ("orders".to_owned(), Policy::new(orders)),
        (
            "as-401".to_owned(),
            Policy::new(patient(Unavailable::Unauthorized)),
        ),
        (
            "as-403".to_owned(),
            Policy::new(patient(Unavailable::Forbidden)),
        ),
        (
            "as-503".to_owned(),
            Policy::new(patient(Unavailable::ServiceUnavailable)),
        ),
    ])
}

fn caller(
    name: &str,
    secret: Option<&str>,
    permissions: &[Permission],
    providers: Selection<ProviderName>,
) -> Caller {
    Caller {
        name: name.to_owned(),
        permissions: Permissions {
            providers,
            ..Permissions::of(permissions.iter().copied())
        },
        secrets: secret.map(SecretDigest::of).into_iter().collect(),
        certificate: None,
        tally: Arc::default(),
        rate: None,
        signed: SignedAs::default(),
    }
}

fn random() -> Fingerprints {
    Fingerprints::random().unwrap()
}

fn upstream(called: &str, fake: &Arc<Fake>, prefix: Option<&str>) -> ProviderEntry {
    ProviderEntry {
        name: name(called),
        kind: "fake",
        provider: Arc::clone(fake) as _,
        matching: prefix.map(|prefix| Match::Prefix(prefix.to_owned())),
        issuer: None,
        clock_skew: Duration::ZERO,
        timeout: LONG,
        times: None,
        revision: [0; 16],
    }
}

fn name(text: &str) -> ProviderName {
    ProviderName::parse(text).unwrap()
}

/// Waits for what must come soon.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
