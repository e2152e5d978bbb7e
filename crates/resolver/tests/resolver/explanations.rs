//! Explanations give the reasons that the answer is made of.

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{
    BadAnswer, Failure, Introspection, Outage, ProviderName, Selector, Target, Token, TokenId,
};
use introspectd_resolver::{
    Account, CacheLimits, CacheTimes, Explanation, NotAsked, Rule, Source, Unmatched,
};

use crate::harness::{
    Answer, Bench, Can, Fake, INACTIVE_TTL, LIMITS, TTL, TTL_AT_LEAST, UNCACHED, at, good, jwt_of,
    name, poll_once, prefix, regex, upstream, value,
};
use crate::routes::Deployment;

async fn explain<'a>(bench: &'a Bench, token: &str) -> Explanation<'a, Token> {
    bench.resolver.explain(value(token), None, |_| true).await
}

fn only<'a, 'b>(explanation: &'b Explanation<'a, Token>) -> &'b Account<'a, Token> {
    let [account] = explanation.accounts.as_slice() else {
        panic!("{explanation:#?}")
    };
    account
}

fn names<'a>(explanation: &Explanation<'a, Token>) -> Vec<&'a str> {
    explanation
        .accounts
        .iter()
        .map(|account| account.provider.as_str())
        .collect()
}

/// Source of an account: the cache, another's request, or its own.
fn source(account: &Account<'_, Token>) -> Source {
    account
        .answer
        .as_ref()
        .unwrap()
        .outcome
        .as_ref()
        .unwrap()
        .source
}

#[tokio::test]
async fn the_rule_and_the_providers_of_a_token_are_named() {
    let deployment = Deployment::fresh(&Unmatched::Provider(name("bare")));
    for (token, rule, providers) in [
        (
            jwt_of("https://sso.example"),
            Rule::JwtIssuer("https://sso.example"),
            vec!["sso"],
        ),
        ("T1am-x".to_owned(), Rule::Prefix("T1am"), vec!["long"]),
        ("1234".to_owned(), Rule::Regex, vec!["hex", "digits"]),
        ("opaque".to_owned(), Rule::Unmatched, vec!["bare"]),
    ] {
        let explanation = explain(&deployment.bench, &token).await;
        assert_eq!(
            (explanation.rule, names(&explanation)),
            (Some(rule), providers)
        );
    }
    let named = |only| {
        deployment
            .bench
            .resolver
            .explain(value("T1-x"), Some(only), |_| true)
    };
    let (bare, long) = (name("bare"), name("long"));
    let explanation = named(&bare).await;
    assert_eq!(
        (explanation.rule, names(&explanation)),
        (Some(Rule::Named), vec!["bare"])
    );
    let explanation = named(&long).await;
    assert_eq!((explanation.rule, names(&explanation)), (None, vec![]));
}

#[tokio::test]
async fn the_age_and_the_rest_of_a_fact_are_told() {
    let (bench, fake) = Bench::single(LIMITS);
    fake.script("t", good());
    let first = explain(&bench, "t").await;
    assert_eq!(
        (only(&first).held, source(only(&first))),
        (None, Source::Miss)
    );
    bench.clock.advance(50);
    let second = explain(&bench, "t").await;
    let held = only(&second).held.unwrap();
    assert_eq!(
        (held.age, held.among_active),
        (Duration::from_secs(50), true)
    );
    let rest =
        Duration::from_secs((TTL_AT_LEAST - 50).into())..=Duration::from_secs((TTL - 50).into());
    assert!(
        rest.contains(&held.fresh_for) && held.kept_for == held.fresh_for,
        "{held:?}"
    );
    assert_eq!(source(only(&second)), Source::Hit);
    assert_eq!(fake.questions(), 1, "it asks only where introspect would");

    explain(&bench, "unknown").await;
    let held = only(&explain(&bench, "unknown").await).held.unwrap();
    assert!(!held.among_active && held.fresh_for <= Duration::from_secs(INACTIVE_TTL.into()));
    bench.clock.advance(TTL);
    assert_eq!(
        only(&explain(&bench, "t").await).held,
        None,
        "what is past its time is as good as gone"
    );
}

