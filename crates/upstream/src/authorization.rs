//! `Authorization` values, and the keys of the configuration that they are made of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use introspectd_settings::{Secret, Section};
use secrecy::{ExposeSecret, SecretString};

use crate::renewed::Renewed;

pub(crate) fn required(table: &mut Section, key: &str) -> Option<String> {
    table.required_text(key, &format!("Write {key} = \"…\"."))
}

pub(crate) fn read_client(table: &mut Section) -> (Option<String>, Option<Secret>) {
    (
        required(table, "client_id"),
        table.required_renewable_secret("client_secret"),
    )
}

/// Reason why a secret is no header.
pub(crate) const UNFIT: &str = "holds a character that no header can carry";

/// Makes a value of a secret, and again when the secret's file is renewed. `None` where it cannot
/// be made of the first.
pub(crate) fn renewed<T>(
    secret: Secret,
    make: impl Fn(&SecretString) -> Option<T> + Send + Sync + 'static,
) -> Option<Renewed<T>> {
    let make = move |secret: &SecretString| make(secret).ok_or_else(|| format!("it {UNFIT}"));
    try_renewed(secret, make).ok()
}

/// Makes a value of a secret, and again when the secret's file is renewed.
///
/// # Errors
/// The reason why the value cannot be made of the first secret.
pub(crate) fn try_renewed<T>(
    secret: Secret,
    make: impl Fn(&SecretString) -> Result<T, String> + Send + Sync + 'static,
) -> Result<Renewed<T>, String> {
    let first = make(&secret.value)?;
    let Some(file) = secret.file else {
        return Ok(Renewed::fixed(first));
    };
    let path = file.clone();
    Ok(Renewed::new(
        "a provider's secret",
        first,
        [path],
        move || {
            let secret = Secret::read(&file).map_err(|error| error.to_string())?;
            make(&secret)
        },
    ))
}

/// Form-urlencoding inside Basic credentials, as RFC 6749 section 2.3.1 requires. ZITADEL
/// needs it, some servers break on it.
pub(crate) fn read_encoding(table: &mut Section) -> bool {
    let encoding = table.parsed(
        "encoding",
        "Write \"form\" or \"plain\".",
        |text| match text {
            "form" => Ok(true),
            "plain" => Ok(false),
            _ => Err("is no encoding"),
        },
    );
    encoding.unwrap_or(true)
}

/// `client_secret_basic`, RFC 6749 section 2.3.1.
pub(crate) fn client_basic(
    table: &Section,
    id: &str,
    secret: Secret,
    encoded: bool,
) -> Option<Renewed<HeaderValue>> {
    let id = encode(id, encoded);
    fits_basic(table, "client_id", &id)?;
    renewed(secret, move |secret| {
        basic_header(&id, &encode(secret.expose_secret(), encoded))
    })
}

/// HTTP Basic, RFC 7617.
pub(crate) fn basic(
    table: &Section,
    user: String,
    password: Secret,
) -> Option<Renewed<HeaderValue>> {
    fits_basic(table, "username", &user)?;
    renewed(password, move |password| {
        basic_header(&user, password.expose_secret())
    })
}

/// Form-urlencodes, a space as `%20`: every form decoder reads that, while servers on Authlib,
/// which only undo percent-encoding, read `+` as a plus.
fn encode(text: &str, encoded: bool) -> String {
    if !encoded {
        return text.to_owned();
    }
    // The serializer writes a plus itself as `%2B`.
    form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// `key` is the user's name in the configuration.
fn fits_basic(table: &Section, key: &str, user: &str) -> Option<()> {
    if user.contains(':') {
        let remedy = "HTTP Basic cannot carry a user name with a colon (RFC 7617).";
        table.problem(key, "holds a colon", remedy);
        return None;
    }
    Some(())
}

fn basic_header(user: &str, password: &str) -> Option<HeaderValue> {
    sensitive("Basic", &STANDARD.encode(format!("{user}:{password}")))
}

/// An `Authorization` value, which then prints as `Sensitive`.
pub(crate) fn sensitive(scheme: &str, value: &str) -> Option<HeaderValue> {
    secret_value(&format!("{scheme} {value}"))
}

/// Header value that prints as `Sensitive`, and is in no table of HTTP/2.
pub(crate) fn secret_value(value: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(value).ok()?;
    header.set_sensitive(true);
    Some(header)
}
