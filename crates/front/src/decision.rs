use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use introspectd_core::{BadAnswer, Failure};
use introspectd_resolver::Source;

use crate::api::{Session, require};
use crate::audit;
use crate::bearer;
use crate::caller::Permission;
use crate::identity;
use crate::language::Language;
use crate::policy::Policy;
use crate::problem::Problem;
use crate::reply::{self, Rendered, Reply};

/// Why a proxy is refused, for one that sees no more than 401 or 403 and no body.
const X_INTROSPECTD_ERROR: HeaderName = HeaderName::from_static("x-introspectd-error");

/// A request of a proxy's client that may pass.
pub struct Allowed {
    rendered: Rendered,
    identity: [HeaderValue; 8],
    source: Source,
}

impl Allowed {
    /// Names and values of the headers that tell the application who its client is.
    pub fn identity(&self) -> impl Iterator<Item = (HeaderName, &HeaderValue)> {
        identity::NAMES.into_iter().zip(&self.identity)
    }

    /// The answer to `/introspect` about the same token: a JSON object.
    pub fn claims(&self) -> &[u8] {
        self.rendered.as_bytes()
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

impl Session {
    /// Whether a proxy may let its client's request pass: the one decision behind `/forward-auth` and Envoy's
    /// `Check`.
    ///
    /// Of `proxy`, the headers of the proxy's own request, only the caller is read; of `client`, those of its
    /// client's, only the token, and in which language to refuse it.
    ///
    /// # Errors
    /// The refusal, as the client is to get it.
    pub async fn decide(
        &self,
        policy: &str,
        proxy: &HeaderMap,
        client: &HeaderMap,
    ) -> Result<Allowed, Reply> {
        let policy = self.api().policies().named(policy);
        self.judge(policy, proxy, client).await.map_err(|problem| {
            let caller = self.proxy(proxy).ok().map(|caller| &**caller);
            audit::refused(self.origin(), caller, policy.map(|(name, _)| name), &problem);
            refusal(&problem, policy.map(|(_, policy)| policy), Language::of(client))
        })
    }

    async fn judge(
        &self,
        policy: Option<(&str, &Policy)>,
        proxy: &HeaderMap,
        client: &HeaderMap,
    ) -> Result<Allowed, Problem> {
        let (name, policy) = policy.ok_or(Problem::NoPolicy)?;
        let caller = self.proxy(proxy)?;
        require(caller, &[Permission::Introspect])?;
        if !caller.may_use(name) {
            return Err(Problem::AccessDenied);
        }
        let token = bearer::token(client)?;
        let may_ask = |provider: &_| caller.may_ask(provider) && policy.takes(provider);
        let resolution = self.api().resolver().introspect(token, None, may_ask).await?;
        let source = resolution.source;
        let rendered = resolution.into_active(self.api().now()).ok_or(Problem::InvalidToken)?;
        let claims = rendered.claims().ok_or(Failure::from(BadAnswer::NotAnObject))?;
        if !policy.is_met_by(&claims) {
            return Err(Problem::InsufficientScope(policy.challenge()));
        }
        Ok(Allowed { identity: identity::values(&claims), rendered, source })
    }
}

fn refusal(problem: &Problem, policy: Option<&Policy>, language: Language) -> Reply {
    let mut reply = problem.reply(language);
    if let Some(instead) = policy.and_then(|policy| policy.instead_of(reply.status())) {
        *reply.status_mut() = instead;
        if instead == StatusCode::UNAUTHORIZED {
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
    }
    reply.headers_mut().insert(X_INTROSPECTD_ERROR, HeaderValue::from_static(problem.error()));
    reply
}
