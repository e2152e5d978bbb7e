//! A token is shown to the providers that it belongs to, and to nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use introspectd_core::ManualClock;
use introspectd_resolver::{CacheLimits, Match, Source, Unmatched};

use crate::harness::{
    Bench, Fake, LIMITS, Question, Seen, active_by, at, good, jwt_of, name, prefix, regex, upstream,
};

/// One provider of each kind of match, two of each where they compete.
pub(crate) struct Deployment {
    pub(crate) bench: Bench,
    pub(crate) fakes: BTreeMap<&'static str, Arc<Fake>>,
}

pub(crate) const PROVIDERS: [&str; 7] =
    ["short", "long", "hex", "digits", "sso", "other-sso", "bare"];

impl Deployment {
    pub(crate) fn new(
        unmatched: &Unmatched,
        limits: CacheLimits,
        clock: &Arc<ManualClock>,
    ) -> Self {
        let fakes: BTreeMap<_, _> = PROVIDERS.map(|called| (called, Fake::new())).into();
        let upstreams = PROVIDERS.map(|called| upstream(called, &fakes[called], matching(called)));
        let bench = Bench::with_clock(upstreams.into(), unmatched, limits, clock);
        Self { bench, fakes }
    }

    pub(crate) fn fresh(unmatched: &Unmatched) -> Self {
        Self::new(unmatched, LIMITS, &Arc::new(ManualClock::at(at(0))))
    }

    /// Names of the providers that were shown this token.
    pub(crate) fn shown(&self, token: &str) -> BTreeSet<&'static str> {
        let question = Question::Token(token.to_owned());
        let was_shown = |fake: &Fake| fake.asked().contains(&question);
        self.fakes
            .iter()
            .filter(|(_, fake)| was_shown(fake))
            .map(|(called, _)| *called)
            .collect()
    }
}

fn matching(called: &str) -> Option<Match> {
    match called {
        "short" => Some(prefix("T1")),
        "long" => Some(prefix("T1am")),
        "hex" => Some(regex("^[0-9a-f]{4}$")),
        "digits" => Some(regex("^[0-9]+$")),
        "sso" => Some(Match::JwtIssuer("https://sso.example".to_owned())),
        "other-sso" => Some(Match::JwtIssuer("https://other.example".to_owned())),
        _ => None,
    }
}

/// Tokens, and whose each is; `None` where no `match` names it.
pub(crate) fn tokens() -> Vec<(String, Option<&'static [&'static str]>)> {
    vec![
        ("T1".to_owned(), Some(&["short"])),
        ("T1a-x".to_owned(), Some(&["short"])),
        ("T1am".to_owned(), Some(&["long"])),
        ("T1am-x".to_owned(), Some(&["long"])),
        ("t1am-x".to_owned(), None),
        (" T1".to_owned(), None),
        ("beef".to_owned(), Some(&["hex"])),
        ("12345".to_owned(), Some(&["digits"])),
        ("1234".to_owned(), Some(&["digits", "hex"])),
        ("1234\n".to_owned(), None),
        (jwt_of("https://sso.example"), Some(&["sso"])),
        (jwt_of("https://other.example"), Some(&["other-sso"])),
        (jwt_of("https://sso.example/"), None),
        (format!("{}.d.e", jwt_of("https://sso.example")), None),
        // An issuer is believed before a prefix is.
        (
            jwt_of("https://sso.example").replacen("ey", "T1", 1),
            Some(&["sso"]),
        ),
        (
            jwt_of("https://no.example").replacen("ey", "T1", 1),
            Some(&["short"]),
        ),
        ("opaque".to_owned(), None),
    ]
}

/// Routes of tokens, with unmatched ones routed as configured.
pub(crate) fn owners(
    token: Option<&'static [&'static str]>,
    unmatched: &Unmatched,
) -> BTreeSet<&'static str> {
    match (token, unmatched) {
        (Some(named), _) => named.iter().copied().collect(),
        (None, Unmatched::Reject) => BTreeSet::new(),
        (None, Unmatched::AskAll) => PROVIDERS.into(),
        (None, Unmatched::Provider(name)) => PROVIDERS
            .into_iter()
            .filter(|called| *called == name.as_str())
            .collect(),
    }
}

pub(crate) fn all_unmatched() -> [Unmatched; 4] {
    [
        Unmatched::Reject,
        Unmatched::AskAll,
        Unmatched::Provider(name("bare")),
        Unmatched::Provider(name("hex")),
    ]
}

