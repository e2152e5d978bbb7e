//! The tokens that the server starts with.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::clock::epoch_seconds;
use crate::records::{Entry, Records};

/// Live opaque token.
pub const ACTIVE: &str = "sso_2fT9vQmZc7Lx4RkWb8NpYh3D";
/// Alive, and in the form of a JWT whose `iss` is [`ISSUER`]. Its signature is none.
pub const ACTIVE_JWT: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJodHRwczovL3Nzby5leGFtcGxlLmNvbSIsInN1YiI6IjI0ODI4OTc2MTAwMSJ9.bm90IGEgc2lnbmF0dXJl";
/// Expired ten minutes ago: inactive.
pub const EXPIRED: &str = "sso_Kd6uHs1WgE0jXn5BtVoA9yMq";
/// Expired ten minutes ago, and still called active: a server that leaves time to its clients.
pub const STALE: &str = "sso_r8PzCfL2aQx7JvU4eTbN0kGw";
/// Called active, with an `nbf` an hour ahead.
pub const NOT_YET: &str = "sso_M3hYd5ZwSnR1oKpV6gXtE9cB";
/// Revoked token: inactive.
pub const REVOKED: &str = "sso_bW4qJ0xFiT8uLyAe7DmGs2Hk";
/// Token that never existed: inactive.
pub const UNKNOWN: &str = "sso_000000000000000000000000";
/// The `iss` of all records.
pub const ISSUER: &str = "https://sso.example.com";
/// The `aud` of all records.
pub const AUDIENCE: &str = "https://api.example.com";
/// The `sub` of all records.
pub const SUBJECT: &str = "248289761001";
/// The `scope` of all records.
pub const SCOPE: &str = "read write";
/// Lifetime of a token.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// The cast. All live ones were issued at `now`.
pub(super) fn fill(records: &Records, now: SystemTime) {
    let issued = epoch_seconds(now);
    let earlier = issued.saturating_sub(LIFETIME.as_secs() + 600);
    let put = |token: &str, issued: u64| {
        records.put(
            token,
            Entry::Record(record(SUBJECT, SCOPE, issued, LIFETIME)),
        );
    };
    put(ACTIVE, issued);
    put(ACTIVE_JWT, issued);
    put(STALE, earlier);
    put(NOT_YET, issued);
    records.change(NOT_YET, |record| {
        if let Some(nbf) = record.get_mut("nbf") {
            *nbf = json!(issued + 3600);
        }
    });
    put(EXPIRED, earlier);
    put(REVOKED, issued);
    // To a client of RFC 7662 an expired token is a revoked one: only `active` is left.
    for ended in [EXPIRED, REVOKED] {
        records.revoke(ended);
    }
}

/// All members that RFC 7662 names, and one that it does not.
pub(super) fn record(subject: &str, scope: &str, issued: u64, lifetime: Duration) -> Value {
    json!({
        "active": true,
        "scope": scope,
        "client_id": "l238j323ds-23ij4",
        "username": "jdoe",
        "token_type": "Bearer",
        "exp": issued.saturating_add(lifetime.as_secs()),
        "iat": issued,
        "nbf": issued,
        "sub": subject,
        "aud": AUDIENCE,
        "iss": ISSUER,
        "jti": format!("{subject}-{issued}"),
        "extension_field": "twenty-seven",
    })
}

/// A token in the form of a JWT with these claims and no valid signature, to be put under a record.
pub fn jwt(issuer: &str, subject: &str) -> String {
    let part = |claims: Value| URL_SAFE_NO_PAD.encode(claims.to_string());
    let head = part(json!({"alg": "RS256", "typ": "at+jwt"}));
    let claims = part(json!({"iss": issuer, "sub": subject}));
    format!(
        "{head}.{claims}.{}",
        URL_SAFE_NO_PAD.encode("not a signature")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jwt_contains_its_claims() {
        assert_eq!(ACTIVE_JWT, jwt(ISSUER, SUBJECT));
    }
}
