use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use introspectd_audit::Audit;
use introspectd_core::{Bindings, Clock, Timestamp};
use introspectd_ext_authz::ExtAuthz;
use introspectd_front::{Admin, Api, Connection, ListenerIdentity, Readiness};
use introspectd_metrics::{ListenerMetrics, RequestCounter};
use introspectd_resolver::Resolver;
use introspectd_server::{
    Activation, Arrival, Connections, Drain, Heartbeats, ListenAddress, Places, Requests, Stop,
    Workers, run,
};
use introspectd_service::{Log, Observer, Reloads, Rules, Service, Signing};
use introspectd_upstream::Outbound;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::bound_endpoint::{BoundEndpoint, bind, bind_for_callers};
use crate::config::{Config, Limits, Listen, ProviderConfig, Stores};
use crate::descriptors::{self, ADMIN_CONNECTIONS};
use crate::log::Format;
use crate::metrics;
use crate::refusal_limit::limit_refusals;
use crate::reload::{Origins, Parts, Reloader, Source};
use crate::shared::{InForce, Shared, current_fleet};
use crate::traces::Traces;
use crate::transmitters::Receiving;

/// Service built from a configuration, not yet listening.
pub struct App {
    built: Built,
    listen: Listen,
    limits: Limits,
}

/// Parts that a configuration was built into, but for the listeners.
struct Built {
    api: Arc<Api>,
    audit: Option<Audit>,
    traces: Traces,
    requests: Arc<RequestCounter>,
    reloads: Arc<Reloads>,
    started: Timestamp,
    clock: Arc<dyn Clock>,
    drain: Drain,
    bindings: Arc<dyn Bindings>,
    /// Ends when all requests have.
    outbound: Arc<Outbound>,
    /// Ends when all requests have.
    shared: InForce,
    receiving: Arc<Mutex<Receiving>>,
}

/// App whose listeners are bound.
pub struct Bound {
    built: Built,
    apis: Vec<(BoundEndpoint, ListenerIdentity)>,
    grpcs: Vec<(BoundEndpoint, ListenerIdentity)>,
    admins: Vec<BoundEndpoint>,
    readiness: Readiness,
    places: Arc<Places>,
    max_requests: usize,
    max_connection_age: Duration,
    max_head: usize,
}

impl App {
    /// Builds the service.
    ///
    /// # Errors
    /// A bindings file or audit log that cannot be used; a system without random bytes or threads.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let Config {
            listen,
            limits,
            log_level: _,
            log_format: _,
            watch: _,
            trace,
            audit,
            cache,
            shared,
            bindings,
            unmatched,
            callers,
            signing,
            policies,
            providers,
            events,
            drain,
        } = config;
        let shared = shared.map(|config| Shared::prepare(&config, Arc::clone(&clock)));
        let shared = shared.transpose()?;
        let fleet = shared.as_ref().map(|shared| Arc::clone(shared.fleet()));
        let Stores {
            bindings,
            revocations,
        } = bindings.open(clock.now(), fleet.as_ref())?;
        let outbound = Arc::new(Outbound::start(Arc::clone(&clock))?);
        let entry = |provider: ProviderConfig| {
            provider.into_entry(Arc::clone(&clock), &bindings, &outbound)
        };
        let entries = providers.into_iter().map(entry).collect();
        let resolver = Resolver::in_fleet(entries, &unmatched, cache, Arc::clone(&clock), fleet)?;
        let resolver = resolver
            .with_revocations(&revocations)
            .with_large_answers_on(outbound.large_answers());
        if let Some(shared) = &shared {
            shared.start(resolver.replica());
        }
        let (fingerprints, audit) = audit.start()?;
        let rules = Rules { callers, policies };
        let service = Service::new(rules, Arc::new(resolver), Arc::clone(&clock), fingerprints)?;
        let requests = Arc::new(RequestCounter::new(Arc::clone(&clock)));
        let traces = Traces::start(trace, Arc::clone(&clock))?;
        let service = service.with_tracer(traces.tracer.clone());
        let mut receiving = Receiving::default();
        let prepared = receiving.prepare(events, |_| true, &clock, &outbound);
        let service = service
            .with_observers(observers(&requests, audit.as_ref(), &traces))
            .with_signing(Signing::new(listen.issuer(), signing)?)
            .with_transmitters(prepared.transmitters());
        let api = Arc::new(Api::new(Arc::new(service), listen.public_url.clone()));
        if let Ok(runtime) = Handle::try_current() {
            receiving.start(prepared, &api, &runtime);
        }
        let built = Built {
            api,
            audit,
            traces,
            requests,
            reloads: Arc::new(Reloads::new(clock.now())),
            started: clock.now(),
            clock,
            drain: drain.into(),
            bindings,
            outbound,
            shared: Arc::new(ArcSwapOption::from_pointee(shared)),
            receiving: Arc::new(Mutex::new(receiving)),
        };
        Ok(Self {
            built,
            listen,
            limits,
        })
    }

    /// Binds all listeners but those that were `passed`, each of which must be among them.
    ///
    /// # Errors
    /// The first address that cannot be bound, with the system's reason.
    pub async fn bind(self, mut passed: Activation) -> io::Result<Bound> {
        let Self {
            built,
            listen,
            limits,
        } = self;
        passed.check(
            &listen
                .endpoints()
                .map(|endpoint| &endpoint.address)
                .collect::<Vec<_>>(),
        )?;
        let mut apis = Vec::new();
        for listener in listen.api {
            apis.push(bind_for_callers(listener, &mut passed).await?);
        }
        let mut grpcs = Vec::new();
        for listener in listen.grpc {
            grpcs.push(bind_for_callers(listener, &mut passed).await?);
        }
        let mut admins = Vec::new();
        for endpoint in listen.admin {
            admins.push(bind(endpoint, &mut passed).await?);
        }
        Ok(Bound {
            built,
            apis,
            grpcs,
            admins,
            readiness: Readiness::default(),
            places: Places::new(descriptors::connections(limits.connections, listen.workers)),
            max_connection_age: listen.max_connection_age,
            max_requests: usize::try_from(limits.requests).unwrap_or(usize::MAX),
            max_head: limits.head,
        })
    }
}

