use introspectd_core::{ProviderName, Scope};
use introspectd_service::{KeptBy, Policies, Policy, Requirements, Selection, Unavailable};
use introspectd_settings::Section;

use super::providers::Providers;
use super::{proof, resource, selection};

/// `[policies.NAME]`: what a token needs for `/forward-auth/NAME`.
pub(super) fn read(root: &mut Section, providers: &Providers) -> Policies {
    let (mut policies, mut taken) = (Vec::new(), resource::Taken::new());
    for (name, mut section) in root.sections("policies") {
        if ProviderName::parse(&name).is_err() {
            // The name is part of paths, where any other character may arrive in more than one
            // spelling.
            let remedy = "Choose 1 to 64 letters, digits, `_` or `-`.";
            section.problem("", "has a name that cannot be part of a path", remedy);
        }
        policies.push((name, read_policy(&mut section, providers, &mut taken)));
        section.finish();
    }
    Policies::new(policies)
}

fn read_policy(section: &mut Section, known: &Providers, taken: &mut resource::Taken) -> Policy {
    let scope = read_scopes(section);
    let role = section.texts("role");
    let aud = section.texts("aud");
    for (key, words) in [("role", &role), ("aud", &aud)] {
        if words.as_ref().is_some_and(Vec::is_empty) {
            section.problem(key, NOTHING, LEAVE_OUT);
        }
    }
    let providers = selection::read_providers(section, "provider", &known.names);
    if matches!(&providers, Selection::Only(names) if names.is_empty()) {
        section.problem("provider", NOTHING, LEAVE_OUT);
    }
    let unavailable = read_unavailable(section);
    let kept_by = read_cache(section);
    let proof = proof::read(section);
    let resource = resource::read(section, &providers, known, taken);
    let (role, aud) = (role.unwrap_or_default(), aud.unwrap_or_default());
    Policy::new(Requirements {
        scope,
        role,
        aud,
        providers,
        unavailable,
        kept_by,
        proof,
        resource,
    })
}

const NOTHING: &str = "is empty, so no token could meet it";
const LEAVE_OUT: &str = "Name at least one, or leave the key out.";

fn read_scopes(section: &mut Section) -> Vec<Scope> {
    let mut scopes = Vec::new();
    for word in section.texts("scope").unwrap_or_default() {
        match Scope::parse(&word) {
            Some(scope) => scopes.push(scope),
            None => {
                let remedy =
                    "Write each scope as a string of its own: [\"orders.read\", \"orders.write\"].";
                section.item_problem("scope", &word, format!("{word:?} is not a scope"), remedy);
            }
        }
    }
    scopes
}

fn read_cache(section: &mut Section) -> KeptBy {
    match section.text("cache").as_deref() {
        None | Some("no-store") => KeptBy::Nobody,
        Some("private") => KeptBy::Proxy,
        Some(other) => {
            let remedy = "Write \"private\", or leave the key out.";
            section.problem("cache", format!("cannot be {other:?}"), remedy);
            KeptBy::Nobody
        }
    }
}

fn read_unavailable(section: &mut Section) -> Option<Unavailable> {
    match section.optional_number("unavailable", 0..=999)? {
        401 => Some(Unavailable::Unauthorized),
        403 => Some(Unavailable::Forbidden),
        503 => Some(Unavailable::ServiceUnavailable),
        other => {
            section.problem(
                "unavailable",
                format!("cannot be {other}"),
                "Write 401, 403 or 503.",
            );
            None
        }
    }
}
