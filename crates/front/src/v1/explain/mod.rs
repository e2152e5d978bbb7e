//! `POST /v1/explain`: why `/introspect` answers what it does, and `/forward-auth` by a policy.

mod verdict;
mod words;

use std::borrow::Cow;

use http::StatusCode;
use introspectd_core::{Status, Timestamp};
use introspectd_service::operation::{self, Explained, Subject};
use introspectd_service::refusal::failure_code;
use introspectd_service::{
    Account, Answer, Fact, Fingerprint, Held, KeptAnswer, NotAsked, Resolution, Rule, Source,
};
use serde::Serialize;

use crate::call::{Answering, Call};
use crate::form;
use crate::reply;
use verdict::PolicyVerdict;
use words::{describe_inactive, unasked};

/// Explains an answer.
pub(crate) fn explain(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let query = form::token_query(&call.body)?;
        let policy = form::value_of(&call.body, "policy");
        let space = match &query.subject {
            Subject::Token(token) => stray_space(token.expose()),
            Subject::Id(id) => stray_space(id.as_str()),
        };
        let (service, policy) = (call.service, policy.as_deref());
        let explained =
            operation::explain(service, call.caller, query, policy, call.details).await?;
        Ok(reply::json(StatusCode::OK, &Body::new(&explained, space)))
    })
}

/// Names white space at an end of the token, which a shell or an editor put there.
fn stray_space(sent: &str) -> Option<&'static str> {
    if sent.ends_with(['\r', '\n']) {
        Some("What was sent ends in a line break. Send it without.")
    } else if sent.trim() != sent {
        Some("What was sent has white space at an end. Send it without.")
    } else {
        None
    }
}

/// Body of the reply, never with the token itself. An unknown member is absent.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<&'a str>,
    route: Route<'a>,
    providers: Vec<Provider<'a>>,
    decision: Decision<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyVerdict<'a>>,
}

#[derive(Serialize)]
struct Route<'a> {
    /// `jwt_issuer`, `prefix`, `regex`, `unmatched`, `provider` (the request names it), or `none`.
    rule: &'static str,
    /// Issuer or prefix.
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
    /// `active` or `inactive`, as it was when it was stored.
    pool: &'static str,
    age_seconds: u64,
    /// Remaining time of use without a request.
    reuse_seconds: u64,
    /// Remaining time of standing in for a provider that fails.
    stand_in_seconds: u64,
}

/// Provider's answer, of now or of when the cached fact was fetched.
#[derive(Serialize, Default)]
struct Upstream {
    /// `now`, `shared` (with another request, which had asked), or `no`.
    asked: &'static str,
    /// Reason why it was not: `cached`, `settled` by another provider, `revoked` by way of this
    /// server, `unable`, `overloaded`, `breaker_open`, or `throttled` (by its `Retry-After`).
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<u128>,
    /// `good`, `revoked`, `revoked_here`, `expired`, `unknown`, or `inactive` where it has no such
    /// token or says no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// Objection to the token where it is judged here (`kind = "jwt"`). Words of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
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
    /// Words of ours, without any of the provider's.
    reason: String,
}

/// Answer of `/introspect`: `active`, or else `error`.
#[derive(Serialize)]
struct Decision<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// Provider that vouches for the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    /// Reason in a word.
    reason: &'static str,
    description: Cow<'static, str>,
}

impl<'a> Body<'a> {
    fn new(explained: &'a Explained<'a>, stray_space: Option<&'static str>) -> Self {
        let accounts = &explained.explanation.accounts;
        let mut decision = Decision::new(explained);
        if let Some(space) = stray_space.filter(|_| decision.active != Some(true)) {
            decision.description = format!("{space} {}", decision.description).into();
        }
        Self {
            fingerprint: explained.fingerprint,
            token_id: explained.token_id.as_ref().map(|id| id.as_str()),
            route: Route::new(explained),
            providers: accounts
                .iter()
                .map(|account| Provider::new(account, explained.now))
                .collect(),
            decision,
            policy: explained.verdict.as_ref().map(PolicyVerdict::new),
        }
    }
}

impl<'a> Route<'a> {
    fn new(explained: &'a Explained<'a>) -> Self {
        let (rule, value) = match &explained.explanation.rule {
            Some(Rule::JwtIssuer(issuer)) => ("jwt_issuer", Some(*issuer)),
            Some(Rule::Prefix(prefix)) => ("prefix", Some(*prefix)),
            Some(Rule::Regex) => ("regex", None),
            Some(Rule::Unmatched) => ("unmatched", None),
            Some(Rule::Named) => ("provider", None),
            None => ("none", None),
        };
        let accounts = &explained.explanation.accounts;
        let providers = accounts
            .iter()
            .map(|account| account.provider.as_str())
            .collect();
        Self {
            rule,
            value,
            providers,
        }
    }
}

