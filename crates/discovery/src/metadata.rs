use introspectd_core::BadAnswer;
use introspectd_upstream::{Address, Issuer, object};
use serde::Deserialize;

/// Metadata of a server, as far as it is used here. Addresses that may not be used are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// RFC 7662.
    pub introspection: Option<Endpoint>,
    /// RFC 7009.
    pub revocation: Option<Endpoint>,
    /// Keys (RFC 7517).
    pub jwks: Option<Address>,
}

/// Endpoint that clients authenticate at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Address for clients in general.
    pub address: Address,
    /// Address for clients that show a certificate, where that is another (RFC 8705 section 5).
    pub by_certificate: Option<Address>,
    /// Ways to authenticate; `None` where the metadata does not say.
    pub auth_methods: Option<Vec<String>>,
}

/// Member without which metadata is useless to whoever fetches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// `introspection_endpoint`.
    Introspection,
    /// `jwks_uri`.
    Jwks,
}

/// RFC 8414 section 2, and section 3 of OpenID Connect Discovery 1.0. An absent member and null are
/// the same; a wrong type makes the document useless.
#[derive(Deserialize)]
struct Wire {
    issuer: String,
    introspection_endpoint: Option<String>,
    introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    revocation_endpoint: Option<String>,
    revocation_endpoint_auth_methods_supported: Option<Vec<String>>,
    jwks_uri: Option<String>,
    mtls_endpoint_aliases: Option<Aliases>,
}

/// RFC 8705 section 5.
#[derive(Deserialize, Default)]
struct Aliases {
    introspection_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
}

impl Member {
    /// Name in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Introspection => "introspection_endpoint",
            Self::Jwks => "jwks_uri",
        }
    }
}

impl Metadata {
    /// Reads a document. `None` for that of another issuer.
    pub(crate) fn read(body: &[u8], issuer: &Issuer) -> Result<Option<Self>, BadAnswer> {
        let wire: Wire = object(body)?;
        if wire.issuer != issuer.identifier() {
            return Ok(None);
        }
        let usable = |text: Option<String>| {
            let address = Address::parse(&text?).ok()?;
            issuer.may_name(&address).then_some(address)
        };
        let endpoint = |text, alias, auth_methods| {
            Some(Endpoint {
                address: usable(text)?,
                by_certificate: usable(alias),
                auth_methods,
            })
        };
        let aliases = wire.mtls_endpoint_aliases.unwrap_or_default();
        let introspection = endpoint(
            wire.introspection_endpoint,
            aliases.introspection_endpoint,
            wire.introspection_endpoint_auth_methods_supported,
        );
        let revocation = endpoint(
            wire.revocation_endpoint,
            aliases.revocation_endpoint,
            wire.revocation_endpoint_auth_methods_supported,
        );
        // An introspection endpoint would answer 200 to every revocation, and revoke nothing.
        let revocation = revocation.filter(|revocation| {
            !introspection
                .as_ref()
                .is_some_and(|it| it.address.is_same_place(&revocation.address))
        });
        Ok(Some(Self {
            introspection,
            revocation,
            jwks: usable(wire.jwks_uri),
        }))
    }

    pub(crate) fn has(&self, member: Member) -> bool {
        match member {
            Member::Introspection => self.introspection.is_some(),
            Member::Jwks => self.jwks.is_some(),
        }
    }

    /// Adds what this leaves out of another document of the issuer.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            introspection: self.introspection.or(other.introspection),
            revocation: self.revocation.or(other.revocation),
            jwks: self.jwks.or(other.jwks),
        }
    }
}

impl Endpoint {
    /// Returns the address for us.
    pub fn address(&self, shows_certificate: bool) -> &Address {
        let special = self.by_certificate.as_ref();
        special
            .filter(|_| shows_certificate)
            .unwrap_or(&self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Option<Metadata>, BadAnswer> {
        let issuer = Issuer::parse("https://as.example/t", false).unwrap();
        Metadata::read(body.as_bytes(), &issuer)
    }

    fn with(members: &str) -> Metadata {
        let body = format!(r#"{{"issuer":"https://as.example/t",{members}}}"#);
        read(&body).unwrap().unwrap()
    }

    #[test]
    fn issuer_must_be_ours_to_the_byte() {
        for other in [
            "https://as.example/t/",
            "https://AS.example/t",
            "https://as.example/T",
            "https://as.example",
            "https://as.example:443/t",
            " https://as.example/t",
        ] {
            let body = format!(r#"{{"issuer":"{other}"}}"#);
            assert_eq!(read(&body), Ok(None), "{other}");
        }
        for broken in [
            "{}",
            r#"{"issuer":null}"#,
            r#"{"issuer":1}"#,
            "[]",
            "<html>",
        ] {
            assert!(read(broken).is_err(), "{broken}");
        }
        let twice = r#"{"issuer":"https://evil.example","issuer":"https://as.example/t"}"#;
        assert!(read(twice).is_err());
    }

    #[test]
    fn addresses_that_show_tokens_to_the_network_are_left_out() {
        let metadata = with(r#""introspection_endpoint":"http://as.example/i","jwks_uri":"urn:x""#);
        assert_eq!((metadata.introspection, metadata.jwks), (None, None));
        let local = with(r#""introspection_endpoint":"http://127.0.0.1:1/i/?a=B""#);
        let endpoint = local.introspection.unwrap();
        assert_eq!(endpoint.address.uri(), "http://127.0.0.1:1/i/?a=B");
        assert_eq!(endpoint.auth_methods, None);
    }

    #[test]
    fn revocation_at_the_introspection_endpoint_is_none() {
        let both = r#""introspection_endpoint":"https://as.example/i","revocation_endpoint":"#;
        assert!(
            with(&format!(r#"{both}"https://as.example/i/""#))
                .revocation
                .is_none()
        );
        assert!(
            with(&format!(r#"{both}"https://as.example/r""#))
                .revocation
                .is_some()
        );
    }

    #[test]
    fn clients_with_a_certificate_have_addresses_of_their_own() {
        let metadata = with(
            r#""introspection_endpoint":"https://as.example/i",
            "mtls_endpoint_aliases":{"introspection_endpoint":"https://mtls.as.example/i"}"#,
        );
        let endpoint = metadata.introspection.unwrap();
        assert_eq!(endpoint.address(false).uri(), "https://as.example/i");
        assert_eq!(endpoint.address(true).uri(), "https://mtls.as.example/i");
    }

    #[test]
    fn any_document_names_addresses_that_may_be_used_or_none() {
        let seed = br#"{"issuer":"https://as.example/t","jwks_uri":"https://as.example/j",
            "introspection_endpoint":"https://as.example/i",
            "introspection_endpoint_auth_methods_supported":["none"],
            "revocation_endpoint":"http://as.example/r",
            "mtls_endpoint_aliases":{"introspection_endpoint":"https://as.example:1/i"}}"#;
        let issuer = Issuer::parse("https://as.example/t", false).unwrap();
        introspectd_fuzz::check!(&[seed.as_slice()], |bytes: &[u8]| {
            if let Ok(Some(found)) = Metadata::read(bytes, &issuer) {
                let endpoints = found.introspection.iter().chain(&found.revocation);
                let addresses = endpoints.flat_map(|it| [it.address(false), it.address(true)]);
                assert!(
                    addresses
                        .chain(&found.jwks)
                        .all(|address| address.is_private())
                );
            }
        });
    }
}
