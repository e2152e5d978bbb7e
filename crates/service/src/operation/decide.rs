use introspectd_core::ask::Context;
use introspectd_core::{BadAnswer, Failure, Members, Timestamp, TokenValue};
use introspectd_resolver::Source;

use super::prove::{Offered, Proven, prove};
use crate::access::{Caller, Policy};
use crate::answer::SharedAnswer;
use crate::proof::{Binding, Evidence, Presented, Scheme};
use crate::refusal::{ClientFault, Inactive, Refusal};
use crate::service::Service;

/// Request of a proxy's client that may pass.
pub struct Allowed {
    /// Answer about the client's token.
    pub answer: SharedAnswer,
    /// Origin of the answer.
    pub source: Source,
    /// Whole seconds for which the decision stays within what is promised: the rest of the fact's
    /// `ttl`, and at most that of the token's life. Zero for a token that is bound to a key.
    pub max_age: u32,
    /// Nonce for the client's next proof, where the one in use ends soon.
    pub nonce: Option<Box<str>>,
    now: Timestamp,
}

impl Allowed {
    /// Returns the members of the answer to `/introspect` about the same token.
    pub fn members(&self) -> Option<Members> {
        self.answer.members(self.now)
    }
}

/// Decides whether a client may pass by a policy. Of the client's request only the token counts,
/// and for one that is bound to a key the evidence; `context` is made if a provider is asked.
///
/// # Errors
/// [`Refusal::Client`] if it may not, [`Refusal::Provider`] if that is unknown.
pub async fn decide(
    service: &Service,
    caller: &Caller,
    policy: &Policy,
    presented: Presented,
    evidence: &dyn Evidence,
    context: impl Fn() -> Context + Sync,
) -> Result<Allowed, Refusal> {
    let rules = policy.proof();
    // Whatever the token is, and before a provider is asked.
    let Presented { scheme, token } = presented;
    let offered = match scheme {
        Scheme::Dpop if rules.binding.is_checked() => {
            let offered = Offered::read(evidence, &token);
            Some(Box::new(offered.map_err(ClientFault::from)?))
        }
        Scheme::Dpop | Scheme::Bearer => None,
    };
    let may_ask = |provider: &_| caller.permissions.may_ask(provider) && policy.accepts(provider);
    let resolution = service
        .resolver
        .introspect_within(token, None, may_ask, context)
        .await?;
    let source = resolution.source;
    let now = service.now();
    let left = resolution
        .fresh_for
        .min(resolution.life_left(now))
        .as_secs();
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    let kept = resolution
        .into_active(now)
        .map_err(|inactive| ClientFault::InvalidToken(Inactive::of(&inactive, now)))?;
    let is_plain = kept.not_bearer().is_none() && scheme == Scheme::Bearer;
    let proven = if is_plain && rules.binding != Binding::Require {
        Proven::default()
    } else {
        // Boxed, so that a plain bearer token does not carry it from place to place.
        let offered = offered.as_deref();
        let possession = &*service.possession;
        Box::pin(prove(
            possession, rules, scheme, offered, evidence, &kept, now,
        ))
        .await?
    };
    let answer = kept.share().ok_or(Failure::from(BadAnswer::NotAnObject))?;
    let missing = policy.missing(&answer.claims());
    if missing.is_any() {
        return Err(ClientFault::InsufficientScope {
            scope: policy.challenge(),
            missing,
            scheme,
        }
        .into());
    }
    Ok(Allowed {
        answer,
        source,
        max_age: if proven.is_bound { 0 } else { left },
        nonce: proven.nonce,
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
