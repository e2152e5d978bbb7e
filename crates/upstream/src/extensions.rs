//! Members of a token's record that RFC 7662 does not define, at the top level as they were sent.

use introspectd_core::{Json, Members, Token};

/// Member names that some servers use for credentials; dropped at any depth.
const SECRETS: [&str; 2] = ["access_token", "refresh_token"];

/// Keeps members as extensions of a record, but for credentials. `roles` that is a list of strings
/// and `grant_type` that is one are read as ours.
///
/// Any other type under these names passes through as an extension, in which no policy finds a
/// role.
pub fn keep_extensions(token: &mut Token, mut members: Members) {
    drop_secrets(&mut members);
    if let Some(roles) = members.get("roles").and_then(strings) {
        token.roles = roles;
        members.remove("roles");
    }
    if let Some(grant) = members.get("grant_type").and_then(Json::as_str) {
        token.grant_type = Some(grant.to_owned());
        members.remove("grant_type");
    }
    token.extensions = members;
}

fn strings(value: &Json) -> Option<Vec<String>> {
    let Json::Array(items) = value else {
        return None;
    };
    items
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn drop_secrets(members: &mut Members) {
    members.retain(|name, value| {
        drop_secrets_within(value);
        !SECRETS.contains(&name.as_str())
    });
}

fn drop_secrets_within(value: &mut Json) {
    match value {
        Json::Object(members) => drop_secrets(members),
        Json::Array(items) => items.iter_mut().for_each(drop_secrets_within),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}
