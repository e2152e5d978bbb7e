use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use introspectd_core::{Clock, Timestamp};
use introspectd_settings::Section;
use secrecy::{ExposeSecret, SecretString};

use crate::address::Address;
use crate::authorization::{
    basic, client_basic, read_client, read_encoding, renewed, required, sensitive,
};
use crate::dialect::Dialect;
use crate::grant::{Grant, GrantObserver};
use crate::grant_request::GrantRequest;
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
    Grant(Arc<Grant>),
}

/// Credentials as configured.
#[derive(Debug)]
pub(crate) enum CredentialConfig {
    Ready(Credentials),
    Grant(GrantRequest),
}

const TYPES: &str =
    "Types: none, bearer, basic, client_secret_basic, client_secret_post, client_credentials.";

impl Credentials {
    /// Returns the end of the bearer token that we hold, if we fetch one and know its end.
    pub(crate) fn expiry(&self) -> Option<Timestamp> {
        match self {
            Self::Grant(grant) => grant.expiry(),
            Self::None | Self::Header(_) | Self::Form { .. } => None,
        }
    }
}

impl CredentialConfig {
    pub(crate) const NONE: Self = Self::Ready(Credentials::None);

    pub(crate) fn into_live(
        self,
        pool: &Pool,
        timeout: Duration,
        clock: Arc<dyn Clock>,
        observer: GrantObserver,
    ) -> Credentials {
        match self {
            Self::Ready(credentials) => credentials,
            Self::Grant(request) => {
                let grant = Grant::new(request, pool.clone(), timeout, clock, observer);
                Credentials::Grant(Arc::new(grant))
            }
        }
    }

    /// Returns true if the credentials need an `https` address of their own.
    pub(crate) fn is_https(&self) -> bool {
        match self {
            Self::Ready(_) => false,
            Self::Grant(request) => request.is_https(),
        }
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
        let mut table = section.section("credentials");
        let read = match table.required_text("type", TYPES)?.as_str() {
            "none" => Some(Credentials::None),
            "bearer" => read_bearer(&mut table),
            "basic" => read_basic(&mut table),
            "client_secret_basic" => read_client_secret_basic(&mut table),
            "client_secret_post" if matches!(dialect, Dialect::FormEndpoint) => {
                let (client_id, client_secret) = read_client(&mut table);
                let client_secret =
                    client_secret.and_then(|secret| renewed(secret, |it| Some(it.clone())));
                client_id
                    .zip(client_secret)
                    .map(|(client_id, client_secret)| Credentials::Form {
                        client_id,
                        client_secret,
                    })
            }
            "client_credentials" => {
                let request = GrantRequest::read(&mut table, dialect, address, allow_http);
                table.finish();
                return request.map(Self::Grant);
            }
            // Left without `finish`: which other keys belong here is known when the type is.
            "client_secret_post" => {
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
        read.map(Self::Ready)
    }
}

fn read_bearer(table: &mut Section) -> Option<Credentials> {
    let token = table.required_renewable_secret("token")?;
    let header = renewed(token, |token| sensitive("Bearer", token.expose_secret()));
    if header.is_none() {
        table.problem(
            "token",
            "holds a character that no header can carry",
            "Check for line breaks.",
        );
    }
    header.map(Credentials::Header)
}

fn read_basic(table: &mut Section) -> Option<Credentials> {
    let username = required(table, "username");
    let password = table.required_renewable_secret("password");
    basic(table, username?, password?).map(Credentials::Header)
}

fn read_client_secret_basic(table: &mut Section) -> Option<Credentials> {
    let encoded = read_encoding(table);
    let (id, secret) = read_client(table);
    client_basic(table, &id?, secret?, encoded).map(Credentials::Header)
}