#[tokio::test]
async fn stale_fact_is_explained_with_its_failure() {
    let limits = CacheLimits {
        times: CacheTimes {
            stale_if_error: Duration::from_secs(9000),
            ..LIMITS.times
        },
        ..LIMITS
    };
    let (bench, fake) = Bench::single(limits);
    fake.script("t", good());
    bench.ask("t").await;
    bench.clock.advance(TTL);
    fake.script("t", Failure::Timeout);
    let explanation = explain(&bench, "t").await;
    let account = only(&explanation);
    let held = account.held.unwrap();
    assert!(held.fresh_for.is_zero() && !held.kept_for.is_zero());
    assert_eq!(source(account), Source::Stale);
    assert_eq!(
        account.answer.as_ref().unwrap().failure,
        Some(Failure::Timeout)
    );
}

#[tokio::test]
async fn a_failure_is_told_and_is_the_outcome() {
    let (bench, fake) = Bench::single(LIMITS);
    fake.script("t", Failure::from(BadAnswer::OtherToken));
    let explanation = explain(&bench, "t").await;
    let failure = Failure::from(BadAnswer::OtherToken);
    assert_eq!(
        only(&explanation).answer.as_ref().unwrap().failure,
        Some(failure.clone())
    );
    assert_eq!(explanation.outcome, Err(failure));
}

#[tokio::test]
async fn cached_active_fact_spares_other_providers_the_request() {
    let (one, other) = (Fake::new(), Fake::new());
    let upstreams = vec![
        upstream("one", &one, Some(regex("t"))),
        upstream("other", &other, Some(regex("t"))),
    ];
    let bench = Bench::new(upstreams, &Unmatched::Reject, LIMITS);
    other.script("t", good());
    explain(&bench, "t").await;
    bench.clock.advance(INACTIVE_TTL);
    let explanation = explain(&bench, "t").await;
    assert_eq!(explanation.accounts[0].answer, Err(NotAsked::Settled));
    assert_eq!(source(&explanation.accounts[1]), Source::Hit);
    assert_eq!((one.questions(), other.questions()), (1, 1));
}

#[tokio::test]
async fn of_providers_that_may_not_be_asked_there_is_no_trace() {
    let deployment = Deployment::fresh(&Unmatched::Reject);
    let resolver = &deployment.bench.resolver;
    let nobody = resolver.explain(value("opaque"), None, |_| true).await;
    for (token, barred) in [("T1am-x", "long"), ("12345", "digits")] {
        let explanation = resolver
            .explain(value(token), None, |it| it.as_str() != barred)
            .await;
        assert_eq!(explanation, nobody);
        assert_eq!(deployment.fakes[barred].questions(), 0);
    }
    let explanation = resolver
        .explain(value("1234"), None, |it| it.as_str() != "hex")
        .await;
    assert_eq!(names(&explanation), ["digits"]);
}

#[tokio::test]
async fn id_at_a_provider_without_lookup_is_explained_as_unable() {
    let fake = Fake::that(Can::default());
    let bench = Bench::new(
        vec![upstream("as", &fake, Some(prefix("")))],
        &Unmatched::Reject,
        LIMITS,
    );
    let id = TokenId::parse("x".to_owned()).unwrap();
    let explanation = bench.resolver.explain_id(id, &name("as")).await;
    assert_eq!(only(&explanation).answer, Err(NotAsked::Unable));
    assert_eq!(explanation.outcome, Err(Failure::Unsupported));
    assert_eq!(fake.questions(), 0);
}

