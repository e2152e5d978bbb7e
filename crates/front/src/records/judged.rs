//! The policy's part of the answer of `POST /v1/explain`.

use http::StatusCode;
use introspectd_core::Timestamp;
use introspectd_resolver::{Account, Explanation};
use serde::Serialize;

use super::explained::describe;
use crate::problem::Problem;
use introspectd_service::KeptAnswer;
use introspectd_service::Policy;
use introspectd_service::refusal::Inactive;

/// Verdict of a policy, as `/forward-auth` would answer.
#[derive(Serialize)]
pub(super) struct Judged<'a> {
    name: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// Why the token is invalid, in a word and in words, where `decision` does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<Lacks<'a>>,
}

/// Requirements of the policy that the token does not meet.
#[derive(Serialize)]
struct Lacks<'a> {
    /// All of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scope: Vec<String>,
    /// Any of these.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    role: &'a [String],
    /// Any of these.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aud: &'a [String],
    /// The policy takes no token of the provider that vouches for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    provider: bool,
}

impl<'a> Judged<'a> {
    pub(super) fn new(
        name: &'a str,
        policy: &'a Policy,
        status: StatusCode,
        problem: Option<&Problem>,
        explanation: &Explanation<'_, KeptAnswer>,
        now: Timestamp,
    ) -> Self {
        let error = problem.map(Problem::error);
        let why = problem.and_then(apart_from_activity);
        let (reason, description) = why.map(|why| (why.as_str(), describe(why))).unzip();
        let lacks = problem.and_then(|problem| Lacks::new(policy, problem, explanation, now));
        Self { name, status: status.as_u16(), error, reason, description, lacks }
    }
}

/// Returns the reason that the explanation's `decision` does not give, which says only whether the token is active.
fn apart_from_activity(problem: &Problem) -> Option<Inactive> {
    let Problem::InvalidToken(why) = problem else { return None };
    matches!(why, Inactive::Malformed | Inactive::NotBearer(_)).then_some(*why)
}

impl<'a> Lacks<'a> {
    fn new(
        policy: &'a Policy,
        problem: &Problem,
        explanation: &Explanation<'_, KeptAnswer>,
        now: Timestamp,
    ) -> Option<Self> {
        let active = |account: &Account<'_, KeptAnswer>| {
            let answer = account.answer.as_ref().ok()?;
            answer.outcome.as_ref().ok()?.active(now).map(|(_, rendered)| rendered.clone())
        };
        let mut vouching = explanation.accounts.iter().filter(|it| active(it).is_some());
        if matches!(problem, Problem::InvalidToken(_)) {
            let provider = vouching.next().is_some_and(|it| !policy.accepts(it.provider));
            return provider.then_some(Self { scope: Vec::new(), role: &[], aud: &[], provider });
        }
        let Problem::InsufficientScope { missing, .. } = problem else { return None };
        let rendered = vouching.find(|it| policy.accepts(it.provider)).and_then(active)?;
        let claims = rendered.claims()?;
        let scope = policy.missing_scopes(&claims).map(str::to_owned).collect();
        let role = if missing.role { policy.roles() } else { &[] };
        let aud = if missing.aud { policy.audiences() } else { &[] };
        Some(Self { scope, role, aud, provider: false })
    }
}
