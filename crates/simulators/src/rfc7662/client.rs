//! Authentication of the one registered client, by either of two methods or a token issued to it.

use serde_json::json;

use super::{only, refused, unstored};
use crate::authorization::{basic, bearer};
use crate::bearers::Bearers;
use crate::{Answer, Recorded};

/// Id of the registered client.
pub const CLIENT_ID: &str = "introspectd";
/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "sso-demo-secret";

/// Judges a bearer token; none when the request has none.
pub(super) fn by_bearer(request: &Recorded, bearers: &Bearers) -> Option<Result<(), Answer>> {
    let token = bearer(request)?;
    let refusal = || {
        let answer = unstored(401, json!({"error": "invalid_token"}));
        Err(answer.with_header("www-authenticate", "Bearer error=\"invalid_token\""))
    };
    Some(if bearers.accepts(token) {
        Ok(())
    } else {
        refusal()
    })
}

/// Judges `client_secret_basic` and `client_secret_post`; both at once are refused (RFC 6749,
/// section 2.3).
pub(super) fn by_secret(request: &Recorded, form: &[(String, String)]) -> Result<(), Answer> {
    let posted = only(form, "client_secret").map(|secret| {
        let id = only(form, "client_id").unwrap_or_default();
        (id.to_owned(), secret.to_owned())
    });
    let given = match (basic(request), posted) {
        (Some(_), Some(_)) => return Err(refused("invalid_request")),
        // Both parts are form-encoded before they are joined (RFC 6749, section 2.3.1).
        (Some((id, secret)), None) => (form_decoded(&id), form_decoded(&secret)),
        (None, Some(posted)) => posted,
        (None, None) => return Err(unauthorized()),
    };
    if given.0 == CLIENT_ID && given.1 == CLIENT_SECRET {
        Ok(())
    } else {
        Err(unauthorized())
    }
}

fn unauthorized() -> Answer {
    unstored(401, json!({"error": "invalid_client"}))
        .with_header("www-authenticate", "Basic realm=\"sso\"")
}

fn form_decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}
