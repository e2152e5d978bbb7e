//! Whether a proxy may let its client's request pass.

mod bearer;
mod identity;

use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use introspectd_core::{BadAnswer, Clock, Failure, Members, Timestamp, TokenValue};
use introspectd_resolver::{Resolver, Source};
use introspectd_server::X_INTROSPECTD_ERROR;
use introspectd_service::refusal::Inactive;
use introspectd_service::{Caller, DEFAULT_POLICY, KeptAnswer, Policy, Unavailable};

use crate::language::Language;
use crate::problem::{InvalidRequest, Problem};
use crate::reply::{self, Reply};

/// Reason why a proxy's message about its client's request could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadMessage {
    /// It is over the limit.
    TooLarge,
    /// The head of the request that brings it is over the limit.
    HeadTooLong,
    /// It did not arrive within the deadline.
    TooSlow,
    /// It is not one message of the protocol, or compressed.
    Malformed,
}

impl From<BadMessage> for Problem {
    fn from(bad: BadMessage) -> Self {
        match bad {
            BadMessage::TooLarge => Self::TooLarge,
            BadMessage::HeadTooLong => Self::HeadTooLong,
            BadMessage::TooSlow => Self::TooSlow,
            BadMessage::Malformed => InvalidRequest::Unreadable.into(),
        }
    }
}

/// A request of a proxy's client that may pass.
pub struct Allowed {
    rendered: KeptAnswer,
    identity: [HeaderValue; 8],
    source: Source,
    now: Timestamp,
}

impl Allowed {
    /// Names and values of the headers that tell the application who its client is.
    pub fn identity(&self) -> impl Iterator<Item = (HeaderName, &HeaderValue)> {
        identity::NAMES.into_iter().zip(&self.identity)
    }

    /// Members of the answer to `/introspect` about the same token.
    pub fn claims(&self) -> Option<Members> {
        self.rendered.members(self.now)
    }

    /// The answer to `/forward-auth`, written into the map of the request's headers.
    pub(crate) fn reply(self, room: HeaderMap) -> Reply {
        let mut headers = room;
        headers.clear();
        for (name, value) in identity::NAMES.into_iter().zip(self.identity) {
            headers.insert(name, value);
        }
        headers.insert(reply::X_CACHE, reply::how(self.source));
        // Whoever kept it would let a token pass that is revoked, or past its end.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply::empty(headers)
    }
}

/// Whether the client of a caller may pass by this policy: what its token needs stands there, and of its request
/// nothing is looked at but the token.
pub(crate) async fn decide(
    policy: &Policy,
    caller: &Caller,
    client: &HeaderMap,
    resolver: &Resolver<KeptAnswer>,
    clock: &dyn Clock,
) -> Result<Allowed, Problem> {
    judge(policy, caller, bearer::token(client)?, resolver, clock).await
}

/// The same for a client that would show this token.
pub(crate) async fn judge_text(
    policy: &Policy,
    caller: &Caller,
    token: &TokenValue,
    resolver: &Resolver<KeptAnswer>,
    clock: &dyn Clock,
) -> Result<Allowed, Problem> {
    judge(policy, caller, bearer::parse(token.expose())?, resolver, clock).await
}

async fn judge(
    policy: &Policy,
    caller: &Caller,
    token: TokenValue,
    resolver: &Resolver<KeptAnswer>,
    clock: &dyn Clock,
) -> Result<Allowed, Problem> {
    let may_ask = |provider: &_| caller.may_ask(provider) && policy.accepts(provider);
    let resolution = resolver.introspect(token, None, may_ask).await?;
    let source = resolution.source;
    let now = clock.now();
    let rendered = resolution
        .into_active(now)
        .map_err(|inactive| Problem::InvalidToken(Inactive::of(&inactive, now)))?;
    if let Some(reason) = rendered.not_bearer() {
        return Err(Problem::InvalidToken(Inactive::NotBearer(reason)));
    }
    let claims = rendered.claims().ok_or(Failure::from(BadAnswer::NotAnObject))?;
    if !policy.is_met_by(&claims) {
        let (challenge, missing) = (policy.challenge(), policy.missing(&claims));
        return Err(Problem::InsufficientScope { challenge, missing });
    }
    Ok(Allowed { identity: identity::values(&claims), rendered, source, now })
}

/// The token that a client shows, whatever becomes of it.
pub(crate) fn shown(client: &HeaderMap) -> Option<TokenValue> {
    bearer::token(client).ok()
}

/// What the client gets instead, in its language.
pub(crate) fn refusal(problem: &Problem, policy: Option<&Policy>, language: Language) -> Reply {
    let mut reply = problem.reply(language);
    if let Some(instead) = policy.and_then(|policy| instead_of(policy, reply.status())) {
        *reply.status_mut() = instead;
        if instead == StatusCode::UNAUTHORIZED {
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
    }
    reply.headers_mut().insert(X_INTROSPECTD_ERROR, HeaderValue::from_static(problem.error()));
    reply
}

/// Status that replaces a transient one by the policy's configuration.
fn instead_of(policy: &Policy, status: StatusCode) -> Option<StatusCode> {
    let is_transient = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    policy.unavailable().filter(|_| is_transient).map(|unavailable| match unavailable {
        Unavailable::Unauthorized => StatusCode::UNAUTHORIZED,
        Unavailable::Forbidden => StatusCode::FORBIDDEN,
        Unavailable::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    })
}

/// Returns the policy that a path names: its first raw segment after `/forward-auth`, since the rest
/// may be a client's. `None` for any other path.
pub(crate) fn named_in(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/forward-auth")?;
    match rest.strip_prefix('/') {
        Some(path) => path.split('/').next(),
        None => rest.is_empty().then_some(DEFAULT_POLICY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_service::{Policies, Requirements};

    #[test]
    fn only_the_first_raw_segment_names_a_policy() {
        let policies = Policies::new([("orders".to_owned(), Policy::new(Requirements::default()))]);
        let found = |path| named_in(path).and_then(|name| policies.named(name)).map(|(name, _)| name);
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
}
