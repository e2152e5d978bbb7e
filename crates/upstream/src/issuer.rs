use http::Uri;
use introspectd_settings::Section;

use crate::address::{Address, Refused};

/// Issuer whose metadata can be found by its identifier (RFC 8414, OpenID Connect Discovery 1.0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Byte for byte as configured.
    identifier: String,
    address: Address,
    allow_http: bool,
}

/// Identifier below which no metadata can be found: no URL, one with a query, or plain http to
/// another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no https URL, below which its metadata could be found")]
pub struct Undiscoverable;

impl Issuer {
    /// Reads an identifier.
    ///
    /// # Errors
    /// [`Undiscoverable`].
    pub fn parse(identifier: &str, allow_http: bool) -> Result<Self, Undiscoverable> {
        let address = Address::parse(identifier).map_err(|_| Undiscoverable)?;
        if address.has_query() || !address.is_private() && !allow_http {
            return Err(Undiscoverable);
        }
        Ok(Self {
            identifier: identifier.to_owned(),
            address,
            allow_http,
        })
    }

    /// Reads `issuer` and `allow_http` of a section with `discover = true`. `remedy` says what may
    /// stand in place of that.
    pub fn read(section: &mut Section, remedy: &str) -> Option<Self> {
        let allow_http = section.flag("allow_http", false);
        let missing = "Write the issuer of its metadata: issuer = \"https://as.example\".";
        let identifier = section.required_text("issuer", missing)?;
        match Self::parse(&identifier, allow_http) {
            Ok(issuer) => Some(issuer),
            Err(error) => {
                section.problem("issuer", error.to_string(), remedy);
                None
            }
        }
    }

    /// Returns the identifier, byte for byte as configured.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// Returns the identifier as an address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns true if an address that the metadata names may be used.
    pub fn may_name(&self, address: &Address) -> bool {
        address.is_private() || self.allow_http
    }

    /// Returns the address of a well-known document between host and path (RFC 8414 section 3).
    ///
    /// # Errors
    /// [`Refused`] if it is too long for a URL.
    pub fn inserted(&self, name: &str) -> Result<Uri, Refused> {
        self.address.well_known(name)
    }

    /// Returns the address of a well-known document below the path (OpenID Connect Discovery 1.0
    /// section 4).
    ///
    /// # Errors
    /// [`Refused`] if it is too long for a URL.
    pub fn appended(&self, name: &str) -> Result<Uri, Refused> {
        self.address.below(&format!("/.well-known/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_inserted_and_appended() {
        for (identifier, inserted, appended) in [
            ("https://a.example", "/.well-known/x", "/.well-known/x"),
            ("https://a.example/", "/.well-known/x", "/.well-known/x"),
            (
                "https://a.example/t/1",
                "/.well-known/x/t/1",
                "/t/1/.well-known/x",
            ),
            (
                "https://a.example/T/%7e/",
                "/.well-known/x/T/%7e",
                "/T/%7e/.well-known/x",
            ),
        ] {
            let issuer = Issuer::parse(identifier, false).unwrap();
            assert_eq!(
                issuer.inserted("x").unwrap().path(),
                inserted,
                "{identifier}"
            );
            assert_eq!(
                issuer.appended("x").unwrap().path(),
                appended,
                "{identifier}"
            );
            assert_eq!(issuer.identifier(), identifier);
        }
    }

    #[test]
    fn identifier_without_place_for_documents_is_refused() {
        for identifier in [
            "urn:x",
            "https://a.example/?t=1",
            "http://a.example",
            "a",
            "",
        ] {
            assert_eq!(
                Issuer::parse(identifier, false),
                Err(Undiscoverable),
                "{identifier}"
            );
        }
        assert!(Issuer::parse("http://a.example", true).is_ok());
        assert!(Issuer::parse("http://127.0.0.1:1", false).is_ok());
    }
}
