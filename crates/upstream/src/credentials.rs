use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use introspectd_core::{Clock, Timestamp};
use introspectd_settings::Section;
use secrecy::{ExposeSecret, SecretString};

use crate::address::Address;
use crate::assertion::Assertion;
use crate::authorization::{
    UNFIT, basic, client_basic, read_client, read_encoding, renewed, required, sensitive,
};
use crate::dialect::Dialect;
use crate::grant::{Grant, GrantObserver};
use crate::grant_request::GrantRequest;
use crate::headers::Headers;
use crate::pool::Pool;
use crate::renewed::Renewed;

/// Credentials for a provider, ready to use.
#[derive(Debug)]
pub(crate) enum Credentials {
    None,
    /// `Authorization`, marked sensitive.
    Header(Renewed<HeaderValue>),
    /// `client_secret_post`, RFC 6749 section 2.3.1.
    Form {
        client_id: String,
        client_secret: Renewed<SecretString>,
    },
    /// `private_key_jwt`.
    Assertion(Assertion, Arc<dyn Clock>),
    /// `tls_client_auth`, RFC 8705 section 2.1: the certificate is shown by TLS.
    Certificate {
        client_id: String,
    },
    Grant(Arc<Grant>),
}

/// Credentials as configured.
#[derive(Debug)]
pub(crate) struct CredentialConfig {
    kind: Kind,
    /// Way to authenticate, as the metadata of a server (RFC 8414) names it.
    pub(crate) method: &'static str,
}

#[derive(Debug)]
enum Kind {
    None,
    Header(Renewed<HeaderValue>),
    Form {
        client_id: String,
        client_secret: Renewed<SecretString>,
    },
    Assertion(Assertion),
    Certificate {
        client_id: String,
    },
    Grant(GrantRequest),
}

/// Place of our credentials in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialPlace {
    /// None are sent.
    Nowhere,
    /// `Authorization`.
    Header,
    /// The form.
    Form,
}

const TYPES: &str = "Types: none, bearer, basic, client_secret_basic, client_secret_post, \
    client_credentials, private_key_jwt, tls_client_auth.";

const CERTIFICATE: &str = "tls_client_auth";

impl Credentials {
    /// Returns the end of the bearer token that we hold, if we fetch one and know its end.
    pub(crate) fn expiry(&self) -> Option<Timestamp> {
        match self {
            Self::Grant(grant) => grant.expiry(),
            Self::None
            | Self::Header(_)
            | Self::Form { .. }
            | Self::Assertion(..)
            | Self::Certificate { .. } => None,
        }
    }
}

impl CredentialConfig {
    pub(crate) const NONE: Self = Self {
        kind: Kind::None,
        method: "none",
    };

    pub(crate) fn into_live(
        self,
        pool: &Pool,
        headers: Headers,
        timeout: Duration,
        clock: Arc<dyn Clock>,
        observer: GrantObserver,
    ) -> Credentials {
        match self.kind {
            Kind::None => Credentials::None,
            Kind::Header(header) => Credentials::Header(header),
            Kind::Form {
                client_id,
                client_secret,
            } => Credentials::Form {
                client_id,
                client_secret,
            },
            Kind::Assertion(assertion) => Credentials::Assertion(assertion, clock),
            Kind::Certificate { client_id } => Credentials::Certificate { client_id },
            Kind::Grant(request) => {
                let grant = Grant::new(request, pool.clone(), headers, timeout, clock, observer);
                Credentials::Grant(Arc::new(grant))
            }
        }
    }

    pub(crate) fn place(&self) -> CredentialPlace {
        match &self.kind {
            Kind::None => CredentialPlace::Nowhere,
            Kind::Form { .. } | Kind::Assertion(_) | Kind::Certificate { .. } => {
                CredentialPlace::Form
            }
            Kind::Header(_) | Kind::Grant(_) => CredentialPlace::Header,
        }
    }

    /// Returns true if the credentials need an `https` address of their own.
    pub(crate) fn is_https(&self) -> bool {
        match &self.kind {
            Kind::Grant(request) => request.is_https(),
            Kind::None
            | Kind::Header(_)
            | Kind::Form { .. }
            | Kind::Assertion(_)
            | Kind::Certificate { .. } => false,
        }
    }

    /// Returns true if our certificate is the credential.
    pub(crate) fn is_certificate(&self) -> bool {
        self.method == CERTIFICATE
    }

    pub(crate) fn read(
        section: &mut Section,
        dialect: Dialect,
        address: Option<&Address>,
        allow_http: bool,
    ) -> Option<Self> {
        if !section.has("credentials") {
            section.section("credentials");
            let remedy = format!("Write credentials = {{ type = \"…\", … }}. {TYPES}");
            section.problem("credentials", "are missing", remedy);
            return None;
        }
        let by_form = matches!(dialect, Dialect::FormEndpoint);
        let issuer = by_form.then(|| section.text("issuer")).flatten();
        let mut table = section.section("credentials");
        let (kind, method) = match table.required_text("type", TYPES)?.as_str() {
            "none" => (Some(Kind::None), "none"),
            "bearer" => (read_bearer(&mut table), "Bearer"),
            "basic" => (read_basic(&mut table), "client_secret_basic"),
            "client_secret_basic" => {
                let kind = read_client_secret_basic(&mut table);
                (kind, "client_secret_basic")
            }
            "client_secret_post" if by_form => {
                (read_client_secret_post(&mut table), "client_secret_post")
            }
            "private_key_jwt" if by_form => {
                let assertion = Assertion::read(&mut table, issuer.as_deref());
                (assertion.map(Kind::Assertion), "private_key_jwt")
            }
            CERTIFICATE if by_form => {
                let client_id = required(&mut table, "client_id");
                let kind = client_id.map(|client_id| Kind::Certificate { client_id });
                (kind, CERTIFICATE)
            }
            "client_credentials" => {
                let request = GrantRequest::read(&mut table, dialect, address, allow_http);
                (request.map(Kind::Grant), "Bearer")
            }
            // Left without `finish`: which other keys belong here is known when the type is.
            "client_secret_post" | "private_key_jwt" | CERTIFICATE => {
                let remedy = "This kind of provider is not asked by a form. Choose another type.";
                table.problem("type", "does not fit this kind of provider", remedy);
                return None;
            }
            _ => {
                table.problem("type", "is no type of credentials", TYPES);
                return None;
            }
        };
        table.finish();
        kind.map(|kind| Self { kind, method })
    }
}

fn read_client_secret_post(table: &mut Section) -> Option<Kind> {
    let (client_id, client_secret) = read_client(table);
    let client_secret = client_secret.and_then(|secret| renewed(secret, |it| Some(it.clone())));
    Some(Kind::Form {
        client_id: client_id?,
        client_secret: client_secret?,
    })
}

fn read_bearer(table: &mut Section) -> Option<Kind> {
    let token = table.required_renewable_secret("token")?;
    let header = renewed(token, |token| sensitive("Bearer", token.expose_secret()));
    if header.is_none() {
        table.problem("token", UNFIT, "Check for line breaks.");
    }
    header.map(Kind::Header)
}

fn read_basic(table: &mut Section) -> Option<Kind> {
    let username = required(table, "username");
    let password = table.required_renewable_secret("password");
    basic(table, username?, password?).map(Kind::Header)
}

fn read_client_secret_basic(table: &mut Section) -> Option<Kind> {
    let encoded = read_encoding(table);
    let (id, secret) = read_client(table);
    client_basic(table, &id?, secret?, encoded).map(Kind::Header)
}
