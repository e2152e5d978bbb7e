//! Confirmed revocations, before a provider that goes on showing what it revoked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use introspectd_core::{
    BindingsFailed, Expiry, Failure, ManualClock, Outage, ProviderName, Remembered, Revocations,
    Revoked, Status, Timestamp, Token, TokenId, Unreachable,
};
use introspectd_resolver::{Resolver, Source, Unmatched};

use crate::harness::{
    Bench, Can, Fake, LIMITS, Question, Seen, active, at, good, name, prefix, upstream, value,
};

/// Revocations in a map.
#[derive(Debug, Default)]
struct Store {
    held: Mutex<HashMap<String, Option<Timestamp>>>,
    fails: AtomicBool,
}

fn key(provider: &ProviderName, revoked: Revoked<'_>) -> String {
    match revoked {
        Revoked::Token(token) => format!("{provider} token {}", token.expose()),
        Revoked::Record(id) => format!("{provider} record {}", id.as_str()),
    }
}

#[async_trait]
impl Revocations for Store {
    fn remember(
        &self,
        provider: &ProviderName,
        revoked: Revoked<'_>,
        end: Option<Timestamp>,
        _: Timestamp,
    ) {
        let mut held = self.held.lock().unwrap();
        let known = held.entry(key(provider, revoked)).or_default();
        *known = (*known).max(end);
    }

    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Remembered> {
        self.held
            .lock()
            .unwrap()
            .get(&key(provider, revoked))
            .map(|end| Remembered { end: *end })
    }

    async fn save(&self, _: Timestamp) -> Result<(), BindingsFailed> {
        if self.fails.load(Relaxed) {
            Err(BindingsFailed)
        } else {
            Ok(())
        }
    }
}

fn bench() -> (Bench, Arc<Fake>, Arc<Store>) {
    let fake = Fake::that(Can {
        lookup: true,
        revoke: true,
    });
    fake.show_revoked();
    let (clock, store) = (Arc::new(ManualClock::at(at(0))), Arc::<Store>::default());
    let upstreams = vec![upstream("as", &fake, Some(prefix("")))];
    let resolver = Resolver::new(
        upstreams,
        &Unmatched::Reject,
        LIMITS,
        Arc::clone(&clock) as _,
    )
    .unwrap();
    let resolver = Arc::new(resolver.with_revocations(&(Arc::clone(&store) as _)));
    (Bench { resolver, clock }, fake, store)
}

fn with_end(end: i64) -> Token {
    Token {
        jti: Some("id".to_owned()),
        ..Token::new(Status::Good, Expiry::At(at(end)))
    }
}

fn id(text: &str) -> TokenId {
    TokenId::parse(text.to_owned()).unwrap()
}

async fn revoke(bench: &Bench, token: &str) -> Result<(), Failure> {
    bench.resolver.revoke(&value(token), None, |_| true).await
}

