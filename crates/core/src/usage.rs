//! Use that a token is meant for, as far as its server's answer names one.

use crate::{Json, Members, Token, bearer_or};

/// Reason why an active token does not authorize the requests of whoever shows it as a bearer (RFC 6750).
///
/// RFC 7662 servers call refresh tokens, ID tokens and sender-constrained tokens active, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotBearer {
    /// A member names another use than that of an access token.
    OtherUse,
    /// `token_type` names another scheme.
    OtherScheme,
    /// `cnf` (RFC 7800) binds the token to a key, and no proof of it was seen.
    Unproved,
}

/// Members that name a token's use, and the values that mean an access token, compared without regard to case.
///
/// Values are allowed, not denied: a server may name a use that nobody here has heard of.
const USES: [(&str, &[&str]); 5] = [
    // Ory Hydra, Amazon Cognito.
    ("token_use", &["access_token", "access"]),
    // Keycloak, and RFC 9068 section 2.1. `JWT` names a format and no use.
    ("typ", &["Bearer", "at+jwt", "application/at+jwt", "JWT"]),
    // OpenIddict.
    ("token_usage", &["access_token"]),
    // Curity.
    ("purpose", &["access_token"]),
    // PingAM and what was OpenAM.
    ("tokenName", &["access_token"]),
];

/// Whether a member of this name says what a token is good for, so that it must be readable.
pub fn decides_use(name: &str) -> bool {
    name == "cnf" || USES.iter().any(|(known, _)| *known == name)
}

impl Token {
    /// Reason why it authorizes no bearer; `None` where it does. Time and status do not count here.
    pub fn not_bearer(&self) -> Option<NotBearer> {
        self.not_bearer.or_else(|| judge(self.token_type.as_deref(), &self.extensions))
    }

    /// Takes over a provider's `token_type`: its text, where it has the member and that is text. Anything else is not
    /// shown, and means no scheme that is known here.
    pub fn read_token_type(&mut self, member: Option<Option<&str>>) {
        match member {
            None => {}
            Some(Some(name)) => self.token_type = Some(bearer_or(name)),
            Some(None) => self.not_bearer = Some(NotBearer::OtherScheme),
        }
    }
}

/// Null is as good as absent, and a value of a type that names nothing is no name of an access token.
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
    fn access_tokens_of_known_servers_authorize_their_bearer() {
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
    fn another_use_scheme_or_binding_authorizes_nobody() {
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
    fn members_of_another_type_authorize_nobody() {
        for name in ["token_type", "token_use", "typ", "token_usage", "purpose", "tokenName", "cnf"] {
            for value in [json!(false), json!(0), json!([]), json!(["access_token", "Bearer"]), json!({})] {
                let members = json!({name: value});
                assert!(token(members.clone()).not_bearer().is_some(), "{members}");
            }
        }
    }

    #[test]
    fn dropping_the_presented_token_makes_no_bearer() {
        for (name, value) in [("token_type", "refresh_token"), ("token_use", "refresh_token")] {
            let presented = TokenValue::parse("refresh_token".to_owned()).unwrap();
            let token = token(json!({name: value})).redact(&presented);
            assert!(token.token_type.is_none() && token.extensions.is_empty());
            assert!(token.not_bearer().is_some(), "{name}");
        }
    }
}
