//! Any callers and requests: a hit answers as a miss would.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{
    BadAnswer, Clock, Expiry, Failure, Introspection, ManualClock, ProviderName, Status, Token,
};
use introspectd_resolver::{CacheLimits, CacheTimes, Unmatched};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use crate::harness::{Answer, Bench, LIMITS, Seen, UNCACHED, at, name, value};
use crate::routes::{Deployment, PROVIDERS, all_unmatched, owners, tokens};

#[derive(Debug, Clone)]
enum Step {
    Ask(Request),
    /// All time passes.
    Pass(u32),
    /// The wall clock is set, to so many seconds after the start.
    Set(i64),
}

#[derive(Debug, Clone)]
struct Request {
    caller: usize,
    token: usize,
    only: Option<&'static str>,
}

/// Configuration, which stays the same for all requests.
#[derive(Debug, Clone)]
struct World {
    unmatched: Unmatched,
    /// The providers that each of two callers may ask.
    callers: [BTreeSet<&'static str>; 2],
    /// Answer of each provider about each token.
    answers: Vec<Vec<Answer>>,
}

/// An outcome without where it came from.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Active,
    Inactive,
    Failed,
}

impl World {
    fn deploy(&self, limits: CacheLimits, clock: &Arc<ManualClock>) -> Deployment {
        let deployment = Deployment::new(&self.unmatched, limits, clock);
        for (provider, answers) in PROVIDERS.iter().zip(&self.answers) {
            for ((token, _), answer) in tokens().iter().zip(answers) {
                deployment.fakes[provider].script(token, answer.clone());
            }
        }
        deployment
    }

    async fn verdict(&self, deployment: &Deployment, request: &Request) -> Verdict {
        let permitted = &self.callers[request.caller];
        let (token, named) = &tokens()[request.token];
        let may_ask = |provider: &str| permitted.contains(provider);
        let seen = deployment.bench.ask_as(token, request.only, may_ask).await;
        match seen {
            Seen::Active(provider, _) => {
                let provider = provider.as_str();
                assert!(
                    permitted.contains(provider),
                    "of a provider that the caller may not ask"
                );
                assert!(
                    request.only.is_none_or(|only| only == provider),
                    "of another than was named"
                );
                let is_owner = owners(*named, &self.unmatched).contains(provider);
                assert!(
                    is_owner || (provider == "bare" && request.only.is_some()),
                    "of another's provider"
                );
                Verdict::Active
            }
            Seen::Inactive(_) => Verdict::Inactive,
            Seen::Fails(_) => Verdict::Failed,
        }
    }

    /// Verdict of [`World::verdict`], by its explanation.
    async fn explained(&self, deployment: &Deployment, request: &Request) -> Verdict {
        let permitted = &self.callers[request.caller];
        let (token, _) = &tokens()[request.token];
        let only = request.only.map(name);
        let may_ask = |provider: &ProviderName| permitted.contains(provider.as_str());
        let Bench { resolver, clock } = &deployment.bench;
        let explanation = resolver.explain(value(token), only.as_ref(), may_ask).await;
        let mut told = explanation
            .accounts
            .iter()
            .map(|account| account.provider.as_str());
        assert!(told.all(|provider| permitted.contains(provider)));
        match explanation.outcome {
            Ok(resolution) if resolution.active(clock.now()).is_some() => Verdict::Active,
            Ok(_) => Verdict::Inactive,
            Err(_) => Verdict::Failed,
        }
    }

    /// No provider was shown a token that is not routed to it.
    fn check_shown(&self, deployment: &Deployment) {
        let anyone: BTreeSet<_> = self.callers.iter().flatten().copied().collect();
        for (token, named) in tokens() {
            let mut allowed = owners(named, &self.unmatched);
            allowed.insert("bare");
            let allowed = allowed.intersection(&anyone).copied().collect();
            assert!(deployment.shown(&token).is_subset(&allowed), "{token:?}");
        }
    }
}

fn answer() -> impl Strategy<Value = Answer> {
    let record =
        (prop::option::of(-20i64..400), prop::option::of(-20i64..300)).prop_map(|(end, start)| {
            let expiry = end.map_or(Expiry::Never, |end| Expiry::At(at(end)));
            Token {
                nbf: start.map(at),
                ..Token::new(Status::Good, expiry)
            }
        });
    prop_oneof![
        4 => record.prop_map(Answer::from),
        1 => Just(Token::new(Status::Revoked, Expiry::Never).into()),
        2 => Just(Introspection::Inactive.into()),
        1 => Just(Failure::Timeout.into()),
        1 => Just(Failure::from(BadAnswer::OtherToken).into()),
    ]
}

