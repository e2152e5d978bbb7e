use std::collections::BTreeSet;

use introspectd_core::ProviderName;
use introspectd_front::{Caller, Callers, Permission, Policies, SecretDigest, Selection};
use introspectd_settings::{CallerSecret, Section, resembling};
use secrecy::ExposeSecret;

use super::listen::{ApiListener, Listen};
use super::{nearest, selection};

pub(super) fn read(
    root: &mut Section,
    providers: &[ProviderName],
    policies: &Policies,
    listen: &Listen,
) -> Callers {
    let named: BTreeSet<&str> = listen.api.iter().filter_map(|listener| listener.caller.as_deref()).collect();
    let mut callers: Vec<Caller> = Vec::new();
    for (name, mut section) in root.sections("callers") {
        let caller = read_caller(name, &mut section, providers, policies);
        if let Some(twin) = callers.iter().find(|other| share_secret(other, &caller)) {
            let what = format!("is the secret of callers.{}, too", twin.name);
            section.problem("secret", what, "Give each caller a secret of its own.");
        }
        if caller.secret.is_none() && !section.has("secret") && !named.contains(caller.name.as_str()) {
            let remedy = "Write secret = { env = \"NAME\" }, or name this caller at a listener.";
            section.problem("secret", "is missing, and no listener names this caller", remedy);
        }
        section.finish();
        callers.push(caller);
    }
    for ApiListener { address, caller, .. } in &listen.api {
        let Some(name) = caller else { continue };
        if callers.iter().any(|caller| caller.name == *name) {
            continue;
        }
        if let Some(meant) = resembling(name, callers.iter().map(|caller| caller.name.as_str())) {
            let what = format!("has no section, and {address} names it");
            let remedy = format!("Did you mean `{meant}`? If not, write [callers.{name}].");
            root.problem(&format!("callers.{name}"), what, remedy);
        }
        callers.push(named_by_a_listener(root, name));
    }
    Callers::new(callers)
}

/// A caller without a section of its own may introspect, as a sidecar on its socket does, and nothing else.
fn named_by_a_listener(root: &Section, name: &str) -> Caller {
    root.note_default(&format!("callers.{name}.permissions"), "[\"introspect\"]");
    root.note_default(&format!("callers.{name}.providers"), "[\"*\"]");
    root.note_default(&format!("callers.{name}.policies"), "[\"*\"]");
    Caller {
        name: name.to_owned(),
        permissions: [Permission::Introspect].into(),
        providers: Selection::All,
        policies: Selection::All,
        secret: None,
    }
}

fn read_caller(
    name: String,
    section: &mut Section,
    providers: &[ProviderName],
    policies: &Policies,
) -> Caller {
    let secret = section.caller_secret("secret").map(|secret| match secret {
        CallerSecret::Plain(secret) => SecretDigest::of(secret.expose_secret()),
        CallerSecret::Sha256(digest) => SecretDigest::from_sha256(digest),
    });
    if name.contains(':') {
        section.problem("", "has a colon in its name", "HTTP Basic could not carry it. Choose another name.");
    }
    let permissions = read_permissions(section);
    let providers = selection::read_providers(section, "providers", providers);
    let policies = selection::read(section, "policies", "policy", &policies.names());
    Caller { name, permissions, providers, policies, secret }
}

fn read_permissions(section: &mut Section) -> BTreeSet<Permission> {
    let Some(words) = section.texts("permissions") else {
        section.note_default("permissions", "[\"introspect\"]");
        return [Permission::Introspect].into();
    };
    let mut permissions = BTreeSet::new();
    for word in words {
        match Permission::ALL.into_iter().find(|permission| permission.as_str() == word) {
            Some(permission) => drop(permissions.insert(permission)),
            None => {
                let known = Permission::ALL.into_iter().map(Permission::as_str);
                section.problem("permissions", format!("{word:?} is no permission"), nearest(&word, known));
            }
        }
    }
    permissions
}

fn share_secret(one: &Caller, other: &Caller) -> bool {
    matches!((&one.secret, &other.secret), (Some(one), Some(other)) if one.matches(other))
}
