use introspectd_core::ask::Context;
use introspectd_core::{BadAnswer, Failure, Members, Timestamp, TokenValue};
use introspectd_resolver::Source;

use crate::access::{Caller, Policy};
use crate::answer::SharedAnswer;
use crate::refusal::{ClientFault, Inactive, Refusal};
use crate::service::Service;

/// Request of a proxy's client that may pass.
pub struct Allowed {
    /// Answer about the client's token.
    pub answer: SharedAnswer,
    /// Origin of the answer.
    pub source: Source,
    now: Timestamp,
}

impl Allowed {
    /// Returns the members of the answer to `/introspect` about the same token.
    pub fn members(&self) -> Option<Members> {
        self.answer.members(self.now)
    }
}

/// Decides whether a client may pass by a policy. Of the client's request only the token counts;
/// `context` is made if a provider is asked.
///
/// # Errors
/// [`Refusal::Client`] if it may not, [`Refusal::Provider`] if that is unknown.
pub async fn decide(
    service: &Service,
    caller: &Caller,
    policy: &Policy,
    token: TokenValue,
    context: impl Fn() -> Context + Sync,
) -> Result<Allowed, Refusal> {
    let may_ask = |provider: &_| caller.permissions.may_ask(provider) && policy.accepts(provider);
    let resolution = service
        .resolver
        .introspect_within(token, None, may_ask, context)
        .await?;
    let source = resolution.source;
    let now = service.now();
    let kept = resolution
        .into_active(now)
        .map_err(|inactive| ClientFault::InvalidToken(Inactive::of(&inactive, now)))?;
    if let Some(reason) = kept.not_bearer() {
        return Err(ClientFault::InvalidToken(Inactive::NotBearer(reason)).into());
    }
    let answer = kept.share().ok_or(Failure::from(BadAnswer::NotAnObject))?;
    let missing = policy.missing(&answer.claims());
    if missing.is_any() {
        return Err(ClientFault::InsufficientScope {
            scope: policy.challenge(),
            missing,
        }
        .into());
    }
    Ok(Allowed {
        answer,
        source,
        now,
    })
}

/// Parses a token as a client could present it in a header.
///
/// The grammar is wider than that of RFC 6750, since old servers issue tokens with `|` or `:`; but
/// nothing that could separate two tokens is part of one.
///
/// # Errors
/// [`ClientFault::InvalidToken`] for any other text.
pub fn bearer_token(text: &str) -> Result<TokenValue, ClientFault> {
    let malformed = ClientFault::InvalidToken(Inactive::Malformed);
    let is_part = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b';' | b'"');
    if !text.bytes().all(is_part) {
        return Err(malformed);
    }
    TokenValue::parse(text.to_owned()).map_err(|_| malformed)
}
