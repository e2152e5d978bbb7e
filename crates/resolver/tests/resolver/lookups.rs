//! Records by id: apart from tokens, only where the provider can, and with its issuer.

use std::time::Duration;

use introspectd_core::{Failure, Introspection, TokenId};
use introspectd_resolver::{ProviderEntry, Source, Unmatched};

use crate::harness::{
    Bench, Can, Fake, LIMITS, Question, Seen, active, good, name, prefix, upstream, value,
};

#[tokio::test]
async fn records_by_id_and_by_token_are_different_facts() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("x", good());
    assert_eq!(bench.lookup("x", "as").await, active(Source::Miss));

    provider.script("x", Introspection::Inactive);
    assert_eq!(bench.ask("x").await, Seen::Inactive(Source::Miss));

    assert_eq!(bench.lookup("x", "as").await, active(Source::Hit));
    assert_eq!(bench.ask("x").await, Seen::Inactive(Source::Hit));
    assert_eq!(
        provider.asked(),
        [
            Question::Id("x".to_owned()),
            Question::Token("x".to_owned())
        ]
    );
}

#[tokio::test]
async fn a_lookup_and_an_introspection_under_way_do_not_share_their_answer() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("x", good());
    provider.hold();
    let by_token = bench.asking("x").await;
    provider.arrived(1).await;
    provider.script("x", Introspection::Inactive);
    let by_id = {
        let bench = bench.clone();
        tokio::spawn(async move { bench.lookup("x", "as").await })
    };
    provider.arrived(2).await;
    provider.release();
    assert_eq!(by_token.await.unwrap(), active(Source::Miss));
    assert_eq!(by_id.await.unwrap(), Seen::Inactive(Source::Miss));
}

#[tokio::test]
async fn a_lookup_needs_no_match() {
    let provider = Fake::new();
    provider.script("id", good());
    let upstreams = vec![upstream("as", &provider, Some(prefix("T1")))];
    let bench = Bench::new(upstreams, &Unmatched::Reject, LIMITS);
    assert_eq!(bench.lookup("id", "as").await, active(Source::Miss));
    assert_eq!(bench.lookup("id", "as").await, active(Source::Hit));
}

#[tokio::test]
async fn lookup_at_an_unknown_provider_sends_no_request() {
    let (bench, provider) = Bench::single(LIMITS);
    assert_eq!(
        bench.lookup("id", "nobody").await,
        Seen::Inactive(Source::Miss)
    );
    assert_eq!(provider.questions(), 0);
}

#[tokio::test]
async fn provider_without_lookup_gets_no_request() {
    let provider = Fake::that(Can::default());
    let bench = Bench::new(
        vec![upstream("as", &provider, None)],
        &Unmatched::Reject,
        LIMITS,
    );
    for _ in 0..2 {
        assert_eq!(
            bench.lookup("id", "as").await,
            Seen::Fails(Failure::Unsupported)
        );
    }
    assert_eq!(provider.questions(), 0);
}

#[tokio::test]
async fn the_issuer_is_the_providers_own_or_else_the_configured_one() {
    let provider = Fake::new();
    let own = introspectd_core::Token {
        iss: Some("own".to_owned()),
        ..good()
    };
    provider.script("with", own);
    provider.script("without", good());
    for (configured, expected) in [(Some("configured"), Some("configured")), (None, None)] {
        let issuer = configured.map(str::to_owned);
        let upstreams = vec![ProviderEntry {
            issuer,
            clock_skew: Duration::ZERO,
            ..upstream("as", &provider, Some(prefix("")))
        }];
        let bench = Bench::new(upstreams, &Unmatched::Reject, LIMITS);
        // Once from the provider, once from the cache.
        for _ in 0..2 {
            for (text, expected) in [("with", Some("own")), ("without", expected)] {
                let by_token = bench
                    .resolver
                    .introspect(value(text), None, |_| true)
                    .await
                    .unwrap();
                let id = TokenId::parse(text.to_owned()).unwrap();
                let by_id = bench.resolver.lookup(id, &name("as")).await.unwrap();
                for resolution in [by_token, by_id] {
                    let (_, token) = resolution.active(crate::harness::at(0)).unwrap();
                    assert_eq!(token.iss.as_deref(), expected);
                }
            }
        }
    }
}
