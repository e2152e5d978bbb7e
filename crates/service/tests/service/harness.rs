use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::{
    Expiry, Failure, Health, Introspection, ManualClock, Provider, ProviderName, Scope, ScopeSet,
    Selection, Status, Timestamp, Token, TokenValue,
};
use introspectd_resolver::{CacheLimits, CacheTimes, Match, ProviderEntry, Resolver, Unmatched};
use introspectd_service::operation::{Subject, TokenQuery};
use introspectd_service::{
    Caller, Callers, Fingerprints, Permission, Permissions, Policies, Policy, Requirements, Rules,
    Service, SignedAs,
};

/// Knows `b_good` with the scope `read`.
#[derive(Debug)]
pub(crate) struct Bank;

#[async_trait]
impl Provider for Bank {
    fn health(&self) -> Health {
        Health::Good
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        match token.expose() {
            "b_good" => {
                let mut token = Token::new(Status::Good, Expiry::Never);
                token.scope = ScopeSet::from_spaced("read");
                token.sub = Some("s\"1".to_owned());
                Ok(Introspection::Token(Box::new(token)))
            }
            "b_slow" => Err(Failure::Timeout),
            _ => Ok(Introspection::Inactive),
        }
    }
}

const TTL: Duration = Duration::from_secs(60);

pub(crate) const TIMES: CacheTimes = CacheTimes {
    ttl: TTL,
    inactive_ttl: TTL,
    stale_if_error: Duration::ZERO,
    without_end: None,
};

pub(crate) fn bank() -> ProviderEntry {
    ProviderEntry {
        name: ProviderName::parse("bank").unwrap(),
        kind: "bank",
        provider: Arc::new(Bank),
        matching: Some(Match::Prefix("b_".to_owned())),
        issuer: None,
        clock_skew: Duration::ZERO,
        timeout: Duration::from_secs(2),
        times: None,
        revision: [0; 16],
    }
}

pub(crate) fn rules(callers: impl IntoIterator<Item = Caller>) -> Rules {
    Rules {
        callers: Callers::new(callers),
        policies: Policies::new([]),
    }
}

pub(crate) fn service() -> Service {
    service_of([])
}

pub(crate) fn service_of(callers: impl IntoIterator<Item = Caller>) -> Service {
    let now = Timestamp::from_seconds(1_700_000_000).unwrap();
    service_at(Arc::new(ManualClock::at(now)), callers, vec![bank()])
}

pub(crate) fn service_at(
    clock: Arc<ManualClock>,
    callers: impl IntoIterator<Item = Caller>,
    providers: Vec<ProviderEntry>,
) -> Service {
    let limits = CacheLimits {
        max_bytes: 1 << 20,
        times: TIMES,
    };
    let unmatched = &Unmatched::Reject;
    let resolver = Resolver::new(providers, unmatched, limits, Arc::clone(&clock) as _);
    let fingerprints = Fingerprints::random().unwrap();
    Service::new(
        rules(callers),
        Arc::new(resolver.unwrap()),
        clock,
        fingerprints,
    )
    .unwrap()
}

pub(crate) fn caller(permissions: &[Permission], providers: Selection<ProviderName>) -> Caller {
    Caller {
        name: "edge".to_owned(),
        permissions: Permissions {
            providers,
            ..Permissions::of(permissions.iter().copied())
        },
        secrets: Vec::new(),
        certificate: None,
        tally: Arc::default(),
        rate: None,
        signed: SignedAs::default(),
    }
}

pub(crate) fn query(token: &str) -> TokenQuery {
    TokenQuery {
        subject: Subject::Token(TokenValue::parse(token.to_owned()).unwrap()),
        provider: None,
    }
}

pub(crate) fn policy(scope: &str) -> Policy {
    Policy::new(Requirements {
        scope: vec![Scope::parse(scope).unwrap()],
        ..Requirements::default()
    })
}
