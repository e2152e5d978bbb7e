//! Decisions for proxies: the client's token, the identity headers, and refusals.

mod bearer;
mod certificate;
mod challenge;
mod evidence;
mod identity;
mod keeping;
mod resource;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use introspectd_core::Members;
use introspectd_server::X_INTROSPECTD_ERROR;
use introspectd_service::refusal::{InvalidRequest, Refusal, RequestFault};
use introspectd_service::{DEFAULT_POLICY, KeptBy, Policy, Unavailable, operation};

use crate::language::Language;
use crate::problem;
use crate::reply::{self, Reply};

pub(crate) use bearer::presented_token;
pub(crate) use evidence::ClientEvidence;
pub use evidence::Described;

/// Reason why a proxy's message about its client's request could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadMessage {
    /// Message over the limit.
    TooLarge,
    /// Head over the limit of the request that brings the message.
    HeadTooLong,
    /// Message that did not arrive within the deadline.
    TooSlow,
    /// Anything but one message of the protocol, or a compressed one.
    Malformed,
}

impl From<BadMessage> for Refusal {
    fn from(bad: BadMessage) -> Self {
        match bad {
            BadMessage::TooLarge => RequestFault::TooLarge.into(),
            BadMessage::HeadTooLong => RequestFault::HeadTooLong.into(),
            BadMessage::TooSlow => RequestFault::TooSlow.into(),
            BadMessage::Malformed => InvalidRequest::Unreadable.into(),
        }
    }
}

/// Request of a proxy's client that may pass.
pub struct Allowed {
    allowed: operation::Allowed,
    identity: [HeaderValue; 8],
    kept_by: KeptBy,
}

impl Allowed {
    pub(crate) fn new(allowed: operation::Allowed, kept_by: KeptBy) -> Self {
        let identity = identity::values(&allowed.answer);
        Self {
            allowed,
            identity,
            kept_by,
        }
    }

    /// Lists names and values of the headers that tell the application who its client is.
    pub fn identity(&self) -> impl Iterator<Item = (HeaderName, &HeaderValue)> {
        identity::NAMES.into_iter().zip(&self.identity)
    }

    /// Returns the members of the answer to `/introspect` about the same token.
    pub fn claims(&self) -> Option<Members> {
        self.allowed.members()
    }

    /// Returns the header that says for how many seconds the decision may be kept.
    pub fn max_age(&self) -> (HeaderName, HeaderValue) {
        let seconds = self.allowed.max_age;
        (keeping::X_INTROSPECTD_MAX_AGE, keeping::max_age(seconds))
    }

    /// Returns the nonce for the client's next proof, if it is to have another one.
    pub fn nonce(&self) -> Option<(HeaderName, HeaderValue)> {
        let nonce = HeaderValue::try_from(self.allowed.nonce.as_deref()?).ok()?;
        Some((problem::DPOP_NONCE, nonce))
    }

    /// Replies to `/forward-auth`, in the map of the request's headers.
    pub(crate) fn reply(self, reused: HeaderMap) -> Reply {
        let nonce = self.nonce();
        let mut headers = reused;
        headers.clear();
        headers.extend(nonce);
        for (name, value) in identity::NAMES.into_iter().zip(self.identity) {
            headers.insert(name, value);
        }
        headers.insert(reply::X_CACHE, reply::cache_status(self.allowed.source));
        keeping::add(&mut headers, self.allowed.max_age, self.kept_by);
        reply::empty(headers)
    }
}

/// Returns the policy that a path names: its first raw segment after `/forward-auth`, since the
/// rest may be a client's. `None` for any other path.
pub(crate) fn policy_in_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/forward-auth")?;
    match rest.strip_prefix('/') {
        Some(path) => path.split('/').next(),
        None => rest.is_empty().then_some(DEFAULT_POLICY),
    }
}

/// Replies to a client that may not pass, in its language.
pub(crate) fn refusal(refusal: &Refusal, policy: Option<&Policy>, client: &HeaderMap) -> Reply {
    let mut reply = problem::reply(refusal, Language::of(client));
    if let Some(policy) = policy {
        challenge::settle(reply.headers_mut(), refusal, policy.proof(), client);
    }
    if let Some(instead) =
        policy.and_then(|policy| instead_of(reply.status(), policy.unavailable()))
    {
        *reply.status_mut() = instead;
        if instead == StatusCode::UNAUTHORIZED {
            reply
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
    }
    if let Some(resource) = policy.and_then(Policy::resource) {
        resource::point_to_metadata(reply.headers_mut(), resource);
    }
    reply.headers_mut().insert(
        X_INTROSPECTD_ERROR,
        HeaderValue::from_static(refusal.code()),
    );
    reply
}

/// Returns the status of a refusal by a policy.
pub(crate) fn refused_status(refusal: &Refusal, unavailable: Option<Unavailable>) -> StatusCode {
    let status = problem::status(refusal);
    instead_of(status, unavailable).unwrap_or(status)
}

/// Returns the status that replaces a transient one, if the policy names one.
fn instead_of(status: StatusCode, unavailable: Option<Unavailable>) -> Option<StatusCode> {
    let is_transient = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    unavailable
        .filter(|_| is_transient)
        .map(|unavailable| match unavailable {
            Unavailable::Unauthorized => StatusCode::UNAUTHORIZED,
            Unavailable::Forbidden => StatusCode::FORBIDDEN,
            Unavailable::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_service::{Policies, Requirements};

    #[test]
    fn only_the_first_raw_segment_names_a_policy() {
        let policies = Policies::new([("orders".to_owned(), Policy::new(Requirements::default()))]);
        let found = |path| {
            policy_in_path(path)
                .and_then(|name| policies.named(name))
                .map(|(name, _)| name)
        };
        for (path, expected) in [
            ("/forward-auth", Some("default")),
            ("/forward-auth/default", Some("default")),
            ("/forward-auth/orders", Some("orders")),
            ("/forward-auth/orders/", Some("orders")),
            ("/forward-auth/orders/../default", Some("orders")),
            ("/forward-auth/orders//x", Some("orders")),
            ("/forward-auth/", None),
            ("/forward-auth//orders", None),
            ("/forward-auth/../forward-auth/orders", None),
            ("/forward-auth/./orders", None),
            ("/forward-auth/Orders", None),
            ("/forward-auth/orders%2f..", None),
            ("/forward-auth/%6frders", None),
            ("/forward-auth/orders;x", None),
            ("/forward-authorders", None),
            ("//forward-auth/orders", None),
            ("/x/forward-auth/orders", None),
            ("/", None),
        ] {
            assert_eq!(found(path), expected, "{path}");
        }
    }

    /// A policy that is found is a raw piece between slashes.
    #[test]
    fn any_path_names_a_policy_or_none() {
        introspectd_fuzz::check!(&[b"/forward-auth/orders/x?y"], |bytes: &[u8]| {
            let path = String::from_utf8_lossy(bytes);
            if let Some(policy) = policy_in_path(&path) {
                assert!(policy == DEFAULT_POLICY || path.split('/').any(|piece| piece == policy));
            }
        });
    }
}
