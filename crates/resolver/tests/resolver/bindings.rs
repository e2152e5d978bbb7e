//! A token is what its record says from the moment that it is bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use introspectd_core::{
    Bound, Failure, Health, Introspection, Issuance, Issued, Provider, Records, Revocation,
    TokenId, TokenValue,
};
use introspectd_resolver::{ProviderEntry, Source, Unmatched};
use tokio::sync::watch;

use crate::harness::{
    Bench, Fake, LIMITS, Seen, TIMEOUT, active, good, name, prefix, upstream, value, within,
};

/// Knows the tokens that are bound, to ids. Answers are decided when the question comes, and may be
/// held back.
#[derive(Debug, Default)]
struct Bank {
    bound: Mutex<HashMap<String, TokenId>>,
    asked: watch::Sender<usize>,
    held: watch::Sender<bool>,
}

fn id(text: &str) -> TokenId {
    TokenId::parse(text.to_owned()).unwrap()
}

fn found(is_bound: bool) -> Introspection {
    if is_bound {
        Introspection::Token(Box::new(good()))
    } else {
        Introspection::Inactive
    }
}

#[async_trait]
impl Provider for Bank {
    fn health(&self) -> Health {
        Health::Good
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        let answer = found(self.bound(token).await.is_some());
        self.asked.send_modify(|asked| *asked += 1);
        self.held.subscribe().wait_for(|held| !held).await.unwrap();
        Ok(answer)
    }

    fn records(&self) -> Option<&dyn Records> {
        Some(self)
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        Some(self)
    }

    fn issuance(&self) -> Option<&dyn Issuance> {
        Some(self)
    }
}

#[async_trait]
impl Records for Bank {
    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure> {
        Ok(found(
            self.bound.lock().unwrap().values().any(|bound| bound == id),
        ))
    }

    fn is_id(&self, id: &TokenId) -> bool {
        id.as_str().starts_with("id-")
    }

    fn spells_an_id(&self, text: &TokenValue) -> bool {
        text.expose().starts_with("id-")
    }
}

#[async_trait]
impl Revocation for Bank {
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        self.bound.lock().unwrap().remove(token.expose());
        Ok(())
    }
}

#[async_trait]
impl Issuance for Bank {
    async fn bound(&self, token: &TokenValue) -> Option<TokenId> {
        self.bound.lock().unwrap().get(token.expose()).cloned()
    }

    async fn bind(&self, token: &TokenValue, id: &TokenId, _: bool) -> Result<Bound, Failure> {
        self.bound
            .lock()
            .unwrap()
            .insert(token.expose().to_owned(), id.clone());
        Ok(Bound::Done)
    }

    async fn issue(&self, request: Bytes) -> Result<Issued, Failure> {
        let token = value(std::str::from_utf8(&request).unwrap());
        self.bind(&token, &id("issued"), true).await?;
        Ok(Issued {
            status: 200,
            content_type: None,
            body: request,
            token: Some(token),
        })
    }
}

fn bench() -> (Bench, Arc<Bank>) {
    let bank = Arc::<Bank>::default();
    let entry = ProviderEntry {
        name: name("as"),
        kind: "fake",
        provider: Arc::clone(&bank) as _,
        matching: Some(prefix("")),
        issuer: None,
        clock_skew: Duration::ZERO,
        timeout: TIMEOUT,
        times: None,
        revision: [0; 16],
    };
    (Bench::new(vec![entry], &Unmatched::Reject, LIMITS), bank)
}

#[tokio::test]
async fn a_bound_token_is_active_at_once() {
    let (bench, _) = bench();
    assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
    assert_eq!(
        bench
            .resolver
            .bind(&value("t"), &id("i"), &name("as"), false)
            .await,
        Ok(Bound::Done)
    );
    assert_eq!(bench.ask("t").await, active(Source::Miss));
}

#[tokio::test]
async fn an_issued_token_is_active_at_once() {
    let (bench, _) = bench();
    assert_eq!(bench.ask("t").await, Seen::Inactive(Source::Miss));
    assert!(
        bench
            .resolver
            .issue(Bytes::from_static(b"t"), &name("as"))
            .await
            .is_ok()
    );
    assert_eq!(bench.ask("t").await, active(Source::Miss));
}

/// The answer was decided before the token was bound.
#[tokio::test]
async fn a_question_under_way_is_asked_again_when_the_token_is_bound() {
    let (bench, bank) = bench();
    bank.held.send_replace(true);
    let waiting = bench.asking("t").await;
    within(bank.asked.subscribe().wait_for(|asked| *asked == 1))
        .await
        .unwrap();
    bench
        .resolver
        .bind(&value("t"), &id("i"), &name("as"), false)
        .await
        .unwrap();
    bank.held.send_replace(false);
    assert_eq!(waiting.await.unwrap(), active(Source::Miss));
    assert_eq!(bench.ask("t").await, active(Source::Hit));
}

#[tokio::test]
async fn provider_without_bindings_gets_no_request() {
    let fake = Fake::new();
    let bench = Bench::new(
        vec![upstream("as", &fake, Some(prefix("")))],
        &Unmatched::Reject,
        LIMITS,
    );
    let bound = bench
        .resolver
        .bind(&value("t"), &id("i"), &name("as"), false)
        .await;
    assert_eq!(bound, Err(Failure::Unsupported));
    let issued = bench.resolver.issue(Bytes::new(), &name("as")).await;
    assert_eq!(issued.err(), Some(Failure::Unsupported));
    assert_eq!(fake.questions(), 0);
}

#[tokio::test]
async fn revocation_purges_the_bound_record() {
    let (bench, _) = bench();
    bench
        .resolver
        .bind(&value("t"), &id("i"), &name("as"), false)
        .await
        .unwrap();
    assert_eq!(bench.lookup("i", "as").await, active(Source::Miss));
    bench
        .resolver
        .revoke(&value("t"), None, |_| true)
        .await
        .unwrap();
    assert_eq!(bench.lookup("i", "as").await, Seen::Inactive(Source::Miss));
}

#[tokio::test]
async fn id_of_a_token_is_bound_to_nothing() {
    let (bench, bank) = bench();
    let resolver = &bench.resolver;
    let bound = resolver
        .bind(&value("id-7"), &id("i"), &name("as"), false)
        .await;
    assert_eq!(bound, Ok(Bound::IsId));
    assert!(bank.bound.lock().unwrap().is_empty());
    for (provider, text, expected) in [
        ("as", "id-7", true),
        ("as", "i", false),
        ("other", "id-7", false),
    ] {
        let provider = name(provider);
        assert_eq!(resolver.spells_an_id(&value(text), &provider), expected);
        assert_eq!(resolver.is_id(&id(text), &provider), expected);
    }
}

#[tokio::test]
async fn unknown_provider_has_nothing_to_bind_to() {
    let (bench, bank) = bench();
    let resolver = &bench.resolver;
    let bound = resolver
        .bind(&value("t"), &id("i"), &name("other"), false)
        .await;
    assert_eq!(bound, Ok(Bound::NoSuchToken));
    let request = Bytes::from_static(b"t");
    let issued = resolver.issue(request, &name("other")).await;
    assert_eq!(issued.err(), Some(Failure::Unsupported));
    assert!(bank.bound.lock().unwrap().is_empty());
}
