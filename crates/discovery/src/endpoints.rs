use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use introspectd_core::{Clock, Failure, Outage};
use introspectd_upstream::{Address, Connection, Outbound, Upstream};

use crate::document::{Document, Lifetimes, Refreshing};
use crate::metadata::Metadata;
use crate::source::{Remote, Source};

/// Endpoints of a server, as configured or as its metadata says.
#[derive(Debug)]
pub struct Endpoints(Place);

#[derive(Debug)]
enum Place {
    Configured {
        introspection: Uri,
        /// RFC 7009; without it tokens cannot be revoked there.
        revocation: Option<Uri>,
    },
    Discovered(Discovered),
}

/// Endpoints that the server's metadata names (RFC 8414). They change with it.
#[derive(Debug)]
struct Discovered {
    metadata: Document<Metadata>,
    /// Configured revocation endpoint, which comes first.
    revocation: Option<Address>,
    shows_certificate: bool,
    _refreshing: Option<Refreshing>,
}

/// Longest life of metadata that cannot be fetched again: it serves until it is replaced.
const LIFETIMES: Lifetimes = Lifetimes {
    refresh: Duration::from_secs(60 * 60),
    max_age: Duration::MAX,
};

impl Endpoints {
    /// Takes the configured endpoints, or begins to look for those at a source.
    pub fn of(
        connection: &Connection,
        source: Option<Source>,
        revocation: Option<Address>,
        clock: Arc<dyn Clock>,
        outbound: &Outbound,
    ) -> Self {
        let Some(source) = source else {
            return Self(Place::Configured {
                introspection: connection.address.uri().clone(),
                revocation: revocation.map(|address| address.uri().clone()),
            });
        };
        let issuer = source.issuer().to_owned();
        let documents = Upstream::new(connection.for_documents(), Arc::clone(&clock), outbound);
        let announce = announcer(issuer.clone(), connection.auth_method());
        let metadata = Document::new(
            "metadata",
            issuer,
            Remote::new(source, documents),
            clock,
            LIFETIMES,
            announce,
        );
        let runtime = outbound.runtime();
        Self(Place::Discovered(Discovered {
            _refreshing: runtime.map(|runtime| metadata.refresh_on(&runtime)),
            metadata,
            revocation,
            shows_certificate: connection.shows_certificate(),
        }))
    }

    /// Returns true unless the endpoints are yet to be discovered.
    pub fn are_known(&self) -> bool {
        match &self.0 {
            Place::Configured { .. } => true,
            Place::Discovered(discovered) => discovered.metadata.current().is_some(),
        }
    }

    /// Returns true if tokens can be revoked, as far as is known.
    pub fn can_revoke(&self) -> bool {
        match &self.0 {
            Place::Configured { revocation, .. } => revocation.is_some(),
            Place::Discovered(discovered) => {
                let metadata = discovered.metadata.current();
                metadata.is_none_or(|metadata| discovered.revocation(&metadata).is_some())
            }
        }
    }

    /// Returns the introspection endpoint. Waits for a fetch of the metadata only where there is
    /// none yet.
    ///
    /// # Errors
    /// [`Outage::NoMetadata`], with the time until the next fetch.
    pub async fn introspection(&self) -> Result<Uri, Failure> {
        match &self.0 {
            Place::Configured { introspection, .. } => Ok(introspection.clone()),
            Place::Discovered(discovered) => {
                let metadata = discovered.metadata().await?;
                let address = discovered.introspection(&metadata);
                let address = address.ok_or(Failure::Unsupported)?;
                Ok(address.uri().clone())
            }
        }
    }

    /// Returns the revocation endpoint.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] where there is none, else as
    /// [`introspection`](Self::introspection).
    pub async fn revocation(&self) -> Result<Uri, Failure> {
        match &self.0 {
            Place::Configured { revocation, .. } => revocation.clone().ok_or(Failure::Unsupported),
            Place::Discovered(discovered) => {
                let metadata = discovered.metadata().await?;
                let address = discovered.revocation(&metadata);
                let address = address.ok_or(Failure::Unsupported)?;
                Ok(address.uri().clone())
            }
        }
    }
}

