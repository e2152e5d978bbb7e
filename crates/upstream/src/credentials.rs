use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use introspectd_core::Clock;
use introspectd_settings::Section;
use secrecy::{ExposeSecret, SecretString};

use crate::address::Address;
use crate::connection::Dialect;
use crate::grant::{Grant, GrantRequest};

/// How we authenticate to a provider, ready to use.
#[derive(Debug)]
pub(crate) enum Credentials {
    None,
    /// `Authorization`, marked sensitive.
    Header(HeaderValue),
    /// `client_secret_post`, RFC 6749 section 2.3.1.
    Form {
        client_id: String,
        client_secret: SecretString,
    },
    Grant(Grant),
}

/// The same, as read.
#[derive(Debug)]
pub(crate) enum CredentialConfig {
    Ready(Credentials),
    Grant(GrantRequest),
}

impl Credentials {
    pub(crate) fn header(&self) -> Option<&HeaderValue> {
        match self {
            Self::Header(header) => Some(header),
            Self::None | Self::Form { .. } | Self::Grant(_) => None,
        }
    }

    pub(crate) fn add_to_form(&self, form: &mut form_urlencoded::Serializer<'_, String>) {
        match self {
            Self::Form { client_id, client_secret } => {
                form.append_pair("client_id", client_id);
                form.append_pair("client_secret", client_secret.expose_secret());
            }
            Self::None | Self::Header(_) | Self::Grant(_) => {}
        }
    }
}

const TYPES: &str =
    "Types: none, bearer, basic, client_secret_basic, client_secret_post, client_credentials.";

impl CredentialConfig {
    pub(crate) fn into_live(self, clock: Arc<dyn Clock>) -> Credentials {
        match self {
            Self::Ready(credentials) => credentials,
            Self::Grant(request) => Credentials::Grant(Grant::new(request, clock)),
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
        let read = table.required_text("type", TYPES).and_then(|kind| match kind.as_str() {
            "none" => Some(Self::Ready(Credentials::None)),
            "bearer" => {
                let token = table.required_secret("token")?;
                header(&table, "token", "Bearer", token.expose_secret())
            }
            "basic" => {
                let username = required(&mut table, "username");
                let password = table.required_secret("password");
                basic(&table, &username?, password?.expose_secret())
            }
            "client_secret_basic" => {
                let encoded = read_encoding(&mut table);
                let (id, secret) = read_client(&mut table);
                let (id, secret) = (id?, secret?);
                basic(&table, &encode(&id, encoded), &encode(secret.expose_secret(), encoded))
            }
            "client_secret_post" if matches!(dialect, Dialect::FormEndpoint) => {
                let (client_id, client_secret) = read_client(&mut table);
                Some(Self::Ready(Credentials::Form { client_id: client_id?, client_secret: client_secret? }))
            }
            "client_secret_post" => {
                let remedy = "This kind of provider is not asked by a form. Choose another type.";
                table.problem("type", "does not fit this kind of provider", remedy);
                None
            }
            "client_credentials" => {
                GrantRequest::read(&mut table, dialect, address, allow_http).map(Self::Grant)
            }
            _ => {
                table.problem("type", "is no type of credentials", TYPES);
                None
            }
        });
        table.finish();
        read
    }
}

pub(crate) fn required(table: &mut Section, key: &str) -> Option<String> {
    table.required_text(key, &format!("Write {key} = \"…\"."))
}

pub(crate) fn read_client(table: &mut Section) -> (Option<String>, Option<SecretString>) {
    (required(table, "client_id"), table.required_secret("client_secret"))
}

/// Whether Basic credentials are form-urlencoded inside, as RFC 6749 section 2.3.1 says. ZITADEL
/// needs it, some servers break on it.
pub(crate) fn read_encoding(table: &mut Section) -> bool {
    let encoding = table.parsed("encoding", "Write \"form\" or \"plain\".", |text| match text {
        "form" => Ok(true),
        "plain" => Ok(false),
        _ => Err("is no encoding"),
    });
    encoding.unwrap_or(true)
}

pub(crate) fn encode(text: &str, encoded: bool) -> String {
    if encoded { form_urlencoded::byte_serialize(text.as_bytes()).collect() } else { text.to_owned() }
}

/// The value of a Basic `Authorization` header, RFC 7617.
pub(crate) fn basic_header(user: &str, password: &str) -> Option<HeaderValue> {
    sensitive("Basic", &STANDARD.encode(format!("{user}:{password}")))
}

/// An `Authorization` value, which then prints as `Sensitive`.
pub(crate) fn sensitive(scheme: &str, value: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("{scheme} {value}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn basic(table: &Section, user: &str, password: &str) -> Option<CredentialConfig> {
    if user.contains(':') {
        let remedy = "HTTP Basic cannot carry a user name with a colon (RFC 7617).";
        table.problem("", "the user name holds a colon", remedy);
        return None;
    }
    basic_header(user, password).map(|header| CredentialConfig::Ready(Credentials::Header(header)))
}

fn header(table: &Section, key: &str, scheme: impl fmt::Display, value: &str) -> Option<CredentialConfig> {
    let header = sensitive(&scheme.to_string(), value);
    if header.is_none() {
        table.problem(key, "holds a character that no header can carry", "Check for line breaks.");
    }
    header.map(|header| CredentialConfig::Ready(Credentials::Header(header)))
}