/// Observers of all events.
fn observers(
    requests: &Arc<RequestCounter>,
    audit: Option<&Audit>,
    traces: &Traces,
) -> Vec<Arc<dyn Observer>> {
    let mut observers: Vec<Arc<dyn Observer>> = vec![Arc::clone(requests) as _, Arc::new(Log)];
    observers.extend(audit.map(|audit| Arc::new(audit.clone()) as _));
    let tracer = traces.tracer.clone();
    observers.extend(tracer.map(|tracer| Arc::new(tracer) as Arc<dyn Observer>));
    observers
}

impl Bound {
    /// Returns the addresses of the API listeners, with the ports that were taken for port 0.
    pub fn api_addresses(&self) -> Vec<ListenAddress> {
        self.apis
            .iter()
            .filter_map(|(bound, _)| bound.listener.address().ok())
            .collect()
    }

    /// Returns the addresses of the gRPC listeners.
    pub fn grpc_addresses(&self) -> Vec<ListenAddress> {
        self.grpcs
            .iter()
            .filter_map(|(bound, _)| bound.listener.address().ok())
            .collect()
    }

    /// Returns the addresses of the admin listeners.
    pub fn admin_addresses(&self) -> Vec<ListenAddress> {
        self.admins
            .iter()
            .filter_map(|bound| bound.listener.address().ok())
            .collect()
    }

    /// Creates what reloads the configuration while [`Bound::run`] serves. `origins` is what the
    /// app was built from.
    pub fn reloader(
        &self,
        source: Source,
        origins: Origins,
        set_log: impl Fn(&str, Format) + Send + 'static,
    ) -> Reloader {
        let built = &self.built;
        let parts = Parts {
            api: Arc::clone(&built.api),
            audit: built.audit.clone(),
            clock: Arc::clone(&built.clock),
            bindings: Arc::clone(&built.bindings),
            outbound: Arc::clone(&built.outbound),
            shared: Arc::clone(&built.shared),
            tls: self.endpoints().map(|bound| bound.tls.clone()).collect(),
            drain: built.drain.clone(),
            reloads: Arc::clone(&built.reloads),
            receiving: Arc::clone(&built.receiving),
        };
        Reloader::new(source, origins, set_log, parts)
    }

    /// Lists all listeners, in the order of [`Listen::endpoints`].
    fn endpoints(&self) -> impl Iterator<Item = &BoundEndpoint> {
        let for_callers = self.apis.iter().chain(&self.grpcs).map(|(bound, _)| bound);
        for_callers.chain(&self.admins)
    }