#[tokio::test]
async fn an_id_is_explained_as_it_is_looked_up() {
    let (bench, fake) = Bench::single(LIMITS);
    fake.script("x", Introspection::Token(Box::new(good())));
    let id = || TokenId::parse("x".to_owned()).unwrap();
    let first = bench.resolver.explain_id(id(), &name("as")).await;
    assert_eq!(
        (first.rule, source(only(&first))),
        (Some(Rule::Named), Source::Miss)
    );
    let second = bench.resolver.explain_id(id(), &name("as")).await;
    assert_eq!(
        second.outcome,
        Ok(bench.resolver.lookup(id(), &name("as")).await.unwrap())
    );
    assert!(only(&second).held.is_some());
    assert_eq!(
        only(&explain(&bench, "x").await).held,
        None,
        "a token of the same text is another matter"
    );
}

#[tokio::test]
async fn time_that_an_answer_took_is_told() {
    let (bench, fake) = Bench::single(LIMITS);
    fake.hold();
    let mut explaining = Box::pin(explain(&bench, "t"));
    waits_for(&mut explaining, &fake, 1).await;
    bench.clock.advance(3);
    fake.release();
    let explanation = explaining.await;
    let answer = only(&explanation).answer.as_ref().unwrap();
    assert_eq!(answer.took, Duration::from_secs(3));
    assert!(!answer.is_remembered);
}

#[tokio::test]
async fn id_at_an_unknown_provider_is_explained_as_nothing() {
    let (bench, fake) = Bench::single(LIMITS);
    let id = TokenId::parse("x".to_owned()).unwrap();
    let explanation = bench.resolver.explain_id(id, &name("other")).await;
    assert_eq!((explanation.rule, names(&explanation)), (None, vec![]));
    assert!(explanation.outcome.is_ok_and(|it| it.fact.is_none()));
    assert_eq!(fake.questions(), 0);
}