/// The answer was decided before the revocation.
#[tokio::test]
async fn a_question_under_way_does_not_bring_a_revoked_token_back() {
    let (bench, fake, _) = bench();
    fake.script("t", with_end(5000));
    fake.hold();
    let waiting = bench.asking("t").await;
    fake.arrived(1).await;
    let revoking = tokio::spawn({
        let bench = bench.clone();
        async move { revoke(&bench, "t").await }
    });
    fake.arrived(2).await;
    fake.release();
    revoking.await.unwrap().unwrap();
    for _ in 0..3 {
        assert!(matches!(bench.ask("t").await, Seen::Inactive(_)));
        bench.clock.advance(1000);
    }
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_revoked_token_is_asked_about_until_its_end_is_known() {
    let (bench, fake, _) = bench();
    fake.script("t", good());
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    revoke(&bench, "t").await.unwrap();
    let asked = |fake: &Fake| {
        fake.asked()
            .iter()
            .filter(|it| **it == Question::Token("t".to_owned()))
            .count()
    };
    for (said, questions) in [
        (good(), 2),
        (with_end(5000), 3),
        (with_end(5000), 3),
        (with_end(9000), 3),
    ] {
        fake.script("t", said);
        assert!(matches!(bench.ask("t").await, Seen::Inactive(_)));
        assert_eq!(asked(&fake), questions);
        bench.clock.advance(200);
    }
    fake.script(
        "t",
        Failure::outage(Outage::Unreachable(Unreachable::Refused)),
    );
    assert!(matches!(bench.ask("t").await, Seen::Inactive(_)));
}

#[tokio::test]
async fn a_failing_provider_does_not_hide_a_revocation() {
    let (bench, fake, _) = bench();
    revoke(&bench, "t").await.unwrap();
    fake.script(
        "t",
        Failure::outage(Outage::Unreachable(Unreachable::Refused)),
    );
    assert!(matches!(bench.ask("t").await, Seen::Inactive(_)));
}

#[tokio::test]
async fn a_revoked_record_is_every_token_that_shows_its_id() {
    let (bench, fake, _) = bench();
    for token in ["t", "u"] {
        fake.script(token, with_end(5000));
    }
    fake.script("id", with_end(5000));
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    revoke(&bench, "t").await.unwrap();
    for token in ["t", "u"] {
        assert!(
            matches!(bench.ask(token).await, Seen::Inactive(_)),
            "{token}"
        );
    }
    bench
        .resolver
        .revoke_by_id(&id("other"), &name("as"))
        .await
        .unwrap();
    fake.script(
        "v",
        Token {
            jti: Some("other".to_owned()),
            ..with_end(5000)
        },
    );
    assert!(matches!(bench.ask("v").await, Seen::Inactive(_)));
    assert!(matches!(bench.lookup("id", "as").await, Seen::Inactive(_)));
    let record = bench
        .resolver
        .lookup(id("id"), &name("as"))
        .await
        .unwrap()
        .fact
        .unwrap()
        .1
        .record;
    assert_eq!(record.unwrap().validity.status, Status::RevokedHere);
}

#[tokio::test]
async fn unconfirmed_revocation_is_not_remembered() {
    let (bench, fake, store) = bench();
    for failure in [
        Failure::outage(Outage::Unreachable(Unreachable::Refused)),
        Failure::Timeout,
        Failure::Unsupported,
    ] {
        fake.script("t", failure.clone());
        assert_eq!(revoke(&bench, "t").await, Err(failure.clone()));
        let id = id("t");
        assert_eq!(
            bench.resolver.revoke_by_id(&id, &name("as")).await,
            Err(failure)
        );
    }
    assert!(store.held.lock().unwrap().is_empty());
    fake.script("t", good());
    assert_eq!(bench.ask("t").await, active(Source::Miss));
}

#[tokio::test]
async fn unsaved_revocation_holds_and_is_an_outage() {
    let (bench, fake, store) = bench();
    store.fails.store(true, Relaxed);
    fake.script("t", good());
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    assert_eq!(
        revoke(&bench, "t").await,
        Err(Failure::outage(Outage::NotSaved))
    );
    assert!(matches!(bench.ask("t").await, Seen::Inactive(_)));
}

#[tokio::test]
async fn answer_that_is_remembered_is_explained_as_such() {
    let (bench, fake, _) = bench();
    fake.script("t", with_end(5000));
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    let explain = || bench.resolver.explain(value("t"), None, |_| true);
    let is_remembered = async || {
        let explanation = explain().await;
        explanation.accounts[0]
            .answer
            .as_ref()
            .unwrap()
            .is_remembered
    };
    assert!(!is_remembered().await, "a hit");
    revoke(&bench, "t").await.unwrap();
    assert!(is_remembered().await);
    assert!(!is_remembered().await, "a hit again");
}

#[tokio::test]
async fn revoked_token_of_unknown_end_is_no_remembered_answer() {
    let (bench, fake, _) = bench();
    fake.script("t", good());
    revoke(&bench, "t").await.unwrap();
    let explanation = bench.resolver.explain(value("t"), None, |_| true).await;
    let answer = explanation.accounts[0].answer.as_ref().unwrap();
    assert!(!answer.is_remembered);
    assert_eq!(fake.questions(), 2);
}
