//! The credentials that a request carries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Recorded;

/// User name and password of `Authorization: Basic`, as they are between the colon.
pub(crate) fn basic(request: &Recorded) -> Option<(String, String)> {
    let decoded = STANDARD.decode(of_scheme(request, "basic")?).ok()?;
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// The token of `Authorization: Bearer`.
pub(crate) fn bearer(request: &Recorded) -> Option<&str> {
    of_scheme(request, "bearer")
}

fn of_scheme<'a>(request: &'a Recorded, wanted: &str) -> Option<&'a str> {
    let (scheme, credential) = request.header("authorization")?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case(wanted)
        .then(|| credential.trim())
}