#[tokio::test]
async fn a_token_is_shown_to_its_own_providers_and_to_no_other() {
    for unmatched in all_unmatched() {
        for (token, named) in tokens() {
            let deployment = Deployment::fresh(&unmatched);
            assert_eq!(
                deployment.bench.ask(&token).await,
                Seen::Inactive(Source::Miss)
            );
            assert_eq!(
                deployment.shown(&token),
                owners(named, &unmatched),
                "{token:?}, {unmatched:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_name_narrows_and_never_widens() {
    for unmatched in all_unmatched() {
        for (token, named) in tokens() {
            let owners = owners(named, &unmatched);
            for only in PROVIDERS {
                let deployment = Deployment::fresh(&unmatched);
                for fake in deployment.fakes.values() {
                    fake.script(&token, good());
                }
                // A provider without a match takes what is said to be its own.
                let expected: BTreeSet<_> = [only]
                    .into_iter()
                    .filter(|only| owners.contains(only) || *only == "bare")
                    .collect();
                let seen = deployment.bench.ask_only(&token, only).await;
                assert_eq!(
                    deployment.shown(&token),
                    expected,
                    "{token:?}, {unmatched:?}, only {only}"
                );
                let expected_seen = match expected.first() {
                    Some(one) => active_by(one, Source::Miss),
                    None => Seen::Inactive(Source::Miss),
                };
                assert_eq!(seen, expected_seen);
            }
        }
    }
}

#[tokio::test]
async fn unknown_provider_name_sends_no_request() {
    let deployment = Deployment::fresh(&Unmatched::AskAll);
    assert_eq!(
        deployment.bench.ask_only("opaque", "nobody").await,
        Seen::Inactive(Source::Miss)
    );
    assert_eq!(deployment.shown("opaque"), BTreeSet::new());
    assert_eq!(deployment.bench.resolver.provider("nobody"), None);
    assert_eq!(
        deployment.bench.resolver.provider("hex"),
        Some(&name("hex"))
    );
}

#[tokio::test]
async fn a_provider_without_a_match_is_asked_only_by_name() {
    let deployment = Deployment::fresh(&Unmatched::Reject);
    deployment.fakes["bare"].script("opaque", good());
    assert_eq!(
        deployment.bench.ask("opaque").await,
        Seen::Inactive(Source::Miss)
    );
    assert_eq!(deployment.shown("opaque"), BTreeSet::new());
    assert_eq!(
        deployment.bench.ask_only("opaque", "bare").await,
        active_by("bare", Source::Miss)
    );
    // What is now cached is still nothing to who does not name it.
    assert_eq!(
        deployment.bench.ask("opaque").await,
        Seen::Inactive(Source::Miss)
    );
}

#[tokio::test]
async fn a_provider_that_the_caller_may_not_ask_is_not_asked() {
    for unmatched in all_unmatched() {
        for (token, named) in tokens() {
            for barred in PROVIDERS {
                let deployment = Deployment::fresh(&unmatched);
                for fake in deployment.fakes.values() {
                    fake.script(&token, good());
                }
                let may_ask = |called: &str| called != barred;
                deployment.bench.ask_as(&token, None, may_ask).await;
                let seen = deployment.bench.ask_as(&token, Some(barred), may_ask).await;
                assert_eq!(seen, Seen::Inactive(Source::Miss));
                let mut allowed = owners(named, &unmatched);
                allowed.remove(barred);
                assert!(
                    deployment.shown(&token).is_subset(&allowed),
                    "{token:?}, {unmatched:?}"
                );
                assert_eq!(deployment.fakes[barred].questions(), 0);
            }
        }
    }
}

#[tokio::test]
async fn cached_fact_is_hidden_from_callers_without_the_provider() {
    let deployment = Deployment::fresh(&Unmatched::Reject);
    deployment.fakes["hex"].script("beef", good());
    assert_eq!(
        deployment.bench.ask("beef").await,
        active_by("hex", Source::Miss)
    );
    assert_eq!(
        deployment.bench.ask("beef").await,
        active_by("hex", Source::Hit)
    );
    let barred = |called: &str| called != "hex";
    assert_eq!(
        deployment.bench.ask_as("beef", None, barred).await,
        Seen::Inactive(Source::Miss)
    );
    assert_eq!(
        deployment.bench.ask_as("beef", Some("hex"), barred).await,
        Seen::Inactive(Source::Miss)
    );
}

#[tokio::test]
async fn of_an_ambiguous_token_only_the_permitted_providers_are_asked() {
    let deployment = Deployment::fresh(&Unmatched::Reject);
    deployment.fakes["hex"].script("1234", good());
    let no_hex = |called: &str| called != "hex";
    assert_eq!(
        deployment.bench.ask_as("1234", None, no_hex).await,
        Seen::Inactive(Source::Miss)
    );
    assert_eq!(deployment.shown("1234"), ["digits"].into());
    let no_digits = |called: &str| called != "digits";
    assert_eq!(
        deployment.bench.ask_as("1234", None, no_digits).await,
        active_by("hex", Source::Miss)
    );
    assert_eq!(deployment.fakes["digits"].questions(), 1);
    assert_eq!(
        deployment.bench.ask_as("1234", None, |_| false).await,
        Seen::Inactive(Source::Miss)
    );
}
