use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use introspectd_core::{Clock, Failure, Outage};
use introspectd_discovery::{Document, Endpoint, Lifetimes, Metadata, Refreshing, Remote, Source};
use introspectd_upstream::{Connection, Outbound, Upstream};

/// Endpoints of the server, as configured or as its metadata says.
#[derive(Debug)]
pub(crate) enum Endpoints {
    Configured {
        introspection: Uri,
        /// RFC 7009; without it tokens cannot be revoked there.
        revocation: Option<Uri>,
    },
    Discovered(Discovered),
}

/// Endpoints that the server's metadata names (RFC 8414). They change with it.
#[derive(Debug)]
pub(crate) struct Discovered {
    metadata: Document<Metadata>,
    /// Configured revocation endpoint, which comes first.
    revocation: Option<Uri>,
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
    pub(crate) fn of(
        connection: &Connection,
        source: Option<Source>,
        revocation: Option<Uri>,
        clock: Arc<dyn Clock>,
        outbound: &Outbound,
    ) -> Self {
        let Some(source) = source else {
            return Self::Configured {
                introspection: connection.address.uri().clone(),
                revocation,
            };
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
        Self::Discovered(Discovered {
            _refreshing: runtime.map(|runtime| metadata.refresh_on(&runtime)),
            metadata,
            revocation,
            shows_certificate: connection.shows_certificate(),
        })
    }

    /// Returns true unless the endpoints are yet to be discovered.
    pub(crate) fn are_known(&self) -> bool {
        match self {
            Self::Configured { .. } => true,
            Self::Discovered(discovered) => discovered.metadata.current().is_some(),
        }
    }

    /// Returns true if tokens can be revoked, as far as is known.
    pub(crate) fn can_revoke(&self) -> bool {
        match self {
            Self::Configured { revocation, .. } => revocation.is_some(),
            Self::Discovered(discovered) => {
                let metadata = discovered.metadata.current();
                discovered.revocation.is_some() || metadata.is_none_or(|it| it.revocation.is_some())
            }
        }
    }

    /// Returns the introspection endpoint. Waits for a fetch of the metadata only where there is
    /// none yet.
    pub(crate) async fn introspection(&self) -> Result<Uri, Failure> {
        match self {
            Self::Configured { introspection, .. } => Ok(introspection.clone()),
            Self::Discovered(discovered) => {
                let metadata = discovered.metadata().await?;
                discovered.uri(metadata.introspection.as_ref())
            }
        }
    }

    /// Returns the revocation endpoint.
    pub(crate) async fn revocation(&self) -> Result<Uri, Failure> {
        let configured = match self {
            Self::Configured { revocation, .. } => revocation,
            Self::Discovered(Discovered { revocation, .. }) => revocation,
        };
        match (configured, self) {
            (Some(configured), _) => Ok(configured.clone()),
            (None, Self::Configured { .. }) => Err(Failure::Unsupported),
            (None, Self::Discovered(discovered)) => {
                let metadata = discovered.metadata().await?;
                discovered.uri(metadata.revocation.as_ref())
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

    fn uri(&self, endpoint: Option<&Endpoint>) -> Result<Uri, Failure> {
        let endpoint = endpoint.ok_or(Failure::Unsupported)?;
        Ok(endpoint.address(self.shows_certificate).uri().clone())
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
                let supported = supported.map(|them| them.join(" ")).unwrap_or_default();
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

/// Returns true if a server that lists these methods may accept ours.
fn accepts(supported: &[String], ours: &str) -> bool {
    let is_listed = |name: &str| supported.iter().any(|it| it.eq_ignore_ascii_case(name));
    is_listed(ours) || ours == "tls_client_auth" && is_listed("self_signed_tls_client_auth")
}