fn world() -> impl Strategy<Value = World> {
    let caller =
        || subsequence(PROVIDERS.to_vec(), 0..=PROVIDERS.len()).prop_map(BTreeSet::from_iter);
    let answers = prop::collection::vec(
        prop::collection::vec(answer(), tokens().len()),
        PROVIDERS.len(),
    );
    (any::<Index>(), [caller(), caller()], answers).prop_map(|(unmatched, callers, answers)| {
        World {
            unmatched: unmatched.get(&all_unmatched()).clone(),
            callers,
            answers,
        }
    })
}

/// Few tokens and small steps, so that most sequences come back to what is cached.
fn request() -> impl Strategy<Value = Request> {
    let only =
        prop_oneof![3 => Just(None), 1 => prop::sample::select(PROVIDERS.to_vec()).prop_map(Some)];
    let token = prop_oneof![1 => 0..tokens().len(), 2 => prop::sample::select(vec![0, 8, 10, 16])];
    (0..2usize, token, only).prop_map(|(caller, token, only)| Request {
        caller,
        token,
        only,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => request().prop_map(Step::Ask),
        2 => (0u32..120).prop_map(Step::Pass),
        1 => (-50i64..500).prop_map(Step::Set),
    ]
}

fn limits() -> impl Strategy<Value = CacheLimits> {
    let seconds = || prop::sample::select(vec![0u64, 100, 1000]).prop_map(Duration::from_secs);
    let max_bytes = prop::sample::select(vec![0, 20_000, LIMITS.max_bytes]);
    (max_bytes, seconds(), seconds(), seconds()).prop_map(
        |(max_bytes, ttl, inactive_ttl, stale_if_error)| CacheLimits {
            max_bytes,
            times: CacheTimes {
                ttl,
                inactive_ttl,
                stale_if_error,
                without_end: None,
            },
        },
    )
}

/// Lets questions that nobody waits for any more come to their end: the stand-ins answer at once.
async fn landed() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future);
}

proptest! {
    #[test]
    fn a_hit_answers_as_a_miss_would(
        world in world(),
        limits in limits(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        block_on(async {
            let clock = Arc::new(ManualClock::at(at(0)));
            let cached = world.deploy(limits, &clock);
            let uncached = world.deploy(UNCACHED, &clock);
            for step in steps {
                match step {
                    Step::Ask(request) => assert_eq!(
                        world.verdict(&cached, &request).await,
                        world.verdict(&uncached, &request).await,
                        "{request:?}"
                    ),
                    Step::Pass(seconds) => clock.advance(seconds),
                    Step::Set(seconds) => clock.set(at(seconds)),
                }
            }
            world.check_shown(&cached);
            world.check_shown(&uncached);
        });
    }

    #[test]
    fn explanation_agrees_with_the_answer(
        world in world(),
        limits in limits(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        block_on(async {
            let clock = Arc::new(ManualClock::at(at(0)));
            let answering = world.deploy(limits, &clock);
            let explaining = world.deploy(limits, &clock);
            for step in steps {
                match step {
                    Step::Ask(request) => {
                        let answer = world.verdict(&answering, &request).await;
                        let explained = world.explained(&explaining, &request).await;
                        assert_eq!(explained, answer, "{request:?}");
                    }
                    Step::Pass(seconds) => clock.advance(seconds),
                    Step::Set(seconds) => clock.set(at(seconds)),
                }
            }
            world.check_shown(&explaining);
        });
    }

    /// While no time passes and there is room for all facts. Else chance decides what two caches
    /// keep, and so whether somebody is known to call a token active, which spares the others the
    /// question.
    #[test]
    fn explanation_asks_the_same_providers_as_the_answer(
        world in world(),
        requests in prop::collection::vec(request(), 1..40),
    ) {
        block_on(async {
            let clock = Arc::new(ManualClock::at(at(0)));
            let answering = world.deploy(LIMITS, &clock);
            let explaining = world.deploy(LIMITS, &clock);
            for request in requests {
                world.verdict(&answering, &request).await;
                // One active answer settles it while other questions are under way. What they find
                // decides who is asked next.
                landed().await;
                world.explained(&explaining, &request).await;
            }
            for (token, _) in tokens() {
                assert_eq!(explaining.shown(&token), answering.shown(&token), "{token:?}");
            }
        });
    }

    #[test]
    fn order_of_callers_changes_no_answer(
        world in world(),
        limits in limits(),
        requests in prop::collection::vec(request(), 1..30).prop_flat_map(|requests| {
            let order: Vec<_> = (0..requests.len()).collect();
            (Just(requests), Just(order).prop_shuffle())
        }),
    ) {
        block_on(async {
            let (requests, order) = requests;
            let clock = Arc::new(ManualClock::at(at(0)));
            let (one, other) = (world.deploy(limits, &clock), world.deploy(limits, &clock));
            let mut verdicts = Vec::new();
            for request in &requests {
                verdicts.push(world.verdict(&one, request).await);
            }
            for place in order {
                assert_eq!(world.verdict(&other, &requests[place]).await, verdicts[place]);
            }
        });
    }
}
