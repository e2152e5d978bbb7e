//! Intended use of a token, as far as its server's answer names one.

use crate::{Json, Members};

/// Reason why an active token does not authorize requests as a bearer token (RFC 6750).
///
/// RFC 7662 servers report refresh tokens, ID tokens and sender-constrained tokens as active, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotBearer {
    /// A member names another use than access.
    OtherUse,
    /// `token_type` names another scheme.
    OtherScheme,
    /// `cnf` (RFC 7800) binds the token to a key whose possession was not proven.
    Unproved,
}

/// Members that name a token's use, with the values that mean an access token, ignoring ASCII case.
///
/// An allow-list: a server may name a use that is unknown here. No RFC has these members but `typ`;
/// servers in wide use send one each.
const USES: [(&str, &[&str]); 5] = [
    ("token_use", &["access_token", "access"]),
    // RFC 9068 section 2.1, and servers that name the scheme. `JWT` names a format, not a use.
    ("typ", &["Bearer", "at+jwt", "application/at+jwt", "JWT"]),
    ("token_usage", &["access_token"]),
    ("purpose", &["access_token"]),
    ("tokenName", &["access_token"]),
];

/// Returns true if a member of this name restricts a token's use, so that it must be readable.
pub fn decides_use(name: &str) -> bool {
    name == "cnf" || USES.iter().any(|(known, _)| *known == name)
}

/// Reason why a token with this scheme and these members is not a bearer token; `None` if it is
/// one.
///
/// Null counts as absent; a value that is not text never means an access token.
pub(crate) fn objection(token_type: Option<&str>, members: &Members) -> Option<NotBearer> {
    let member = |name: &str| members.get(name).filter(|value| **value != Json::Null);
    let means = |value: &Json, names: &[&str]| {
        value
            .as_str()
            .is_some_and(|text| names.iter().any(|name| text.eq_ignore_ascii_case(name)))
    };
    let is_for_proofs = is_bound_to_proofs(members);
    let is_proof_type = |value: &Json| is_for_proofs && means(value, &["DPoP"]);
    if USES.iter().any(|(name, names)| {
        let is_access =
            |value: &Json| means(value, names) || (*name == "typ" && is_proof_type(value));
        member(name).is_some_and(|value| !is_access(value))
    }) {
        return Some(NotBearer::OtherUse);
    }
    let is_known = |scheme: &str| {
        scheme.eq_ignore_ascii_case("bearer")
            || (is_for_proofs && scheme.eq_ignore_ascii_case("dpop"))
    };
    if !token_type.is_none_or(is_known) {
        return Some(NotBearer::OtherScheme);
    }
    member("cnf").map(|_| NotBearer::Unproved)
}

/// Returns true for an access token that is used with DPoP proofs (RFC 9449 section 6.1). Servers
/// name it by `token_type`, Keycloak also by `typ`; without the key nobody could check a proof.
fn is_bound_to_proofs(members: &Members) -> bool {
    match members.get("cnf") {
        Some(Json::Object(confirmation)) => {
            matches!(confirmation.get("jkt"), Some(Json::String(_)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn judge(members: &Value) -> Option<NotBearer> {
        let mut members = members.as_object().unwrap().clone();
        let token_type = members.remove("token_type");
        objection(token_type.as_ref().and_then(Value::as_str), &members.into())
    }

    #[test]
    fn access_tokens_of_known_servers_are_bearer_tokens() {
        for members in [
            json!({}),
            json!({"token_type": "Bearer"}),
            json!({"token_type": "bearer", "purpose": "access_token"}),
            json!({"token_type": null, "token_use": null, "typ": null, "cnf": null}),
            json!({"token_type": "BEARER", "typ": "Bearer", "grant_type": "refresh_token"}),
            json!({"token_use": "access_token"}),
            json!({"token_use": "access"}),
            json!({"typ": "at+jwt"}),
            json!({"typ": "application/at+JWT"}),
            json!({"typ": "JWT"}),
            json!({"token_usage": "access_token", "token_type": "Bearer"}),
            json!({"tokenName": "access_token", "token_type": "Bearer"}),
        ] {
            assert_eq!(judge(&members), None, "{members}");
        }
    }

    #[test]
    fn other_uses_schemes_and_key_bindings_are_refused() {
        use NotBearer::{OtherScheme, OtherUse, Unproved};
        for (members, reason) in [
            (
                json!({"token_use": "refresh_token", "token_type": "Bearer"}),
                OtherUse,
            ),
            (json!({"token_use": "id"}), OtherUse),
            (json!({"typ": "Refresh"}), OtherUse),
            (json!({"typ": "ID", "token_type": "Bearer"}), OtherUse),
            (json!({"typ": "Offline"}), OtherUse),
            (json!({"typ": "DPoP"}), OtherUse),
            (json!({"token_usage": "refresh_token"}), OtherUse),
            (json!({"purpose": "id_token"}), OtherUse),
            (json!({"tokenName": "refresh_token"}), OtherUse),
            (json!({"token_type": "refresh_token"}), OtherScheme),
            (json!({"token_type": "DPoP"}), OtherScheme),
            (
                json!({"token_type": "DPoP", "cnf": {"x5t#S256": "x"}}),
                OtherScheme,
            ),
            (
                json!({"token_type": "DPoP", "cnf": {"jkt": 1}}),
                OtherScheme,
            ),
            (json!({"token_type": "DPoP", "cnf": {"jkt": "x"}}), Unproved),
            (
                json!({"typ": "DPoP", "token_type": "DPoP", "cnf": {"jkt": "x"}}),
                Unproved,
            ),
            (json!({"typ": "DPoP", "cnf": "x"}), OtherUse),
            (json!({"token_use": "DPoP", "cnf": {"jkt": "x"}}), OtherUse),
            (json!({"token_type": "mac"}), OtherScheme),
            (json!({"token_type": "N_A"}), OtherScheme),
            (json!({"token_type": ""}), OtherScheme),
            (json!({"token_type": "Bearer "}), OtherScheme),
            (
                json!({"token_type": "Bearer", "cnf": {"x5t#S256": "x"}}),
                Unproved,
            ),
            (json!({"cnf": {}}), Unproved),
        ] {
            assert_eq!(judge(&members), Some(reason), "{members}");
        }
    }

    #[test]
    fn use_members_of_a_wrong_type_are_refused() {
        for name in [
            "token_use",
            "typ",
            "token_usage",
            "purpose",
            "tokenName",
            "cnf",
        ] {
            for value in [
                json!(false),
                json!(0),
                json!([]),
                json!(["access_token", "Bearer"]),
                json!({}),
            ] {
                let members = json!({name: value});
                assert!(judge(&members).is_some(), "{members}");
            }
        }
    }
}
