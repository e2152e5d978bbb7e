//! Operations as a presentation calls them: without HTTP, before a provider that knows one token.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::ask::Context;
use introspectd_core::{
    Expiry, Failure, Health, Introspection, ManualClock, Provider, ProviderName, Scope, ScopeSet,
    Selection, Status, Timestamp, Token, TokenId, TokenValue,
};
use introspectd_resolver::{CacheLimits, CacheTimes, Match, ProviderEntry, Resolver, Unmatched};
use introspectd_service::operation::{Subject, TokenQuery, bearer_token, decide, introspect};
use introspectd_service::refusal::{
    CallerFault, ClientFault, Inactive, InvalidRequest, Missing, Refusal,
};
use introspectd_service::{
    Caller, Callers, Fingerprints, Permission, Permissions, Policies, Policy, Requirements, Rules,
    Service,
};

/// Knows `b_good` with the scope `read`.
#[derive(Debug)]
struct Bank;

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

fn service() -> Service {
    let clock = Arc::new(ManualClock::at(
        Timestamp::from_seconds(1_700_000_000).unwrap(),
    ));
    let entry = ProviderEntry {
        name: ProviderName::parse("bank").unwrap(),
        kind: "bank",
        provider: Arc::new(Bank),
        matching: Some(Match::Prefix("b_".to_owned())),
        issuer: None,
        timeout: Duration::from_secs(2),
        times: None,
        revision: [0; 16],
    };
    let ttl = Duration::from_secs(60);
    let limits = CacheLimits {
        max_bytes: 1 << 20,
        times: CacheTimes {
            ttl,
            inactive_ttl: ttl,
            stale_if_error: Duration::ZERO,
        },
    };
    let resolver = Resolver::new(
        vec![entry],
        &Unmatched::Reject,
        limits,
        Arc::clone(&clock) as _,
    )
    .unwrap();
    let rules = Rules {
        callers: Callers::new([]),
        policies: Policies::new([]),
    };
    Service::new(
        rules,
        Arc::new(resolver),
        clock,
        Fingerprints::random().unwrap(),
    )
    .unwrap()
}

fn caller(permissions: &[Permission], providers: Selection<ProviderName>) -> Caller {
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
    }
}

fn query(token: &str) -> TokenQuery {
    TokenQuery {
        subject: Subject::Token(TokenValue::parse(token.to_owned()).unwrap()),
        provider: None,
    }
}

fn policy(scope: &str) -> Policy {
    Policy::new(Requirements {
        scope: vec![Scope::parse(scope).unwrap()],
        ..Requirements::default()
    })
}

#[tokio::test]
async fn introspection_is_active_inactive_or_refused() {
    let (service, caller) = (service(), caller(&[Permission::Introspect], Selection::All));
    let active = introspect(&service, &caller, query("b_good"), Context::default)
        .await
        .unwrap();
    let body = active.into_body().unwrap();
    assert_eq!(
        &*body,
        br#"{"active":true,"scope":"read","sub":"s\"1","provider":"bank"}"#
    );
    let inactive = introspect(&service, &caller, query("b_other"), Context::default)
        .await
        .unwrap();
    assert!(!inactive.is_active());
    assert_eq!(inactive.inactive(), Inactive::NotKnown);
    let refused = introspect(&service, &caller, query("b_slow"), Context::default)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (refused.code(), refused),
        ("upstream_timeout", Failure::Timeout.into())
    );
}

#[tokio::test]
async fn introspection_by_id_needs_the_permission_to_look_up_and_a_provider() {
    let by_id = || TokenQuery {
        subject: Subject::Id(TokenId::parse("1".to_owned()).unwrap()),
        provider: None,
    };
    let asks = caller(&[Permission::Introspect], Selection::All);
    let refused = introspect(&service(), &asks, by_id(), Context::default)
        .await
        .err()
        .unwrap();
    assert_eq!(refused, CallerFault::AccessDenied.into());
    let looks_up = caller(&[Permission::Lookup], Selection::All);
    let refused = introspect(&service(), &looks_up, by_id(), Context::default)
        .await
        .err()
        .unwrap();
    assert_eq!(refused, InvalidRequest::ProviderNeeded.into());
}

#[tokio::test]
async fn provider_of_others_is_as_unknown_as_one_that_does_not_exist() {
    let service = service();
    let confined = caller(&[Permission::Introspect], Selection::Only([].into()));
    for name in ["bank", "nowhere"] {
        let query = TokenQuery {
            provider: Some(name.to_owned()),
            ..query("b_good")
        };
        let refused = introspect(&service, &confined, query, Context::default)
            .await
            .err()
            .unwrap();
        assert_eq!(refused, InvalidRequest::UnknownProvider.into(), "{name}");
    }
    let unnamed = introspect(&service, &confined, query("b_good"), Context::default)
        .await
        .unwrap();
    assert!(!unnamed.is_active());
}

#[tokio::test]
async fn decision_shares_the_claims_or_names_what_is_missing() {
    let (service, caller) = (service(), caller(&[Permission::Introspect], Selection::All));
    let token = || bearer_token("b_good").unwrap();
    let allowed = decide(
        &service,
        &caller,
        &policy("read"),
        token(),
        Context::default,
    )
    .await
    .ok()
    .unwrap();
    let claims = allowed.answer.claims();
    assert_eq!((&*claims.sub(), &*claims.scope()), ("s\"1", "read"));
    assert_eq!(&*allowed.answer.share(&claims.provider()), b"bank");
    let refused = decide(
        &service,
        &caller,
        &policy("write"),
        token(),
        Context::default,
    )
    .await
    .err()
    .unwrap();
    let missing = Missing {
        scope: true,
        ..Missing::default()
    };
    let expected = ClientFault::InsufficientScope {
        scope: "write".into(),
        missing,
    };
    assert_eq!(refused, Refusal::Client(expected));
}

#[test]
fn text_that_could_be_two_tokens_is_none() {
    for text in ["", "a b", "a,b", "a;b", "\"a\"", "a\n"] {
        assert_eq!(
            bearer_token(text).err(),
            Some(ClientFault::InvalidToken(Inactive::Malformed)),
            "{text:?}"
        );
    }
}
