use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use introspectd_core::{ProviderName, Scope, Selection};

use super::resource::Resource;
use crate::answer::Claims;
use crate::proof::ProofRules;
use crate::refusal::Missing;

/// Requirements of a token for one kind of request. Requests name a policy and never contain one:
/// proxies forward parts of what their clients send.
#[derive(Debug)]
pub struct Policy {
    scope: Vec<Scope>,
    role: Vec<String>,
    aud: Vec<String>,
    providers: Selection<ProviderName>,
    unavailable: Option<Unavailable>,
    kept_by: KeptBy,
    proof: ProofRules,
    resource: Option<Resource>,
    /// Required scopes, separated by spaces.
    challenge: Arc<str>,
}

/// `[policies.NAME]`, as configured. An empty list requires nothing.
#[derive(Debug, Default)]
pub struct Requirements {
    /// Scopes that a token must all have.
    pub scope: Vec<Scope>,
    /// Roles of which a token must have one.
    pub role: Vec<String>,
    /// Audiences of which a token must have one.
    pub aud: Vec<String>,
    /// Providers whose tokens are accepted.
    pub providers: Selection<ProviderName>,
    /// Status in place of a transient one.
    pub unavailable: Option<Unavailable>,
    /// Keeper of an answer that lets a request pass.
    pub kept_by: KeptBy,
    /// Rules for tokens that are bound to a key.
    pub proof: ProofRules,
    /// Resource whose metadata is published.
    pub resource: Option<Resource>,
}

/// Keeper of an answer that lets a request pass. Refusals are never kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeptBy {
    /// No cache (`no-store`).
    #[default]
    Nobody,
    /// A private cache of the proxy (`private`), which has to tell clients apart.
    Proxy,
}

/// Status that replaces 429, 502, 503 and 504, for proxies that do not understand these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// 401 Unauthorized.
    Unauthorized,
    /// 403 Forbidden.
    Forbidden,
    /// 503 Service Unavailable.
    ServiceUnavailable,
}

/// Policies by name.
#[derive(Debug)]
pub struct Policies {
    by_name: BTreeMap<String, Policy>,
}

/// Policy of `/forward-auth` itself, and of an Envoy that names none.
pub const DEFAULT_POLICY: &str = "default";

impl Policy {
    /// Creates a policy with these requirements.
    pub fn new(requirements: Requirements) -> Self {
        let Requirements {
            scope,
            role,
            aud,
            providers,
            unavailable,
            kept_by,
            proof,
            resource,
        } = requirements;
        let names: Vec<_> = scope.iter().map(Scope::as_str).collect();
        let challenge = names.join(" ").into();
        Self {
            scope,
            role,
            aud,
            providers,
            unavailable,
            kept_by,
            proof,
            resource,
            challenge,
        }
    }

    /// Returns true if it accepts this provider's tokens at all.
    pub fn accepts(&self, provider: &ProviderName) -> bool {
        self.providers.contains(provider)
    }

    /// Returns the requirements that an active token does not meet.
    pub fn missing(&self, claims: &Claims<'_>) -> Missing {
        Missing {
            scope: self.missing_scopes(claims).next().is_some(),
            role: has_none(&self.role, claims.roles()),
            aud: has_none(&self.aud, claims.aud()),
        }
    }

    /// Lists the required scopes that an active token does not have.
    pub fn missing_scopes(&self, claims: &Claims<'_>) -> impl Iterator<Item = &str> {
        let granted = if self.scope.is_empty() {
            Cow::Borrowed("")
        } else {
            claims.scope()
        };
        self.scope
            .iter()
            .filter(move |scope| !scope.is_covered_by(&granted))
            .map(Scope::as_str)
    }

    /// Returns the roles of which a token must have one.
    pub fn roles(&self) -> &[String] {
        &self.role
    }

    /// Returns the audiences of which a token must have one.
    pub fn audiences(&self) -> &[String] {
        &self.aud
    }

    /// Returns the required scopes for a challenge (RFC 6750 section 3), separated by spaces.
    pub fn challenge(&self) -> Arc<str> {
        Arc::clone(&self.challenge)
    }

