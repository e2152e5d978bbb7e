//! Adapter in front of its vendor's simulator.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use introspectd_adapter_tibco_asg::{Config, TibcoAsg};
use introspectd_core::{
    Batch, Failure, Filters, Listing, Lists, ManualClock, Order, Position, Timestamp,
};
use introspectd_settings::{Environment, parse_named};
use introspectd_simulators::tibco_asg::{self, CLIENT_ID, CLIENT_SECRET};
use introspectd_simulators::{Recorded, Simulator};
use introspectd_upstream::Outbound;

/// Time of the adapter, and, to the second, of the simulator.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) struct Adapter {
    pub(crate) server: Simulator<tibco_asg::TibcoAsg>,
    provider: TibcoAsg,
}

impl Adapter {
    pub(crate) async fn open() -> Self {
        // The fraction must not be rounded up.
        let now = UNIX_EPOCH + Duration::from_millis(NOW.unsigned_abs() * 1000 + 337);
        let server = Simulator::start(tibco_asg::TibcoAsg::new(now))
            .await
            .unwrap();
        let provider = provider(&server.base_url());
        Self { server, provider }
    }

    pub(crate) async fn list(
        &self,
        listing: &Listing,
        from: Option<&Position>,
    ) -> Result<Batch, Failure> {
        self.provider.list(listing, from).await
    }

    /// Targets of the requests since the last call, each with credentials and nothing else.
    pub(crate) fn sent(&self) -> Vec<String> {
        let requests = self.server.requests();
        self.server.forget();
        requests.iter().map(target).collect()
    }
}

/// Provider that shows each fault as it is.
fn provider(base_url: &str) -> TibcoAsg {
    let text = format!(
        r#"
        base_url = "{base_url}"
        timeout = "60s"
        retry = "off"
        breaker = "off"
        credentials = {{
            type = "basic", username = "{CLIENT_ID}", password = {{ literal = "{CLIENT_SECRET}" }},
        }}
        "#
    );
    let mut section = parse_named(&text, "provider", &Environment::new(), &[]).unwrap();
    let config = Config::read(&mut section).unwrap();
    let clock = Arc::new(ManualClock::at(at(NOW)));
    let outbound = Outbound::here(Arc::<ManualClock>::clone(&clock));
    TibcoAsg::new(config, clock, &outbound)
}

fn target(request: &Recorded) -> String {
    let mut headers: Vec<&str> = request.headers.iter().map(|(name, _)| &**name).collect();
    headers.sort_unstable();
    assert_eq!(
        headers,
        [
            "accept",
            "accept-encoding",
            "authorization",
            "host",
            "user-agent"
        ]
    );
    assert_eq!(
        (&*request.method, request.header("authorization")),
        // As the vendor's examples have it.
        ("GET", Some("Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"))
    );
    assert!(request.body.is_empty());
    request.target.clone()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

pub(crate) async fn list(
    adapter: &Adapter,
    filters: Filters,
    from: Option<&Position>,
) -> Result<Batch, Failure> {
    let listing = Listing {
        filters,
        order: Order::Ascending,
    };
    adapter.list(&listing, from).await
}

pub(crate) async fn list_all(adapter: &Adapter) -> Result<Batch, Failure> {
    list(adapter, Filters::default(), None).await
}

pub(crate) fn owned_by(owner: &str) -> Filters {
    Filters {
        owner: Some(owner.to_owned()),
        ..Filters::default()
    }
}

/// Ids of the records of these tokens.
pub(crate) fn ids(adapter: &Adapter, tokens: &[&str]) -> Vec<String> {
    let id = |token: &&str| {
        let record = adapter.server.vendor().record(token).unwrap();
        record["id"].as_str().unwrap().to_owned()
    };
    let mut ids: Vec<_> = tokens.iter().map(id).collect();
    ids.sort();
    ids
}

/// Ids of a batch's records.
pub(crate) fn listed(batch: &Batch) -> Vec<String> {
    let id = |token: &introspectd_core::Token| token.jti.clone().unwrap();
    let mut ids: Vec<_> = batch.records.iter().map(|(token, _)| id(token)).collect();
    ids.sort();
    ids
}
