//! A token is taken back where it belongs, and forgotten in all cases.

use std::sync::Arc;

use introspectd_core::{Failure, Introspection, Outage, TokenId, Unreachable};
use introspectd_resolver::{Source, Unmatched};

use crate::harness::{
    Bench, Can, Fake, LIMITS, Question, Seen, active, active_by, at, good, name, prefix, upstream,
    value,
};

fn revoking() -> Arc<Fake> {
    Fake::that(Can {
        lookup: true,
        revoke: true,
    })
}

fn bench() -> (Bench, [Arc<Fake>; 2]) {
    let fakes = [revoking(), revoking()];
    let upstreams = vec![
        upstream("a", &fakes[0], Some(prefix("a_"))),
        upstream("b", &fakes[1], Some(prefix("b_"))),
    ];
    (Bench::new(upstreams, &Unmatched::Reject, LIMITS), fakes)
}

#[tokio::test]
async fn a_revoked_token_is_inactive_at_once() {
    let (bench, [a, b]) = bench();
    a.script("a_t", good());
    assert_eq!(bench.ask("a_t").await, active_by("a", Source::Miss));
    bench
        .resolver
        .revoke(&value("a_t"), None, |_| true)
        .await
        .unwrap();
    assert_eq!(bench.ask("a_t").await, Seen::Inactive(Source::Miss));
    assert!(a.asked().contains(&Question::Revoke("a_t".to_owned())));
    assert_eq!(b.questions(), 0);
}

#[tokio::test]
async fn revocation_of_an_unrouted_token_sends_no_request() {
    let (bench, [a, b]) = bench();
    bench
        .resolver
        .revoke(&value("c_t"), None, |_| true)
        .await
        .unwrap();
    bench
        .resolver
        .revoke(&value("a_t"), Some(&name("b")), |_| true)
        .await
        .unwrap();
    bench
        .resolver
        .revoke(&value("a_t"), None, |provider| provider.as_str() != "a")
        .await
        .unwrap();
    assert_eq!((a.questions(), b.questions()), (0, 0));
}

#[tokio::test]
async fn failed_revocation_still_purges() {
    let (bench, [a, _]) = bench();
    a.script("a_t", good());
    bench.ask("a_t").await;
    let down = Failure::outage(Outage::Unreachable(Unreachable::Refused));
    a.script("a_t", down.clone());
    assert_eq!(
        bench.resolver.revoke(&value("a_t"), None, |_| true).await,
        Err(down.clone())
    );
    let last_failures: Vec<_> = bench
        .resolver
        .providers()
        .map(|it| it.last_failure)
        .collect();
    assert_eq!(last_failures, [Some((down, at(0))), None]);
    a.script("a_t", Introspection::Inactive);
    assert_eq!(bench.ask("a_t").await, Seen::Inactive(Source::Miss));
}

#[tokio::test]
async fn revocation_without_support_is_unsupported() {
    let provider = Fake::new();
    let bench = Bench::new(
        vec![upstream("as", &provider, Some(prefix("")))],
        &Unmatched::Reject,
        LIMITS,
    );
    provider.script("t", good());
    bench.ask("t").await;
    let revoked = bench.resolver.revoke(&value("t"), None, |_| true).await;
    assert_eq!(revoked, Err(Failure::Unsupported));
    assert_eq!(bench.ask("t").await, active(Source::Miss));
}

#[tokio::test]
async fn revocation_by_id_reaches_the_named_provider() {
    let (bench, [a, b]) = bench();
    let id = TokenId::parse("id".to_owned()).unwrap();
    a.script("id", good());
    bench.lookup("id", "a").await;
    bench.resolver.revoke_by_id(&id, &name("a")).await.unwrap();
    assert_eq!(bench.lookup("id", "a").await, Seen::Inactive(Source::Miss));
    assert!(a.asked().contains(&Question::Revoke("id".to_owned())));
    assert_eq!(b.questions(), 0);
}
