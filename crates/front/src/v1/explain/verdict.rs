use http::StatusCode;
use introspectd_service::operation::{Lacks, Verdict};
use introspectd_service::refusal::{Inactive, Refusal};
use serde::Serialize;

use super::words::describe;
use crate::forward_auth::refused_status;

/// Verdict of a policy, as `/forward-auth` would answer.
#[derive(Serialize)]
pub(super) struct PolicyVerdict<'a> {
    name: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// Reason why the token is invalid, if `decision` does not give it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<Missing<'a>>,
}

/// Requirements of the policy that the token does not meet.
#[derive(Serialize)]
struct Missing<'a> {
    /// Scopes that must all be present.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scope: &'a [String],
    /// Roles of which one must be present.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    role: &'a [String],
    /// Audiences of which one must be present.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aud: &'a [String],
    /// True if the policy accepts no token of the provider that vouches for this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    provider: bool,
}

impl<'a> PolicyVerdict<'a> {
    pub(super) fn new(verdict: &'a Verdict) -> Self {
        let Verdict {
            policy,
            unavailable,
            refusal,
            lacks,
        } = verdict;
        let status = match refusal {
            Some(refusal) => refused_status(refusal, *unavailable),
            None => StatusCode::OK,
        };
        let why = refusal.as_ref().and_then(apart_from_activity);
        let (reason, description) = why.map(|why| (why.as_str(), describe(why))).unzip();
        Self {
            name: policy,
            status: status.as_u16(),
            error: refusal.as_ref().map(Refusal::code),
            reason,
            description,
            lacks: lacks.as_ref().map(Missing::from),
        }
    }
}

/// Returns the reason that the `decision` does not give, which says only whether the token is
/// active.
fn apart_from_activity(refusal: &Refusal) -> Option<Inactive> {
    refusal
        .inactive()
        .filter(|why| *why == Inactive::Malformed || why.is_of_active())
}

impl<'a> From<&'a Lacks> for Missing<'a> {
    fn from(lacks: &'a Lacks) -> Self {
        let Lacks {
            scope,
            role,
            aud,
            provider,
        } = lacks;
        Self {
            scope,
            role,
            aud,
            provider: *provider,
        }
    }
}
