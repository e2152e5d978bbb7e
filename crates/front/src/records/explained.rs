//! The answer of `POST /v1/explain`.

use std::borrow::Cow;

use introspectd_audit::Fingerprint;
use introspectd_core::{Failure, NotBearer, Outage, Status, Timestamp};
use introspectd_resolver::{Account, Answer, Explanation, Fact, Held, NotAsked, Resolution, Rule, Source};
use serde::Serialize;

use super::judged::Judged;
use crate::problem::Problem;
use introspectd_service::KeptAnswer;
use introspectd_service::refusal::Inactive;

/// Never with the token itself. What is unknown is absent.
#[derive(Serialize)]
pub(super) struct Explained<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fingerprint: Option<Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_id: Option<&'a str>,
    route: Route<'a>,
    providers: Vec<Provider<'a>>,
    decision: Decision<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policy: Option<Judged<'a>>,
}

#[derive(Serialize)]
struct Route<'a> {
    /// `jwt_issuer`, `prefix`, `regex`, `unmatched`, `provider` (the request names it), or `none`.
    rule: &'static str,
    /// The issuer or prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    providers: Vec<&'a str>,
}

#[derive(Serialize)]
struct Provider<'a> {
    provider: &'a str,
    cache: Cache,
    upstream: Upstream,
}

#[derive(Serialize)]
struct Cache {
    /// `hit`, `stale` (to stand in only) or `miss`.
    status: &'static str,
    #[serde(flatten)]
    entry: Option<Entry>,
}

#[derive(Serialize)]
struct Entry {
    tier: &'static str,
    /// `active` or `inactive`, as it was when it was put there.
    pool: &'static str,
    age_seconds: u64,
    /// For how much longer it is used without asking.
    reuse_seconds: u64,
    /// For how much longer it may stand in for a provider that is out of order.
    stand_in_seconds: u64,
}

/// What the provider said, now or when the cache's fact was asked for.
#[derive(Serialize, Default)]
struct Upstream {
    /// `now`, `shared` (with another request, which had asked), or `no`.
    asked: &'static str,
    /// Why not: `cached`, `settled` by another provider, `revoked` by way of this server, `unable`, or `overloaded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<u128>,
    /// `good`, `revoked`, `revoked_here`, `expired`, `unknown`, or `inactive` where it has no such token or says no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(flatten)]
    record: Option<Times>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failed>,
}

#[derive(Serialize)]
struct Times {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

#[derive(Serialize)]
struct Failed {
    error: &'static str,
    /// Of ours, without a word of the provider's.
    reason: String,
}

/// What `/introspect` answers: `active`, or else `error`.
#[derive(Serialize)]
struct Decision<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// Who vouches for the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    /// In a word.
    reason: &'static str,
    description: Cow<'static, str>,
}

impl<'a> Explained<'a> {
    pub(super) fn new(explanation: &'a Explanation<'a, KeptAnswer>, now: Timestamp) -> Self {
        let Explanation { rule, accounts, outcome: _ } = explanation;
        let (rule, value) = match rule {
            Some(Rule::JwtIssuer(issuer)) => ("jwt_issuer", Some(*issuer)),
            Some(Rule::Prefix(prefix)) => ("prefix", Some(*prefix)),
            Some(Rule::Regex) => ("regex", None),
            Some(Rule::Unmatched) => ("unmatched", None),
            Some(Rule::Named) => ("provider", None),
            None => ("none", None),
        };
        let providers = accounts.iter().map(|account| account.provider.as_str()).collect();
        Self {
            fingerprint: None,
            token_id: None,
            route: Route { rule, value, providers },
            providers: accounts.iter().map(|account| Provider::new(account, now)).collect(),
            decision: Decision::new(explanation, now),
            policy: None,
        }
    }

    /// Names white space at an end of what was sent, which a shell or an editor put there, where the answer is not
    /// that it is active.
    pub(super) fn name_stray_space(&mut self, sent: &str) {
        let what = if sent.ends_with(['\r', '\n']) {
            "What was sent ends in a line break. Send it without."
        } else if sent.trim() != sent {
            "What was sent has white space at an end. Send it without."
        } else {
            return;
        };
        if self.decision.active != Some(true) {
            self.decision.description = format!("{what} {}", self.decision.description).into();
        }
    }

    /// Sets the decision on a token that is spelled as an id.
    pub(super) fn is_an_id(&mut self) {
        if self.decision.active == Some(false) {
            self.decision.reason = "token_id";
            self.decision.description =
                "It has the form of its provider's token ids, which are no credentials.".into();
        }
    }

    /// Whether some provider has a record of what was asked about.
    pub(super) fn tells_of_a_record(&self) -> bool {
        self.providers.iter().any(|it| it.upstream.record.is_some())
    }
}

impl<'a> Provider<'a> {
    fn new(account: &'a Account<'_, KeptAnswer>, now: Timestamp) -> Self {
        let Account { provider, held, answer } = account;
        let upstream = match answer {
            Ok(answer) => Upstream::new(answer, now),
            Err(NotAsked::Unable) => Upstream::not_asked("unable"),
            Err(NotAsked::Settled) => Upstream::not_asked("settled"),
        };
        Self { provider: provider.as_str(), cache: Cache::new(*held), upstream }
    }
}

