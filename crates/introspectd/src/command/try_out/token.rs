//! Properties of a token that show without its server.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use introspectd_core::whole_seconds;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::finding::{Finding, cause};

/// A token's form.
pub(super) enum Form {
    /// Claims that can be read, and are not trusted.
    Jwt(Box<Claims>),
    /// A JWT whose claims are encrypted or are no JSON object.
    UnreadableJwt,
    /// Anything else.
    Opaque,
}

/// Claims that help to find out why a server says "inactive".
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Claims {
    pub(super) iss: Option<String>,
    aud: Option<Audience>,
    exp: Option<Box<RawValue>>,
    nbf: Option<Box<RawValue>>,
    typ: Option<String>,
    token_use: Option<String>,
    at_hash: Option<String>,
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Form {
    pub(super) fn of(token: &str) -> Self {
        let segments: Vec<_> = token.split('.').collect();
        let is_jose = token.starts_with("eyJ") && matches!(segments.len(), 3 | 5);
        let claims = match segments.as_slice() {
            [_, claims, _] => URL_SAFE_NO_PAD.decode(claims).ok(),
            [] | [..] => None,
        };
        let claims = claims.filter(|claims| claims.trim_ascii_start().starts_with(b"{"));
        match claims.and_then(|claims| serde_json::from_slice(&claims).ok()) {
            Some(claims) => Self::Jwt(Box::new(claims)),
            None if is_jose => Self::UnreadableJwt,
            None => Self::Opaque,
        }
    }

    /// Describes the form without a part of the token.
    pub(super) fn describe(&self) -> Cow<'static, str> {
        match self {
            Self::Jwt(claims) => match &claims.iss {
                Some(iss) => format!("JWT of the issuer {iss}").into(),
                None => "JWT without an issuer".into(),
            },
            Self::UnreadableJwt => "JWT whose claims cannot be read".into(),
            Self::Opaque => "opaque".into(),
        }
    }
}

/// Faults of the text that was given as the token.
pub(super) fn faults(token: &str) -> Vec<Finding> {
    let bare = token.trim();
    let mut faults = Vec::new();
    let mut add = |is_so: bool, what: &'static str, remedy: &'static str| {
        if is_so {
            faults.push(cause(what, remedy));
        }
    };
    add(
        bare.contains(['\n', '\r']),
        "the token holds a line break, so standard input has more than one line",
        "Give the token alone, on one line.",
    );
    add(
        bare.len() < token.len(),
        "the token begins or ends with white space, which is sent as a part of it",
        "Remove it: tr -d '[:space:]' < token.txt | introspectd try …",
    );
    add(
        !bare.contains(['\n', '\r']) && bare.contains(char::is_whitespace) && !has_scheme(bare),
        "the token holds white space",
        "Give the token alone.",
    );
    add(
        has_scheme(bare),
        "the token begins with the name of a scheme",
        "Leave out `Bearer` and the space after it.",
    );
    add(
        bare.starts_with(['"', '\'']),
        "the token is in quotes",
        "Leave the quotes out.",
    );
    add(
        bare.starts_with('{'),
        "standard input holds JSON, and that is sent as the token",
        "Give the value of its `access_token` alone: jq -r .access_token.",
    );
    faults
}

fn has_scheme(token: &str) -> bool {
    let scheme = token
        .split_once(char::is_whitespace)
        .map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        ["bearer", "authorization:"]
            .iter()
            .any(|it| scheme.eq_ignore_ascii_case(it))
    })
}

impl Claims {
    /// Reasons that a token's own claims give for "inactive". `now` is in seconds.
    pub(super) fn causes(&self, now: i64, client_id: Option<&str>, host: &str) -> Vec<Finding> {
        let mut causes = Vec::new();
        let time =
            |raw: &Option<Box<RawValue>>| raw.as_ref().and_then(|raw| whole_seconds(raw.get()));
        if let Some(exp) = time(&self.exp).filter(|exp| *exp <= now) {
            let what = format!("by its own `exp` the token ended {} ago", span(now - exp));
            causes.push(cause(what, "Take a fresh token."));
        }
        if let Some(nbf) = time(&self.nbf).filter(|nbf| now < *nbf) {
            let what = format!("by its own `nbf` the token begins in {}", span(nbf - now));
            causes.push(cause(
                what,
                "Set the clock of this machine, or of the server.",
            ));
        }
        if let Some(what) = self.other_use() {
            causes.push(cause(
                what,
                "Take the access token, `access_token` in the answer of the token endpoint.",
            ));
        }
        if let Some(finding) = client_id.and_then(|id| self.not_for(id)) {
            causes.push(finding);
        }
        let issuer = self
            .iss
            .as_deref()
            .and_then(|iss| iss.parse::<http::Uri>().ok());
        if let Some(other) = issuer
            .as_ref()
            .and_then(http::Uri::host)
            .filter(|it| !it.eq_ignore_ascii_case(host))
        {
            let what = format!("the token's issuer is at {other}, and the endpoint at {host}");
            causes.push(cause(
                what,
                "Ask the server that issued it, or check that the two are one.",
            ));
        }
        causes
    }

    fn other_use(&self) -> Option<&'static str> {
        let says = |claim: &Option<String>, word: &str| {
            claim
                .as_ref()
                .is_some_and(|it| it.eq_ignore_ascii_case(word))
        };
        if says(&self.typ, "ID")
            || says(&self.token_use, "id")
            || self.at_hash.is_some()
            || self.nonce.is_some()
        {
            Some("the token looks like an ID token")
        } else if says(&self.typ, "Refresh")
            || says(&self.typ, "Offline")
            || says(&self.token_use, "refresh")
        {
            Some("the token looks like a refresh token")
        } else {
            None
        }
    }

    fn not_for(&self, client_id: &str) -> Option<Finding> {
        let aud = match &self.aud {
            None => &[][..],
            Some(Audience::One(one)) => std::slice::from_ref(one),
            Some(Audience::Many(many)) => many,
        };
        if aud.iter().any(|it| it == client_id) {
            return None;
        }
        let whose = if aud.is_empty() {
            "has no audience".to_owned()
        } else {
            format!("is for {}", aud.join(", "))
        };
        Some(cause(
            format!("the token {whose}: `aud` does not name our client {client_id}"),
            "Have the server put our client into `aud`; Keycloak and ZITADEL call a token \
                inactive without it.",
        ))
    }
}

/// Writes a time in the unit that fits.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        172_800.. => format!("{} days", seconds / 86_400),
    }
}
