use std::collections::BTreeMap;

use http::{HeaderValue, StatusCode};
use introspectd_core::{ProviderName, Scope};

use crate::caller::Selection;
use crate::decision::claims::Claims;
use crate::lacking::Lacking;

/// What a token needs for one kind of request. It stands in the configuration, never in a request: proxies hand
/// on parts of what their clients send.
#[derive(Debug)]
pub struct Policy {
    scope: Vec<Scope>,
    role: Vec<String>,
    aud: Vec<String>,
    providers: Selection<ProviderName>,
    unavailable: Option<Unavailable>,
    challenge: HeaderValue,
}

/// `[policies.NAME]`, as it is written. What is empty asks for nothing.
#[derive(Debug, Default)]
pub struct Requirements {
    /// All of these.
    pub scope: Vec<Scope>,
    /// Any of these.
    pub role: Vec<String>,
    /// Any of these.
    pub aud: Vec<String>,
    /// Of any of these.
    pub providers: Selection<ProviderName>,
    /// See [`Unavailable`].
    pub unavailable: Option<Unavailable>,
}

/// What is answered in place of 429, 502, 503 and 504, for proxies that do not understand these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 503.
    ServiceUnavailable,
}

/// The policies by their names.
#[derive(Debug)]
pub struct Policies {
    by_name: BTreeMap<String, Policy>,
}

/// The policy of `/forward-auth` alone, and of an Envoy that names none.
pub const DEFAULT_POLICY: &str = "default";

impl Policy {
    /// With these requirements.
    pub fn new(requirements: Requirements) -> Self {
        let Requirements { scope, role, aud, providers, unavailable } = requirements;
        let challenge = insufficient(&scope);
        Self { scope, role, aud, providers, unavailable, challenge }
    }

    /// Whether it takes this provider's tokens at all.
    pub(crate) fn takes(&self, provider: &ProviderName) -> bool {
        self.providers.contains(provider)
    }

    /// Whether an active token has all that is asked for.
    pub(crate) fn is_met_by(&self, claims: &Claims<'_>) -> bool {
        self.lacking(claims) == Lacking::default()
    }

    /// Of what an active token has not enough.
    pub(crate) fn lacking(&self, claims: &Claims<'_>) -> Lacking {
        let none =
            |wanted: &[String], held: &[_]| !wanted.is_empty() && !wanted.iter().any(|it| holds(held, it));
        Lacking {
            scope: self.scopes_lacking(claims).next().is_some(),
            role: none(&self.role, &claims.roles),
            aud: none(&self.aud, &claims.aud),
        }
    }

    /// The scopes that an active token has not.
    pub(crate) fn scopes_lacking<'a>(&'a self, claims: &'a Claims<'_>) -> impl Iterator<Item = &'a str> {
        self.scope.iter().filter(|scope| !scope.is_covered_by(&claims.scope)).map(Scope::as_str)
    }

    /// One of which a token must have.
    pub(crate) fn roles(&self) -> &[String] {
        &self.role
    }

    /// One of which a token must be for.
    pub(crate) fn audiences(&self) -> &[String] {
        &self.aud
    }

    /// RFC 6750 section 3, for a token that lacks something.
    pub(crate) fn challenge(&self) -> HeaderValue {
        self.challenge.clone()
    }

    /// What stands in for `status`, where it is one that says "not now".
    pub(crate) fn instead_of(&self, status: StatusCode) -> Option<StatusCode> {
        let not_now = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        self.unavailable.filter(|_| not_now).map(|unavailable| match unavailable {
            Unavailable::Unauthorized => StatusCode::UNAUTHORIZED,
            Unavailable::Forbidden => StatusCode::FORBIDDEN,
            Unavailable::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        })
    }
}