impl Cache {
    fn new(held: Option<Held>) -> Self {
        let status = match held {
            None => "miss",
            Some(Held { fresh_for, .. }) if fresh_for.is_zero() => "stale",
            Some(_) => "hit",
        };
        let entry = held.map(|Held { age, fresh_for, kept_for, among_active }| Entry {
            tier: "memory",
            pool: if among_active { "active" } else { "inactive" },
            age_seconds: age.as_secs(),
            reuse_seconds: fresh_for.as_secs(),
            stand_in_seconds: kept_for.as_secs(),
        });
        Self { status, entry }
    }
}

impl Upstream {
    fn not_asked(because: &'static str) -> Self {
        Self { asked: "no", because: Some(because), ..Self::default() }
    }

    fn new(answer: &Answer<'_, KeptAnswer>, now: Timestamp) -> Self {
        let Answer { outcome, failure, took, is_remembered } = answer;
        let (fact, asked) = match outcome {
            Ok(Resolution { fact, source: _ }) if *is_remembered => {
                (fact.as_ref().map(|(_, fact)| fact), Self::not_asked("revoked"))
            }
            Ok(Resolution { fact, source }) => (fact.as_ref().map(|(_, fact)| fact), asked(*source)),
            Err(Failure::Unavailable { outage: Outage::Overloaded, .. }) => {
                (None, Self::not_asked("overloaded"))
            }
            Err(_) => (None, asked(Source::Miss)),
        };
        let was_asked = asked.because.is_none();
        let failure = failure.clone().map(|failure| {
            let reason = failure.to_string();
            Failed { error: Problem::from(failure).error(), reason }
        });
        let (status, record) = fact.map(|fact| said(fact, now)).unzip();
        Self {
            took_ms: was_asked.then_some(took.as_millis()),
            status,
            record: record.flatten(),
            failure,
            ..asked
        }
    }
}

fn asked(source: Source) -> Upstream {
    match source {
        Source::Hit => Upstream::not_asked("cached"),
        Source::Coalesced => Upstream { asked: "shared", ..Upstream::default() },
        Source::Miss | Source::Stale => Upstream { asked: "now", ..Upstream::default() },
    }
}

fn said(fact: &Fact<KeptAnswer>, now: Timestamp) -> (&'static str, Option<Times>) {
    let Some(record) = &fact.record else { return ("inactive", None) };
    let validity = &record.validity;
    let status = match validity.status {
        Status::Good => "good",
        Status::Revoked => "revoked",
        Status::RevokedHere => "revoked_here",
        Status::Expired => "expired",
        Status::Unknown | Status::Unreported => "unknown",
    };
    // `nbf` as sent: the one that is judged may be earlier by a clock skew.
    let (iat, nbf) = record.kept.times();
    let times =
        Times { state: validity.state(now).as_str(), exp: validity.exp().map(Timestamp::seconds), iat, nbf };
    (status, Some(times))
}

impl<'a> Decision<'a> {
    fn new(explanation: &'a Explanation<'a, KeptAnswer>, now: Timestamp) -> Self {
        let resolution = match &explanation.outcome {
            Ok(resolution) => resolution,
            Err(failure) => {
                let error = Problem::from(failure.clone()).error();
                let description = failure.to_string().into();
                return Self { active: None, error: Some(error), provider: None, reason: error, description };
            }
        };
        if let Some((provider, _)) = resolution.active(now) {
            let description = "Its provider calls it good, and its time is now.".into();
            let (provider, reason) = (Some(provider.as_str()), "active");
            return Self { active: Some(true), error: None, provider, reason, description };
        }
        let (reason, description) = why_not(explanation, now);
        let description = description.into();
        Self { active: Some(false), error: None, provider: None, reason, description }
    }
}

/// Of several that call it inactive, the one that says most.
fn why_not(explanation: &Explanation<'_, KeptAnswer>, now: Timestamp) -> (&'static str, &'static str) {
    let accounts = &explanation.accounts;
    if !accounts.is_empty() && accounts.iter().all(|it| matches!(it.answer, Err(NotAsked::Unable))) {
        return (
            "not_by_token",
            "Its provider cannot be asked about a token, only about a token id: token_type_hint=token_id.",
        );
    }
    let answers = accounts.iter().filter_map(|it| it.answer.as_ref().ok()?.outcome.as_ref().ok());
    let reasons = answers.map(|resolution| Inactive::of(resolution, now));
    let why = reasons.min_by_key(|why| *why == Inactive::NotKnown).unwrap_or(Inactive::NoProvider);
    (why.as_str(), describe(why))
}

pub(super) fn describe(why: Inactive) -> &'static str {
    match why {
        Inactive::Malformed => "No header can carry it.",
        Inactive::NoProvider => {
            "It belongs to no provider that you may ask: no `match` names one, or the request names another."
        }
        Inactive::NotKnown => {
            "Its provider has no such token, or says no more than that it is not active; or it needs a binding and has none, or holds what no URL of the provider's can carry."
        }
        Inactive::Expired => "Its time is over, by this machine's clock or by the provider's word.",
        Inactive::Revoked => {
            "Its provider calls it revoked, or it was revoked by way of this server, whatever its provider shows."
        }
        Inactive::NotYetValid => "Its time has not come by this machine's clock.",
        Inactive::Unknown => "Its provider gives it a status that is not good.",
        Inactive::NotBearer(NotBearer::OtherUse) => {
            "A member of its provider's answer (token_use, token_usage, typ, purpose or tokenName) names another use than that of an access token."
        }
        Inactive::NotBearer(NotBearer::OtherScheme) => {
            "Its provider's answer has a token_type other than Bearer."
        }
        Inactive::NotBearer(NotBearer::Unproved) => {
            "Its provider's answer binds it to a key (cnf), and the request has no proof of it."
        }
    }
}
