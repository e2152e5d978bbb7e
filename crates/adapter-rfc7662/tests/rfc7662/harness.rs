//! A provider as its configuration describes it, in front of a server that plays its metadata.

use std::sync::{Arc, Mutex};

use introspectd_adapter_rfc7662::{Config, Rfc7662};
use introspectd_core::{
    Failure, Introspection, ManualClock, Outage, Provider as _, Timestamp, TokenValue,
};
use introspectd_settings::{Environment, Problem, load};
use introspectd_simulators::{Answer, Recorded, Simulator, Vendor};
use introspectd_upstream::Outbound;
use serde_json::{Value, json};

/// Server to which every token is active, and which publishes documents.
#[derive(Default)]
pub(crate) struct Server(Mutex<Vec<(String, Value)>>);

impl Vendor for Server {
    fn answer(&self, request: &Recorded) -> Answer {
        if request.method == "POST" {
            return Answer::json(200, json!({"active": true, "exp": 4_000_000_000_u64}));
        }
        let documents = self.0.lock().unwrap();
        let found = documents.iter().find(|(path, _)| path == request.path());
        match found {
            Some((_, document)) => Answer::json(200, document.clone()),
            None => Answer::empty(404),
        }
    }
}

impl Server {
    pub(crate) async fn start() -> Simulator<Self> {
        Simulator::start(Self::default()).await.unwrap()
    }

    pub(crate) fn publish(&self, path: &str, document: Value) {
        let mut documents = self.0.lock().unwrap();
        documents.retain(|(known, _)| known != path);
        documents.push((path.to_owned(), document));
    }
}

pub(crate) struct Provider {
    pub(crate) rfc7662: Rfc7662,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn read(toml: &str) -> Result<Config, Vec<Problem>> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let mut section = load(file.path(), &Environment::new()).unwrap();
    let ledger = section.ledger().clone();
    let config = Config::read(&mut section);
    section.finish();
    ledger.close().map_err(|problems| problems.0)?;
    Ok(config.expect("no problem was told"))
}

impl Provider {
    pub(crate) fn new(toml: &str) -> Self {
        let config = read(toml).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let now = Timestamp::from_seconds(1_800_000_000).unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let outbound = Outbound::here(Arc::<ManualClock>::clone(&clock));
        Self {
            rfc7662: Rfc7662::new(config, Arc::<ManualClock>::clone(&clock), &outbound),
            clock,
        }
    }

    pub(crate) async fn ask(&self) -> Result<Introspection, Failure> {
        let token = TokenValue::parse("t".to_owned()).unwrap();
        self.rfc7662.introspect(&token).await
    }

    /// Asks, and returns the answer if it is that the token is active.
    pub(crate) async fn is_active(&self) -> bool {
        matches!(self.ask().await, Ok(Introspection::Token(_)))
    }

    /// Asks, and returns true if the failure is that the endpoints are not known.
    pub(crate) async fn has_no_metadata(&self) -> bool {
        matches!(
            self.ask().await,
            Err(Failure::Unavailable {
                outage: Outage::NoMetadata,
                ..
            })
        )
    }
}

/// Targets of all requests of this method, in their order.
pub(crate) fn targets<V: Vendor>(server: &Simulator<V>, method: &str) -> Vec<String> {
    let requests = server.requests().into_iter();
    let of_method = requests.filter(|request| request.method == method);
    of_method.map(|request| request.target).collect()
}
