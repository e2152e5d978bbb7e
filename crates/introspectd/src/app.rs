use std::io;
use std::sync::Arc;
use std::time::Duration;

use introspectd_core::Clock;
use introspectd_front::{Admin, Api, Entrance, ListenAddress, Listener, Readiness, Stop, Workers, run};
use introspectd_resolver::Resolver;
use tokio::task::JoinSet;

use crate::config::{Config, Listen};

/// What the configuration describes, built and not yet listening.
pub struct App {
    api: Arc<Api>,
    listen: Listen,
    drain: Duration,
}

/// An app whose listeners are bound.
pub struct Bound {
    api: Arc<Api>,
    listeners: Vec<(Listener, Entrance)>,
    admin: Vec<Listener>,
    readiness: Readiness,
    drain: Duration,
}

impl App {
    /// Builds it.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let Config { listen, log_level: _, cache, unmatched, callers, policies, providers, drain } = config;
        let entries = providers.into_iter().map(|provider| provider.into_entry(Arc::clone(&clock))).collect();
        let resolver = Resolver::new(entries, &unmatched, cache, Arc::clone(&clock))?;
        let api = Arc::new(Api::new(callers, policies, Arc::new(resolver), clock));
        Ok(Self { api, listen, drain })
    }

    /// Binds all listeners.
    ///
    /// # Errors
    /// The first address that cannot be bound, with the system's reason.
    pub async fn bind(self) -> io::Result<Bound> {
        let Self { api, listen, drain } = self;
        let mut listeners = Vec::new();
        for listener in listen.api {
            let caller = listener.caller.and_then(|name| api.caller(&name).cloned());
            let entrance = Entrance { caller, takes_caller_header: listener.takes_caller_header };
            listeners.push((bind(&listener.address).await?, entrance));
        }
        let mut admin = Vec::new();
        for address in &listen.admin {
            admin.push(bind(address).await?);
        }
        Ok(Bound { api, listeners, admin, readiness: Readiness::default(), drain })
    }
}

async fn bind(address: &ListenAddress) -> io::Result<Listener> {
    let bound = Listener::bind(address).await;
    bound.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

impl Bound {
    /// Where callers are listened to, ports that were free included.
    pub fn api_addresses(&self) -> Vec<ListenAddress> {
        self.listeners.iter().filter_map(|(listener, _)| listener.address().ok()).collect()
    }

    /// Where the operator's machinery is.
    pub fn admin_addresses(&self) -> Vec<ListenAddress> {
        self.admin.iter().filter_map(|listener| listener.address().ok()).collect()
    }

    /// Serves callers on these workers until `stop`, then lets requests under way end, for at most the configured drain. Whether
    /// all of them did. The admin listeners answer until the others are done.
    pub async fn run(self, workers: Workers, stop: Stop) -> bool {
        let Self { api, listeners, admin, readiness, drain } = self;
        let (end_admin, admin_stop) = Stop::new();
        let mut admins = JoinSet::new();
        for listener in admin {
            let admin = Admin::new(readiness.clone());
            let open = move || {
                let admin = admin.clone();
                move |request| std::future::ready(admin.answer(&request))
            };
            admins.spawn(run(listener, Workers::here(), open, admin_stop.clone(), Duration::from_secs(1)));
        }
        let mut apis = JoinSet::new();
        for (listener, entrance) in listeners {
            let api = Arc::clone(&api);
            let open = move || {
                let session = api.session(&entrance);
                move |request| Arc::clone(&session).answer(request)
            };
            apis.spawn(run(listener, workers.clone(), open, stop.clone(), drain));
        }
        readiness.set(true);
        let unready = tokio::spawn(async move {
            stop.given().await;
            readiness.set(false);
        });
        let all_ended = apis.join_all().await.into_iter().all(|ended| ended);
        unready.abort();
        let _ = end_admin.send(true);
        admins.join_all().await;
        all_ended
    }
}
