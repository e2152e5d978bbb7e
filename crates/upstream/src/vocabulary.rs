//! Standard names of words that vendors spell in their own ways.

use introspectd_core::{NotBearer, Token};

/// Sets `token_type` from a provider's member, if present. A member that is not text is not shown,
/// and counts as an unknown scheme.
pub fn read_token_type(token: &mut Token, member: Option<Option<&str>>) {
    match member {
        None => {}
        Some(Some(name)) => token.token_type = Some(scheme(name)),
        Some(None) => token.not_bearer = Some(NotBearer::OtherScheme),
    }
}

/// RFC 6749 name of a token type: `Bearer` for any case of it and for `BearerToken`, any other
/// unchanged.
fn scheme(vendor: &str) -> String {
    if vendor.eq_ignore_ascii_case("bearer") || vendor.eq_ignore_ascii_case("BearerToken") {
        "Bearer".to_owned()
    } else {
        vendor.to_owned()
    }
}

/// RFC 6749 or 8693 name of a vendor's grant type; `None` where it has none.
pub fn grant_type(vendor: &str) -> Option<String> {
    let name = match vendor
        .to_ascii_lowercase()
        .replace([' ', '-'], "_")
        .as_str()
    {
        "client_credentials" | "client_credential" | "client" | "grant_flow_client_credentials" => {
            "client_credentials"
        }
        "authorization_code" | "auth_code" | "code" => "authorization_code",
        "refresh_token" | "refresh" => "refresh_token",
        "password" | "grant_flow_password" => "password",
        "implicit" | "token" => "implicit",
        _ if vendor.starts_with("urn:") => vendor,
        _ => return None,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{Expiry, Status};

    fn read(member: Option<Option<&str>>) -> Token {
        let mut token = Token::new(Status::Good, Expiry::Never);
        read_token_type(&mut token, member);
        token
    }

    #[test]
    fn token_types_get_standard_names() {
        for (sent, read_as) in [
            ("BearerToken", "Bearer"),
            ("bEARER", "Bearer"),
            ("DPoP", "DPoP"),
        ] {
            assert_eq!(read(Some(Some(sent))).token_type.as_deref(), Some(read_as));
        }
        assert_eq!(read(None).token_type, None);
    }

    #[test]
    fn unreadable_or_other_scheme_is_no_bearer_token() {
        for member in [None, Some(Some("Bearer")), Some(Some("BearerToken"))] {
            assert_eq!(read(member).not_bearer(), None, "{member:?}");
        }
        for member in [None, Some("DPoP"), Some(""), Some("Bearer ")] {
            assert_eq!(
                read(Some(member)).not_bearer(),
                Some(NotBearer::OtherScheme),
                "{member:?}"
            );
        }
        assert_eq!(read(Some(None)).token_type, None);
    }

    #[test]
    fn grant_types_get_standard_names() {
        assert_eq!(
            grant_type("auth code").as_deref(),
            Some("authorization_code")
        );
        assert_eq!(
            grant_type("client_credential").as_deref(),
            Some("client_credentials")
        );
        assert_eq!(grant_type("GRANT_FLOW_LOGIN"), None);
        let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
        assert_eq!(grant_type(exchange).as_deref(), Some(exchange));
    }
}
