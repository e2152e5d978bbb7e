//! New tokens: their values, and the records that providers have of them.

use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use fastrand::Rng;
use introspectd_simulators::jwt::compact;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cast::{AUDIENCE, ISSUER, Scope, Which};
use crate::oracle::token::Token;

/// A token that its provider does not know yet, and the record by which it will.
pub(crate) fn token(rng: &mut Rng, provider: Which, wall: Duration) -> (Token, Value) {
    let scope = if rng.u8(..4) > 0 {
        Scope::Orders
    } else {
        Scope::Bills
    };
    // Long enough to be asked about, short enough to end under load.
    let lifetime = rng.u64(8..180);
    let issued = wall.as_secs();
    let exp = issued + lifetime;
    let id = id(rng);
    let token = Token {
        provider,
        value: value(rng, provider),
        mark: match provider {
            Which::Apis => format!("client-{id}"),
            Which::Bank | Which::Legacy | Which::Sso | Which::Corp => id.clone(),
        },
        id,
        scope,
        exp,
        nbf: matches!(provider, Which::Sso | Which::Corp).then_some(issued),
        key: None,
        history: Mutex::default(),
    };
    let record = record(&token, issued, lifetime);
    (token, record)
}

/// Value of a token of this provider. Nobody else has ever had it. A JWT names a key that is none.
pub(crate) fn value(rng: &mut Rng, provider: Which) -> String {
    match provider.prefix() {
        Some(prefix) => {
            let digits = (0..40).map(|_| rng.digit(16));
            prefix.chars().chain(digits).collect()
        }
        None => unsigned(rng),
    }
}

/// An access token of which all but its key is good.
fn unsigned(rng: &mut Rng) -> String {
    let header = json!({"typ": "at+jwt", "alg": "ES256", "kid": id(rng)});
    let mut signature = [0; 64];
    rng.fill(&mut signature);
    compact(
        &header,
        &claims(&id(rng), Scope::Orders, 0, FAR),
        &signature,
    )
}

/// Claims of an access token (RFC 9068).
pub(super) fn claims(id: &str, scope: Scope, issued: u64, exp: u64) -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "somebody",
        "client_id": "some-client",
        "scope": scope.name(),
        "jti": id,
        "iat": issued,
        "nbf": issued,
        "exp": exp,
    })
}

/// A time that no clock of a run gets near, in seconds since 1970.
pub(super) const FAR: u64 = 9_999_999_999;

/// A UUID, as Passport's ids are.
pub(super) fn id(rng: &mut Rng) -> String {
    let (high, low) = (rng.u64(..), rng.u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

fn record(token: &Token, issued: u64, lifetime: u64) -> Value {
    let scope = token.scope.name();
    match token.provider {
        Which::Bank => json!({
            "token_id": token.id,
            "created_at": creation_time(issued),
            "scopes": [scope],
            "roles": ["clerk"],
            "expires_in": lifetime,
            "token_type": "Bearer",
        }),
        Which::Legacy => json!({
            "id": token.id,
            "accessToken": token.value,
            "owner": "somebody",
            "client": "some-client",
            "classification": "reviews",
            "scopes": [scope],
            "status": "Active",
            "createdOn": issued * 1000,
            "expiresOn": token.exp * 1000,
            "grantType": "client_credentials",
        }),
        Which::Apis => json!({
            "token": token.value,
            "clientId": token.mark,
            "app": "app1",
            "status": "approved",
            "issuedAt": issued * 1000,
            "expiresAt": token.exp * 1000,
            "scope": scope,
            "tokenType": "BearerToken",
        }),
        Which::Sso => json!({
            "active": true,
            "jti": token.id,
            "scope": scope,
            "client_id": "some-client",
            "token_type": "Bearer",
            "sub": "somebody",
            "exp": token.exp,
            "iat": issued,
            "nbf": issued,
        }),
        Which::Corp => claims(&token.id, token.scope, issued, token.exp),
    }
}

fn creation_time(seconds: u64) -> String {
    let time = OffsetDateTime::from(UNIX_EPOCH + Duration::from_secs(seconds));
    // A time of this century can be written.
    time.format(&Rfc3339).unwrap_or_default()
}
