//! Intended use of a token, as far as its server's answer names one.

use crate::{Json, Members, Token, bearer_or};

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
/// An allow-list: a server may name a use that is unknown here.
const USES: [(&str, &[&str]); 5] = [
    // Ory Hydra, Amazon Cognito.
    ("token_use", &["access_token", "access"]),
    // Keycloak, and RFC 9068 section 2.1. `JWT` names a format, not a use.
    ("typ", &["Bearer", "at+jwt", "application/at+jwt", "JWT"]),
    // OpenIddict.
    ("token_usage", &["access_token"]),
    // Curity.
    ("purpose", &["access_token"]),
    // PingAM and what was OpenAM.
    ("tokenName", &["access_token"]),
];

/// Returns true if a member of this name restricts a token's use, so that it must be readable.
pub fn decides_use(name: &str) -> bool {
    name == "cnf" || USES.iter().any(|(known, _)| *known == name)
}

impl Token {
    /// Reason why the token is not a bearer token; `None` if it is one, time and status aside.
    pub fn not_bearer(&self) -> Option<NotBearer> {
        self.not_bearer.or_else(|| judge(self.token_type.as_deref(), &self.extensions))
    }

    /// Sets `token_type` from a provider's member, if present. A member that is not text is not
    /// shown, and counts as an unknown scheme.
    pub fn read_token_type(&mut self, member: Option<Option<&str>>) {
        match member {
            None => {}
            Some(Some(name)) => self.token_type = Some(bearer_or(name)),
            Some(None) => self.not_bearer = Some(NotBearer::OtherScheme),
        }
    }
}

/// Null counts as absent; a value that is not text never means an access token.
fn judge(token_type: Option<&str>, members: &Members) -> Option<NotBearer> {
    let member = |name: &str| members.get(name).filter(|value| **value != Json::Null);
    let means = |value: &Json, names: &[&str]| {
        value.as_str().is_some_and(|text| names.iter().any(|name| text.eq_ignore_ascii_case(name)))
    };
    if USES.iter().any(|(name, names)| member(name).is_some_and(|value| !means(value, names))) {
        return Some(NotBearer::OtherUse);
    }
    if !token_type.is_none_or(|scheme| scheme.eq_ignore_ascii_case("bearer")) {
        return Some(NotBearer::OtherScheme);
    }
    member("cnf").map(|_| NotBearer::Unproved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expiry, Status, TokenValue};
    use serde_json::{Value, json};

    fn token(members: Value) -> Token {
        let mut token = Token::new(Status::Good, Expiry::Never);
        let Value::Object(mut members) = members else { panic!("{members}") };
        let token_type = members.remove("token_type").filter(|it| !it.is_null());
        token.read_token_type(token_type.as_ref().map(Value::as_str));
        token.extensions = members.into();
        token
    }

    #[test]
    fn access_tokens_of_known_servers_are_bearer_tokens() {
        for members in [
            json!({}),
            json!({"token_type": "Bearer"}),
            json!({"token_type": "bearer", "purpose": "access_token"}),
            json!({"token_type": "BearerToken"}),
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
            assert_eq!(token(members.clone()).not_bearer(), None, "{members}");
        }
    }

    #[test]
    fn other_uses_schemes_and_key_bindings_are_refused() {
        use NotBearer::{OtherScheme, OtherUse, Unproved};
        for (members, reason) in [
            (json!({"token_use": "refresh_token", "token_type": "Bearer"}), OtherUse),
            (json!({"token_use": "id"}), OtherUse),
            (json!({"typ": "Refresh"}), OtherUse),
            (json!({"typ": "ID", "token_type": "Bearer"}), OtherUse),
            (json!({"typ": "Offline"}), OtherUse),
            (json!({"typ": "DPoP"}), OtherUse),
            (json!({"token_usage": "refresh_token"}), OtherUse),
            (json!({"purpose": "id_token"}), OtherUse),
            (json!({"tokenName": "refresh_token"}), OtherUse),
            (json!({"token_type": "refresh_token"}), OtherScheme),
            (json!({"token_type": "DPoP", "cnf": {"jkt": "x"}}), OtherScheme),
            (json!({"token_type": "mac"}), OtherScheme),
            (json!({"token_type": "N_A"}), OtherScheme),
            (json!({"token_type": ""}), OtherScheme),
            (json!({"token_type": "Bearer "}), OtherScheme),
            (json!({"token_type": "Bearer", "cnf": {"x5t#S256": "x"}}), Unproved),
            (json!({"cnf": {}}), Unproved),
        ] {
            assert_eq!(token(members.clone()).not_bearer(), Some(reason), "{members}");
        }
    }

    #[test]
    fn use_members_of_a_wrong_type_are_refused() {
        for name in ["token_type", "token_use", "typ", "token_usage", "purpose", "tokenName", "cnf"] {
            for value in [json!(false), json!(0), json!([]), json!(["access_token", "Bearer"]), json!({})] {
                let members = json!({name: value});
                assert!(token(members.clone()).not_bearer().is_some(), "{members}");
            }
        }
    }

    #[test]
    fn redaction_does_not_turn_a_token_into_a_bearer_token() {
        for (name, value) in [("token_type", "refresh_token"), ("token_use", "refresh_token")] {
            let presented = TokenValue::parse("refresh_token".to_owned()).unwrap();
            let token = token(json!({name: value})).redact(&presented);
            assert!(token.token_type.is_none() && token.extensions.is_empty());
            assert!(token.not_bearer().is_some(), "{name}");
        }
    }
}
