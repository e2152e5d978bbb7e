//! `Authorization` values, and the keys of the configuration that they are made of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use introspectd_settings::Section;
use secrecy::{ExposeSecret, SecretString};

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

/// `client_secret_basic`, RFC 6749 section 2.3.1.
pub(crate) fn client_basic(
    table: &Section,
    id: &str,
    secret: &SecretString,
    encoded: bool,
) -> Option<HeaderValue> {
    basic(table, "client_id", &encode(id, encoded), &encode(secret.expose_secret(), encoded))
}

/// Form-urlencodes, a space as `%20`: every form decoder reads that, while servers on Authlib, which
/// only undo percent-encoding, read `+` as a plus.
fn encode(text: &str, encoded: bool) -> String {
    if !encoded {
        return text.to_owned();
    }
    // The serializer writes a plus itself as `%2B`.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The value of a Basic `Authorization` header, RFC 7617. `key` is the user's name in the configuration.
pub(crate) fn basic(table: &Section, key: &str, user: &str, password: &str) -> Option<HeaderValue> {
    if user.contains(':') {
        let remedy = "HTTP Basic cannot carry a user name with a colon (RFC 7617).";
        table.problem(key, "holds a colon", remedy);
        return None;
    }
    sensitive("Basic", &STANDARD.encode(format!("{user}:{password}")))
}

/// An `Authorization` value, which then prints as `Sensitive`.
pub(crate) fn sensitive(scheme: &str, value: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("{scheme} {value}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}
