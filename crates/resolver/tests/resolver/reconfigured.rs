//! Changed configurations: which facts stay, and which are never served again.

use std::sync::Arc;

use introspectd_core::{Selector, Target};
use introspectd_resolver::{
    CacheLimits, Configured, NextProviders, ProviderEntry, Source, Unmatched,
};

use crate::harness::{
    Answer, Bench, Fake, LIMITS, Seen, UNCACHED, active, active_by, good, name, prefix, upstream,
    value, within,
};

fn of_a(fake: &Arc<Fake>) -> ProviderEntry {
    upstream("a", fake, Some(prefix("a_")))
}

fn of_b(fake: &Arc<Fake>) -> ProviderEntry {
    upstream("b", fake, Some(prefix("b_")))
}

fn kept(provider: &str) -> Configured {
    Configured::Kept(name(provider), LIMITS.times)
}

/// Two providers, `a` and `b`, each with one cached token.
async fn two() -> (Bench, Arc<Fake>, Arc<Fake>) {
    let (a, b) = (Fake::new(), Fake::new());
    let bench = Bench::new(vec![of_a(&a), of_b(&b)], &Unmatched::Reject, LIMITS);
    for (fake, token, provider) in [(&a, "a_1", "a"), (&b, "b_1", "b")] {
        fake.script(token, good());
        assert_eq!(bench.ask(token).await, active_by(provider, Source::Miss));
    }
    (bench, a, b)
}

impl Bench {
    /// The bench of a changed configuration. The earlier one goes on for what is in flight.
    fn reconfigured(&self, providers: Vec<Configured>, limits: CacheLimits) -> Self {
        let reject = Unmatched::Reject;
        let next = self.resolver.reconfigured(
            NextProviders::Reconfigured(providers),
            &reject,
            limits.times,
        );
        let next = next.unwrap();
        self.resolver.retire_for(&next);
        Self {
            resolver: Arc::new(next),
            clock: Arc::clone(&self.clock),
        }
    }
}

#[tokio::test]
async fn unchanged_provider_keeps_its_facts_and_a_changed_one_none() {
    let (bench, _, b) = two().await;
    let changed = Fake::new();
    let next = bench.reconfigured(vec![kept("b"), Configured::New(of_a(&changed))], LIMITS);
    assert_eq!(next.ask("b_1").await, active_by("b", Source::Hit));
    assert_eq!(b.questions(), 1);
    assert_eq!(next.ask("a_1").await, Seen::Inactive(Source::Miss));
    assert_eq!(changed.questions(), 1);
    assert_eq!(next.resolver.revision(), bench.resolver.revision() + 1);
}

#[tokio::test]
async fn provider_that_goes_and_comes_back_begins_without_facts() {
    let (bench, a, _) = two().await;
    let without = bench.reconfigured(vec![kept("b")], LIMITS);
    assert_eq!(
        without.ask("a_1").await,
        Seen::Inactive(Source::Miss),
        "no route"
    );
    assert!(without.resolver.provider("a").is_none());
    let again = without.reconfigured(vec![Configured::New(of_a(&a)), kept("b")], LIMITS);
    assert_eq!(again.ask("a_1").await, active_by("a", Source::Miss));
    assert_eq!(a.questions(), 2);
    assert_eq!(again.ask("b_1").await, active_by("b", Source::Hit));
}

/// A request that began before may still ask by its own configuration, and takes nothing from the
/// cache of a provider that is no more.
#[tokio::test]
async fn earlier_request_is_served_no_fact_of_a_changed_provider() {
    let (bench, a, b) = two().await;
    let _next = bench.reconfigured(vec![kept("b"), Configured::New(of_a(&a))], LIMITS);
    assert_eq!(bench.ask("a_1").await, active_by("a", Source::Miss));
    assert_eq!(
        bench.ask("a_1").await,
        active_by("a", Source::Miss),
        "and keeps nothing"
    );
    assert_eq!(a.questions(), 3);
    assert_eq!(bench.ask("b_1").await, active_by("b", Source::Hit));
    assert_eq!(b.questions(), 1);
}

#[tokio::test]
async fn flight_of_a_changed_provider_ends_for_its_waiters_and_is_not_cached() {
    let (bench, a, _) = two().await;
    a.script("a_2", good());
    a.hold();
    let first = bench.asking("a_2").await;
    let second = bench.asking("a_2").await;
    a.arrived(2).await;
    let changed = Fake::new();
    let next = bench.reconfigured(vec![kept("b"), Configured::New(of_a(&changed))], LIMITS);
    a.release();
    assert_eq!(within(first).await.unwrap(), active_by("a", Source::Miss));
    assert_eq!(
        within(second).await.unwrap(),
        active_by("a", Source::Coalesced)
    );
    assert_eq!(next.ask("a_2").await, Seen::Inactive(Source::Miss));
    assert_eq!(
        bench.ask("a_2").await,
        active_by("a", Source::Miss),
        "not cached there either"
    );
}