fn holds(held: &[std::borrow::Cow<'_, str>], wanted: &str) -> bool {
    held.iter().any(|it| it == wanted)
}

/// Scope-tokens hold no quote and no backslash, so they need no escape inside the quotes.
fn insufficient(scopes: &[Scope]) -> HeaderValue {
    let names: Vec<_> = scopes.iter().map(Scope::as_str).collect();
    let plain = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
    if names.is_empty() {
        return plain;
    }
    let text = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", names.join(" "));
    HeaderValue::try_from(text).unwrap_or(plain)
}

impl Policies {
    /// From their list. Names are taken to be unique, as keys of the configuration are; without a policy
    /// `default`, that one asks for an active token and nothing else.
    pub fn new(policies: impl IntoIterator<Item = (String, Policy)>) -> Self {
        let mut by_name: BTreeMap<_, _> = policies.into_iter().collect();
        by_name.entry(DEFAULT_POLICY.to_owned()).or_insert_with(|| Policy::new(Requirements::default()));
        Self { by_name }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.by_name.keys().map(String::as_str)
    }

    /// The policy of this name.
    pub(crate) fn named(&self, name: &str) -> Option<(&str, &Policy)> {
        self.by_name.get_key_value(name).map(|(name, policy)| (name.as_str(), policy))
    }
}

/// The policy that a path names: its first segment after `/forward-auth`, as it stands there, since what comes behind
/// may be a client's. `None` for a path elsewhere.
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

    fn policy(scope: &[&str], role: &[&str], aud: &[&str]) -> Policy {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let scope = scope.iter().map(|scope| Scope::parse(scope).unwrap()).collect();
        Policy::new(Requirements { scope, role: texts(role), aud: texts(aud), ..Requirements::default() })
    }

    fn meets(policy: &Policy, claims: &str) -> bool {
        policy.is_met_by(&Claims::read(claims.as_bytes()).unwrap())
    }

    #[test]
    fn all_scopes_are_needed() {
        let policy = policy(&["a", "b.c"], &[], &[]);
        assert!(meets(&policy, r#"{"scope":"a b.c"}"#));
        assert!(meets(&policy, r#"{"scope":"x b.* a"}"#));
        for less in
            [r#"{}"#, r#"{"scope":"a"}"#, r#"{"scope":"A B.C"}"#, r#"{"scope":"ab.c"}"#, r#"{"scope":"*"}"#]
        {
            assert!(!meets(&policy, less), "{less}");
        }
    }

    #[test]
    fn any_role_and_any_audience_will_do() {
        let policy = policy(&[], &["clerk", "admin"], &["https://orders", "api"]);
        assert!(meets(&policy, r#"{"roles":["x","admin"],"aud":"api"}"#));
        assert!(meets(&policy, r#"{"roles":["clerk"],"aud":["y","https://orders"]}"#));
        for less in [
            r#"{}"#,
            r#"{"roles":["clerk"]}"#,
            r#"{"aud":"api"}"#,
            r#"{"roles":["Clerk"],"aud":"api"}"#,
            r#"{"roles":["clerk"],"aud":"https://orders/"}"#,
            r#"{"roles":"clerk","aud":"api"}"#,
            r#"{"roles":["clerk",1],"aud":"api"}"#,
        ] {
            assert!(!meets(&policy, less), "{less}");
        }
    }

    #[test]
    fn without_requirements_any_active_token_will_do() {
        assert!(meets(&policy(&[], &[], &[]), "{}"));
    }

    #[test]
    fn the_challenge_names_the_scopes() {
        let challenge = policy(&["a", "b.c"], &[], &[]).challenge();
        assert_eq!(challenge, "Bearer error=\"insufficient_scope\", scope=\"a b.c\"");
        assert_eq!(policy(&[], &["r"], &[]).challenge(), "Bearer error=\"insufficient_scope\"");
    }

    #[test]
    fn only_the_first_raw_segment_names_a_policy() {
        let policies = Policies::new([("orders".to_owned(), policy(&[], &[], &[]))]);
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
