use introspectd_service::Signing;
use serde::Serialize;

/// Metadata of RFC 8414 section 2, for a server that issues no token: its clients introspect and
/// revoke them.
#[derive(Debug, Serialize)]
pub(super) struct Metadata<'a> {
    issuer: &'a str,
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Required, and empty. Section 3.2 would have an empty array left out; a client that insists
    /// on what section 2 requires would refuse the whole document then, and no client minds an
    /// empty one.
    response_types_supported: [&'static str; 0],
    /// Empty too, since to leave it out says `authorization_code` and `implicit`.
    grant_types_supported: [&'static str; 0],
    /// Keys of signed answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    /// Algorithms of RFC 9701, that of an answer for a caller without wishes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_signing_alg_values_supported: Option<Vec<&'static str>>,
}

impl<'a> Metadata<'a> {
    /// Creates the metadata. `certificate` says whether a client's certificate identifies it.
    pub(super) fn of(issuer: &'a str, certificate: bool, signing: Option<&Signing>) -> Self {
        let by_certificate = certificate.then_some("tls_client_auth");
        let revocation = || ["client_secret_basic"].into_iter().chain(by_certificate);
        Self {
            issuer,
            introspection_endpoint: format!("{issuer}/introspect"),
            // Only here names of token types are allowed beside those of methods.
            introspection_endpoint_auth_methods_supported: revocation().chain(["Bearer"]).collect(),
            revocation_endpoint: format!("{issuer}/revoke"),
            revocation_endpoint_auth_methods_supported: revocation().collect(),
            response_types_supported: [],
            grant_types_supported: [],
            jwks_uri: signing.map(|_| format!("{issuer}/jwks")),
            introspection_signing_alg_values_supported: signing.map(Signing::algorithms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoints_and_how_to_authenticate_there() {
        assert_eq!(
            serde_json::to_value(Metadata::of("https://a.example/x", false, None)).unwrap(),
            json!({
                "issuer": "https://a.example/x",
                "introspection_endpoint": "https://a.example/x/introspect",
                "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "Bearer"],
                "revocation_endpoint": "https://a.example/x/revoke",
                "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
                "response_types_supported": [],
                "grant_types_supported": [],
            })
        );
    }

    #[test]
    fn certificates_are_a_method_where_they_are_asked_for() {
        let metadata = Metadata::of("https://a.example", true, None);
        let methods = ["client_secret_basic", "tls_client_auth"];
        assert_eq!(metadata.revocation_endpoint_auth_methods_supported, methods);
        assert_eq!(
            metadata.introspection_endpoint_auth_methods_supported,
            [methods.as_slice(), &["Bearer"]].concat()
        );
    }
}