    fn listeners(&self) -> Vec<ListenerMetrics> {
        self.endpoints()
            .map(|it| metrics::listener(it.address.clone(), &it.open, it.tls.as_ref()))
            .collect()
    }

    /// Resolves once the audit log could not be written, if that is configured to end the process.
    pub fn audit_failed(&self) -> impl Future<Output = ()> + Send + use<> {
        let audit = self.built.audit.clone();
        async move {
            match audit {
                Some(audit) => audit.failed().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Serves callers on these workers until `stop`, then drains requests in flight for at most the
    /// configured time. Returns true if all of them ended. The admin listeners answer until the
    /// others are done.
    pub async fn run(self, workers: Workers, stop: Stop) -> bool {
        let listeners = self.listeners();
        let Self {
            built,
            apis,
            grpcs,
            admins,
            readiness,
            places,
            max_requests,
            max_connection_age,
            max_head,
        } = self;
        let Built {
            api,
            audit,
            traces,
            requests,
            reloads,
            started,
            clock,
            drain,
            bindings: _,
            outbound,
            shared,
            receiving,
        } = built;
        let connections = Connections {
            places,
            max_age: max_connection_age,
            max_head,
            clock: Arc::clone(&clock),
            drain,
            ..Connections::with_requests(workers.clone(), max_requests)
        };
        // On this thread and with places of its own, so that nothing that callers do keeps an
        // operator out.
        let administration = Connections {
            workers: Workers::here(),
            places: Places::new(ADMIN_CONNECTIONS),
            drain: Duration::from_secs(1).into(),
            requests: Requests::new(usize::MAX, NonZeroUsize::MIN),
            ..connections.clone()
        };
        let (end_admin, admin_stop) = Stop::new();
        let wall_clock = Arc::clone(&clock);
        let heartbeats = Heartbeats::start(&workers, clock);
        let mut administering = JoinSet::new();
        let sources = metrics::Sources {
            service: {
                let api = Arc::clone(&api);
                Arc::new(move || api.service())
            },
            requests,
            in_flight: Arc::clone(&connections.requests),
            listeners,
            audit: audit.clone(),
            fleet: current_fleet(&shared),
            reloads,
            started,
        };
        let last_reload = Arc::clone(&sources.reloads);
        let exposition = metrics::exposition(sources);
        let notes = {
            let api = Arc::clone(&api);
            move || metrics::transmitter_notes(&api.service(), wall_clock.now())
        };
        let admin = Admin::new(readiness.clone(), heartbeats, exposition, last_reload);
        let admin = admin.with_notes(notes);
        for endpoint in admins {
            let admin = admin.clone();
            let open = move |_: &Arrival| {
                let admin = admin.clone();
                move |request| admin.clone().answer(request)
            };
            let (listener, connections) = endpoint.with(&administration);
            administering.spawn(run(listener, connections, open, admin_stop.clone()));
        }
        let mut answering = JoinSet::new();
        for (endpoint, identity) in apis {
            let api = Arc::clone(&api);
            let open = move |arrival: &Arrival| {
                let connection = Connection::new(&api, &identity, arrival);
                move |request| connection.handler().answer(request)
            };
            let (listener, connections) = endpoint.with(&connections);
            answering.spawn(run(listener, connections, open, stop.clone()));
        }
        for (endpoint, identity) in grpcs {
            let (api, readiness) = (Arc::clone(&api), readiness.clone());
            let open = move |arrival: &Arrival| {
                let connection = Connection::new(&api, &identity, arrival);
                let calls = ExtAuthz::new(connection, readiness.clone());
                move |request| calls.answer(request)
            };
            let (listener, connections) = endpoint.with(&connections);
            answering.spawn(run(listener, connections, open, stop.clone()));
        }
        readiness.start();
        let unready = tokio::spawn(async move {
            stop.given().await;
            readiness.drain();
        });
        let limiting = tokio::spawn(limit_refusals(Arc::clone(&api)));
        let all_ended = answering.join_all().await.into_iter().all(|ended| ended);
        limiting.abort();
        api.service().begin_second();
        if let Some(audit) = audit {
            audit.flush().await;
        }
        traces.flush().await;
        unready.abort();
        let _ = end_admin.send(true);
        administering.join_all().await;
        shared.store(None);
        drop((outbound, receiving));
        all_ended
    }
}