impl<'a> Provider<'a> {
    fn new(account: &'a Account<'_, KeptAnswer>, now: Timestamp) -> Self {
        let Account {
            provider,
            held,
            answer,
        } = account;
        let upstream = match answer {
            Ok(answer) => Upstream::new(answer, now),
            Err(NotAsked::Unable) => Upstream::not_asked("unable"),
            Err(NotAsked::Settled) => Upstream::not_asked("settled"),
        };
        Self {
            provider: provider.as_str(),
            cache: Cache::new(*held),
            upstream,
        }
    }
}

impl Cache {
    fn new(held: Option<Held>) -> Self {
        let status = match held {
            None => "miss",
            Some(Held { fresh_for, .. }) if fresh_for.is_zero() => "stale",
            Some(_) => "hit",
        };
        let entry = held.map(
            |Held {
                 age,
                 fresh_for,
                 kept_for,
                 among_active,
             }| Entry {
                tier: "memory",
                pool: if among_active { "active" } else { "inactive" },
                age_seconds: age.as_secs(),
                reuse_seconds: fresh_for.as_secs(),
                stand_in_seconds: kept_for.as_secs(),
            },
        );
        Self { status, entry }
    }
}

impl Upstream {
    fn not_asked(because: &'static str) -> Self {
        Self {
            asked: "no",
            because: Some(because),
            ..Self::default()
        }
    }

    fn new(answer: &Answer<'_, KeptAnswer>, now: Timestamp) -> Self {
        let Answer {
            outcome,
            failure,
            took,
            is_remembered,
            objection,
        } = answer;
        let (fact, asked) = match outcome {
            Ok(Resolution { fact, .. }) if *is_remembered => (
                fact.as_ref().map(|(_, fact)| fact),
                Self::not_asked("revoked"),
            ),
            Ok(Resolution { fact, source, .. }) => {
                (fact.as_ref().map(|(_, fact)| fact), asked(*source))
            }
            Err(_) => (None, asked(Source::Miss)),
        };
        let asked = match failure.as_ref().and_then(unasked) {
            Some(because) => Self::not_asked(because),
            None => asked,
        };
        let was_asked = asked.because.is_none();
        let failure = failure.clone().map(|failure| {
            let reason = failure.to_string();
            Failed {
                error: failure_code(&failure),
                reason,
            }
        });
        let (status, record) = fact.map(|fact| said(fact, now)).unzip();
        Self {
            took_ms: was_asked.then_some(took.as_millis()),
            status,
            reason: objection.clone(),
            record: record.flatten(),
            failure,
            ..asked
        }
    }
}

fn asked(source: Source) -> Upstream {
    match source {
        Source::Hit => Upstream::not_asked("cached"),
        Source::Coalesced => Upstream {
            asked: "shared",
            ..Upstream::default()
        },
        Source::Miss | Source::Stale => Upstream {
            asked: "now",
            ..Upstream::default()
        },
    }
}

fn said(fact: &Fact<KeptAnswer>, now: Timestamp) -> (&'static str, Option<Times>) {
    let Some(record) = &fact.record else {
        return ("inactive", None);
    };
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
    let times = Times {
        state: validity.state(now).as_str(),
        exp: validity.exp().map(Timestamp::seconds),
        iat,
        nbf,
    };
    (status, Some(times))
}

impl<'a> Decision<'a> {
    fn new(explained: &'a Explained<'a>) -> Self {
        let resolution = match &explained.explanation.outcome {
            Ok(resolution) => resolution,
            Err(failure) => {
                let error = failure_code(failure);
                let description = failure.to_string().into();
                return Self {
                    active: None,
                    error: Some(error),
                    provider: None,
                    reason: error,
                    description,
                };
            }
        };
        if let Some((provider, _)) = resolution.active(explained.now) {
            let description = "Its provider calls it good, and its time is now.".into();
            let (provider, reason) = (Some(provider.as_str()), "active");
            return Self {
                active: Some(true),
                error: None,
                provider,
                reason,
                description,
            };
        }
        let (reason, description) = match explained.inactive() {
            _ if explained.spells_an_id => (
                "token_id",
                "It has the form of its provider's token ids, which are no credentials.".into(),
            ),
            None => (
                "not_by_token",
                "Its provider cannot be asked about a token, only about a token id: \
                    token_type_hint=token_id."
                    .into(),
            ),
            Some(why) => (why.as_str(), describe_inactive(why, explained)),
        };
        Self {
            active: Some(false),
            error: None,
            provider: None,
            reason,
            description,
        }
    }
}