#[tokio::test]
async fn flight_of_an_unchanged_provider_is_shared_by_both_configurations() {
    let (bench, a, _) = two().await;
    a.script("a_2", good());
    a.hold();
    let before = bench.asking("a_2").await;
    a.arrived(2).await;
    let next = bench.reconfigured(vec![kept("a"), kept("b")], LIMITS);
    let after = next.asking("a_2").await;
    a.release();
    assert_eq!(within(before).await.unwrap(), active_by("a", Source::Miss));
    assert_eq!(
        within(after).await.unwrap(),
        active_by("a", Source::Coalesced)
    );
    assert_eq!(next.ask("a_2").await, active_by("a", Source::Hit));
    assert_eq!(a.questions(), 2);
}

#[tokio::test]
async fn purge_survives_a_change_and_reaches_flights_of_the_earlier_configuration() {
    let purge: [fn(&Bench); 3] = [
        |bench| bench.resolver.purge_token(&value("a_2")),
        |bench| {
            bench
                .resolver
                .purge(&Selector::new(Target::Provider(name("a"))))
        },
        |bench| bench.resolver.purge(&Selector::new(Target::All)),
    ];
    for purge in purge {
        for is_kept in [true, false] {
            let (bench, a, _) = two().await;
            a.script("a_2", good());
            a.hold();
            let waiter = bench.asking("a_2").await;
            a.arrived(2).await;
            let provider = if is_kept {
                kept("a")
            } else {
                Configured::New(of_a(&a))
            };
            let next = bench.reconfigured(vec![provider, kept("b")], LIMITS);
            purge(&next);
            a.script(
                "a_2",
                Answer::Says(introspectd_core::Introspection::Inactive),
            );
            a.release();
            assert_eq!(
                within(waiter).await.unwrap(),
                Seen::Inactive(Source::Miss),
                "the purged answer is asked for again"
            );
        }
    }
    // Ordered before the change, and in force after it.
    let (bench, a, _) = two().await;
    bench.resolver.purge_token(&value("a_1"));
    let next = bench.reconfigured(vec![kept("a"), kept("b")], LIMITS);
    assert_eq!(next.ask("a_1").await, active_by("a", Source::Miss));
    assert_eq!(a.questions(), 2);
}

#[tokio::test]
async fn purge_by_an_earlier_configuration_reaches_providers_of_the_next() {
    let (bench, _, _) = two().await;
    let c = Fake::new();
    c.script("c_1", good());
    let of_c = upstream("c", &c, Some(prefix("c_")));
    let next = bench.reconfigured(vec![kept("a"), kept("b"), Configured::New(of_c)], LIMITS);
    assert_eq!(next.ask("c_1").await, active_by("c", Source::Miss));
    bench.resolver.purge_token(&value("c_1"));
    assert_eq!(next.ask("c_1").await, active_by("c", Source::Miss));
}

#[tokio::test]
async fn facts_are_kept_for_the_times_of_the_configuration_that_asked() {
    let (bench, provider) = Bench::single(LIMITS);
    provider.script("t", good());
    provider.script("u", good());
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    let next = bench.reconfigured(vec![Configured::Kept(name("as"), UNCACHED.times)], UNCACHED);
    assert_eq!(next.ask("t").await, active(Source::Hit), "it stays");
    assert_eq!(next.ask("u").await, active(Source::Miss));
    assert_eq!(next.ask("u").await, active(Source::Miss), "it is not kept");
}

#[tokio::test]
async fn kept_provider_must_be_known() {
    let (bench, _) = Bench::single(LIMITS);
    let unknown = vec![kept("nobody")];
    assert!(
        bench
            .resolver
            .reconfigured(
                NextProviders::Reconfigured(unknown),
                &Unmatched::Reject,
                LIMITS.times
            )
            .is_err()
    );
}

/// Numbers of slots are few, and their facts are removed before one is used again.
#[tokio::test]
async fn provider_may_change_without_end() {
    let (mut bench, mut fake) = Bench::single(LIMITS);
    for _ in 0..300 {
        fake.script("t", good());
        assert_eq!(bench.ask("t").await, active(Source::Miss));
        fake = Fake::new();
        let entry = upstream("as", &fake, Some(prefix("")));
        bench = bench.reconfigured(vec![Configured::New(entry)], LIMITS);
        assert_eq!(bench.ask("u").await, Seen::Inactive(Source::Miss));
    }
    let all = Selector::new(Target::All);
    let patience = std::time::Duration::from_secs(30);
    let purged = within(bench.resolver.purge_counted(&all, patience))
        .await
        .unwrap();
    assert_eq!(purged.count, 1, "nothing of earlier configurations counts");
}
