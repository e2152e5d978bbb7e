use std::borrow::Cow;

use introspectd_core::{Failure, NotBearer, Outage};
use introspectd_service::operation::Explained;
use introspectd_service::refusal::Inactive;

/// Describes for operators why a token is inactive, by the objection to it if a provider has one.
pub(super) fn describe_inactive(why: Inactive, explained: &Explained<'_>) -> Cow<'static, str> {
    match (why, explained.objection()) {
        (Inactive::NotKnown | Inactive::Unknown, Some(objection)) => {
            format!("Judged here, it is refused: {objection}.").into()
        }
        _ => describe(why).into(),
    }
}

/// Describes for operators why a token is inactive.
pub(super) fn describe(why: Inactive) -> &'static str {
    match why {
        Inactive::Malformed => "No header can carry it.",
        Inactive::NoProvider => {
            "It belongs to no provider that you may ask: no `match` names one, or the request \
                names another."
        }
        Inactive::NotKnown => {
            "Its provider has no such token, or says no more than that it is not active; or it \
                needs a binding and has none, or holds what no URL of the provider's can carry."
        }
        Inactive::Expired => "Its time is over, by this machine's clock or by the provider's word.",
        Inactive::Revoked => {
            "Its provider calls it revoked, or it was revoked by way of this server, whatever its \
                provider shows."
        }
        Inactive::NotYetValid => "Its time has not come by this machine's clock.",
        Inactive::Unknown => "Its provider gives it a status that is not good.",
        Inactive::NotBearer(NotBearer::OtherUse) => {
            "A member of its provider's answer (token_use, token_usage, typ, purpose or \
                tokenName) names another use than that of an access token."
        }
        Inactive::NotBearer(NotBearer::OtherScheme) => {
            "Its provider's answer has a token_type other than Bearer."
        }
        Inactive::NotBearer(NotBearer::Unproved) => {
            "Its provider's answer binds it to a key (cnf), and the request has no proof of it."
        }
        Inactive::NotBound => {
            "It is bound to no key (cnf), and the policy or a DPoP proof needs that."
        }
        Inactive::NoCertificate => {
            "Its provider's answer binds it to a client certificate (cnf), and none is shown."
        }
        Inactive::OtherKey => "It is bound to another key or certificate than that of its client.",
        Inactive::UnknownConfirmation => {
            "Its provider's answer binds it to a key (cnf) by a method that is not known here."
        }
    }
}

/// Returns why a provider was spared a request, if it was.
pub(super) fn unasked(failure: &Failure) -> Option<&'static str> {
    match failure {
        Failure::QueueTimeout => Some("overloaded"),
        Failure::Unavailable { outage, .. } => match outage {
            Outage::Overloaded => Some("overloaded"),
            Outage::BreakerOpen => Some("breaker_open"),
            Outage::Throttled => Some("throttled"),
            Outage::NoMetadata => Some("no_metadata"),
            Outage::Unreachable(_)
            | Outage::Closed
            | Outage::Status(_)
            | Outage::KeysMissing
            | Outage::Purged
            | Outage::Abandoned
            | Outage::Bindings(_)
            | Outage::NotSaved
            | Outage::NotShared => None,
        },
        Failure::Timeout
        | Failure::ConnectTimeout
        | Failure::ProxyTimeout
        | Failure::BadAnswer(_)
        | Failure::Unsupported => None,
    }
}