    /// Returns the resource whose metadata is published, if there is one.
    pub fn resource(&self) -> Option<&Resource> {
        self.resource.as_ref()
    }

    /// Returns the status that replaces transient ones, if configured.
    pub fn unavailable(&self) -> Option<Unavailable> {
        self.unavailable
    }

    /// Returns the rules for tokens that are bound to a key.
    pub fn proof(&self) -> &ProofRules {
        &self.proof
    }

    /// Returns who may keep an answer that lets a request pass.
    pub fn kept_by(&self) -> KeptBy {
        self.kept_by
    }
}

/// Returns true if something is wanted, and nothing of it is held.
fn has_none<'a>(wanted: &[String], mut held: impl Iterator<Item = Cow<'a, str>>) -> bool {
    !wanted.is_empty() && !held.any(|held| wanted.iter().any(|wanted| *wanted == held))
}

impl Policies {
    /// Collects policies. Names are assumed to be unique, as keys of the configuration are. A
    /// missing `default` requires an active token and nothing else.
    pub fn new(policies: impl IntoIterator<Item = (String, Policy)>) -> Self {
        let mut by_name: BTreeMap<_, _> = policies.into_iter().collect();
        by_name
            .entry(DEFAULT_POLICY.to_owned())
            .or_insert_with(|| Policy::new(Requirements::default()));
        Self { by_name }
    }

    /// Lists their names.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.by_name.keys().map(String::as_str)
    }

    /// Returns the policy whose resource has this path.
    pub fn with_resource_at(&self, path: &str) -> Option<&Policy> {
        let is_there = |policy: &&Policy| policy.resource().is_some_and(|it| it.path == path);
        self.by_name.values().find(is_there)
    }

    /// Returns the policy of this name, with the name as configured.
    pub fn named(&self, name: &str) -> Option<(&str, &Policy)> {
        self.by_name
            .get_key_value(name)
            .map(|(name, policy)| (name.as_str(), policy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::SharedAnswer;

    fn policy(scope: &[&str], role: &[&str], aud: &[&str]) -> Policy {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let scope = scope
            .iter()
            .map(|scope| Scope::parse(scope).unwrap())
            .collect();
        Policy::new(Requirements {
            scope,
            role: texts(role),
            aud: texts(aud),
            ..Requirements::default()
        })
    }

    fn meets(policy: &Policy, claims: &str) -> bool {
        let answer = SharedAnswer::read(claims.to_owned()).unwrap();
        !policy.missing(&answer.claims()).is_any()
    }

    #[test]
    fn all_scopes_are_needed() {
        let policy = policy(&["a", "b.c"], &[], &[]);
        assert!(meets(&policy, r#"{"scope":"a b.c"}"#));
        assert!(meets(&policy, r#"{"scope":"x b.* a"}"#));
        for less in [
            r#"{}"#,
            r#"{"scope":"a"}"#,
            r#"{"scope":"A B.C"}"#,
            r#"{"scope":"ab.c"}"#,
            r#"{"scope":"*"}"#,
        ] {
            assert!(!meets(&policy, less), "{less}");
        }
    }

    #[test]
    fn any_role_and_any_audience_will_do() {
        let policy = policy(&[], &["clerk", "admin"], &["https://orders", "api"]);
        assert!(meets(&policy, r#"{"roles":["x","admin"],"aud":"api"}"#));
        assert!(meets(
            &policy,
            r#"{"roles":["clerk"],"aud":["y","https://orders"]}"#
        ));
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
        assert_eq!(&*policy(&["a", "b.c"], &[], &[]).challenge(), "a b.c");
        assert_eq!(&*policy(&[], &["r"], &[]).challenge(), "");
    }
    #[test]
    fn default_policy_is_listed_also_where_none_is_configured() {
        let policies = Policies::new([("orders".to_owned(), policy(&["a"], &[], &[]))]);
        assert!(policies.names().eq(["default", "orders"]));
        let (name, default) = policies.named(DEFAULT_POLICY).unwrap();
        assert_eq!(name, "default");
        assert!(meets(default, "{}"));
    }
}