impl Discovered {
    async fn metadata(&self) -> Result<Arc<Metadata>, Failure> {
        let metadata = self.metadata.get().await;
        metadata.map_err(|wait| Failure::Unavailable {
            outage: Outage::NoMetadata,
            retry_after: Some(wait),
        })
    }

    fn introspection<'a>(&self, metadata: &'a Metadata) -> Option<&'a Address> {
        let endpoint = metadata.introspection.as_ref()?;
        Some(endpoint.address(self.shows_certificate))
    }

    /// An introspection endpoint would answer 200 to every revocation, and revoke nothing.
    fn revocation<'a>(&'a self, metadata: &'a Metadata) -> Option<&'a Address> {
        let found = metadata.revocation.as_ref();
        let found = found.map(|endpoint| endpoint.address(self.shows_certificate));
        let address = self.revocation.as_ref().or(found)?;
        let introspection = self.introspection(metadata);
        let is_other = introspection.is_none_or(|it| !it.is_same_place(address));
        is_other.then_some(address)
    }
}

/// Makes what logs new metadata, and warns where our way to authenticate is not in it.
fn announcer(issuer: String, method: &'static str) -> impl Fn(&Metadata) + Send + Sync + 'static {
    move |metadata| {
        tracing::info!(issuer, "metadata fetched");
        let endpoints = [
            ("introspection_endpoint", &metadata.introspection),
            ("revocation_endpoint", &metadata.revocation),
        ];
        for (endpoint, found) in endpoints {
            let supported = found.as_ref().and_then(|it| it.auth_methods.as_deref());
            if supported.is_some_and(|supported| !accepts(supported, method)) {
                let supported = shown(supported.unwrap_or_default());
                tracing::warn!(
                    issuer,
                    endpoint,
                    ours = method,
                    supported,
                    "the server's metadata does not list our way to authenticate; if it refuses \
                        our credentials, choose another type of `credentials`"
                );
            }
        }
    }
}

/// Most methods of a server that a line in the log shows.
const MAX_SHOWN: usize = 10;

/// Returns methods for the log: those that look like one.
fn shown(methods: &[String]) -> String {
    let is_name = |name: &&String| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        name.len() <= 64 && name.chars().all(is_part)
    };
    let names = methods.iter().filter(is_name).take(MAX_SHOWN);
    names.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Returns true if a server that lists these methods may accept ours.
fn accepts(supported: &[String], ours: &str) -> bool {
    let is_listed = |name: &str| supported.iter().any(|it| it.eq_ignore_ascii_case(name));
    is_listed(ours) || ours == "tls_client_auth" && is_listed("self_signed_tls_client_auth")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(methods: &[&str]) -> Vec<String> {
        methods.iter().map(|&method| method.to_owned()).collect()
    }

    #[test]
    fn only_what_looks_like_a_method_is_shown() {
        let (longest, longer) = ("x".repeat(64), "x".repeat(65));
        let methods = [
            "client_secret_basic",
            "a b",
            "a\nb",
            "a-b",
            &longer,
            &longest,
        ];
        let expected = format!("client_secret_basic a-b {longest}");
        assert_eq!(shown(&owned(&methods)), expected);
        assert_eq!(shown(&owned(&["x"; 11])), "x x x x x x x x x x");
    }

    #[test]
    fn our_method_is_accepted_where_it_is_listed() {
        let basic = owned(&["client_secret_post", "CLIENT_SECRET_BASIC"]);
        assert!(accepts(&basic, "client_secret_basic"));
        assert!(!accepts(&basic, "tls_client_auth"));
        assert!(!accepts(&[], "none"));
        let certificate = owned(&["self_signed_tls_client_auth"]);
        assert!(accepts(&certificate, "tls_client_auth"));
        assert!(!accepts(&certificate, "client_secret_basic"));
    }
}