#[tokio::test]
async fn token_belongs_to_the_providers_that_would_be_asked() {
    let (bench, _) = side_by_side(LIMITS, ["one", "two"]);
    let belongs = |only: Option<&str>, barred: &str| {
        let only = only.map(name);
        let may_ask = |provider: &ProviderName| provider.as_str() != barred;
        let found = bench
            .resolver
            .belongs_to(&value("t"), only.as_ref(), may_ask);
        found
            .into_iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(belongs(None, ""), ["one", "two"]);
    assert_eq!(belongs(None, "one"), ["two"]);
    assert_eq!(belongs(Some("one"), ""), ["one"]);
    assert!(belongs(Some("one"), "one").is_empty());
}

#[tokio::test]
async fn outcome_of_several_is_the_active_answer_or_the_failure_or_nothing() {
    for (first, second, active, fails) in [
        (
            Answer::from(good()),
            Answer::Fails(Failure::Timeout),
            true,
            false,
        ),
        (
            Answer::Fails(Failure::Timeout),
            Answer::from(good()),
            true,
            false,
        ),
        (
            Answer::Says(Introspection::Inactive),
            Answer::Fails(Failure::Timeout),
            false,
            true,
        ),
        (
            Answer::Says(Introspection::Inactive),
            Answer::Says(Introspection::Inactive),
            false,
            false,
        ),
    ] {
        let (bench, [one, two]) = side_by_side(LIMITS, ["one", "two"]);
        one.script("t", first);
        two.script("t", second);
        let outcome = explain(&bench, "t").await.outcome;
        assert_eq!(outcome.is_err(), fails);
        let is_active = outcome.is_ok_and(|it| it.active(at(0)).is_some());
        assert_eq!(is_active, active);
    }
}

/// Providers that are asked side by side.
fn side_by_side<const N: usize>(limits: CacheLimits, names: [&str; N]) -> (Bench, [Arc<Fake>; N]) {
    let fakes = names.map(|_| Fake::new());
    let upstreams = names
        .iter()
        .zip(&fakes)
        .map(|(name, fake)| upstream(name, fake, Some(regex("t"))));
    (
        Bench::new(upstreams.collect(), &Unmatched::Reject, limits),
        fakes,
    )
}

/// Polls until so many questions have reached the slow provider, and the others have answered.
async fn waits_for<F: Future + Unpin>(explaining: &mut F, slow: &Fake, questions: usize) {
    while slow.questions() < questions {
        assert!(poll_once(explaining).await.is_pending());
        tokio::task::yield_now().await;
    }
    for _ in 0..8 {
        assert!(poll_once(explaining).await.is_pending());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn answer_that_is_purged_while_another_is_waited_for_is_not_shown() {
    for limits in [LIMITS, UNCACHED] {
        for target in [
            Target::Token(value("t")),
            Target::Provider(name("prompt")),
            Target::All,
        ] {
            let (bench, [prompt, slow]) = side_by_side(limits, ["prompt", "slow"]);
            prompt.script("t", good());
            slow.hold();
            let mut explaining = Box::pin(explain(&bench, "t"));
            waits_for(&mut explaining, &slow, 1).await;
            prompt.script("t", Introspection::Inactive);
            bench.resolver.purge(&Selector::new(target));
            slow.release();
            let explanation = explaining.await;
            let shown = |place: usize| {
                explanation.accounts[place]
                    .answer
                    .clone()
                    .unwrap()
                    .outcome
                    .unwrap()
            };
            assert!(shown(0).active(at(0)).is_none(), "{explanation:#?}");
            assert!(explanation.outcome.unwrap().active(at(0)).is_none());
            assert_eq!(prompt.questions(), 2, "asked again");
        }
    }
}

#[tokio::test]
async fn later_answer_of_the_cache_takes_the_place_of_one_that_is_purged() {
    let (bench, [prompt, slow]) = side_by_side(LIMITS, ["prompt", "slow"]);
    prompt.script("t", good());
    slow.hold();
    let mut explaining = Box::pin(explain(&bench, "t"));
    waits_for(&mut explaining, &slow, 1).await;
    prompt.script("t", Introspection::Inactive);
    bench
        .resolver
        .purge(&Selector::new(Target::Provider(name("prompt"))));
    bench.ask_only("t", "prompt").await;
    slow.release();
    assert!(explaining.await.outcome.unwrap().active(at(0)).is_none());
    assert_eq!(prompt.questions(), 2);
}

#[tokio::test]
async fn purge_of_another_token_leaves_an_answer_as_it_is() {
    let (bench, [prompt, slow]) = side_by_side(LIMITS, ["prompt", "slow"]);
    prompt.script("t", good());
    slow.hold();
    let mut explaining = Box::pin(explain(&bench, "t"));
    waits_for(&mut explaining, &slow, 1).await;
    bench
        .resolver
        .purge(&Selector::new(Target::Token(value("t2"))));
    slow.release();
    let explanation = explaining.await;
    assert_eq!(source(&explanation.accounts[0]), Source::Miss);
    assert!(explanation.outcome.unwrap().active(at(0)).is_some());
    assert_eq!(prompt.questions(), 1);
}

#[tokio::test]
async fn answer_that_is_purged_twice_is_a_failure() {
    let (bench, [first, second, slow]) = side_by_side(LIMITS, ["first", "second", "slow"]);
    first.script("t", good());
    let purge = |provider| {
        bench
            .resolver
            .purge(&Selector::new(Target::Provider(name(provider))))
    };
    slow.hold();
    let mut explaining = Box::pin(explain(&bench, "t"));
    waits_for(&mut explaining, &slow, 1).await;
    purge("first");
    purge("second");
    second.hold();
    slow.release();
    waits_for(&mut explaining, &second, 2).await;
    purge("first");
    second.release();
    let explanation = explaining.await;
    let answer = explanation.accounts[0].answer.clone().unwrap();
    let purged = Failure::outage(Outage::Purged);
    assert_eq!(
        (answer.outcome, answer.failure),
        (Err(purged.clone()), Some(purged.clone()))
    );
    assert_eq!(explanation.outcome, Err(purged));
}
