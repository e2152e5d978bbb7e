//! The documented token, and others beside it.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::clock::epoch_millis;
use crate::records::{Entry, Records};

/// The documented sample, alive.
pub const ACTIVE: &str = "T1amGT21.Idup.3446d8984b48a7c0c531267317334ea7";
/// Expired ten minutes ago; the record is still there and still says `Active`.
pub const EXPIRED: &str = "T1amGT21.Idup.7b1f0c2d3e4a5968778695a4b3c2d1e0";
/// Revoked by DELETE: 400 `invalid_grant`.
pub const REVOKED: &str = "T1amGT21.Idup.91d2c3b4a5f6e7d8c9b0a1f2e3d4c5b";
/// Unexpired token with the status `Inactive` (assumed: the documentation shows only `Active`).
pub const INACTIVE: &str = "T1amGT21.Idup.c0ffee00aa11bb22cc33dd44ee55ff66";
/// Alive, of the owner [`OWNER_DN`], with `scopes` as one string: `reviews public`.
pub const SCOPE_STRING: &str = "T1amGT21.Idup.5a0e1f2d3c4b5a69788796a5b4c3d2e1";
/// Answered in the other documented shape: `access_token`, `expires_in`, `resource_uri`, `scope`.
pub const RFC_SHAPE: &str = "2YotnFZFEjr1zCsicMWpAA";
/// Never existed: 400 `invalid_grant`.
pub const UNKNOWN: &str = "T1amGT21.Idup.00000000000000000000000000000000";
/// The refresh token of [`ACTIVE`]. Looking it up as an access token finds nothing.
pub const REFRESH_TOKEN: &str = "T1amGR21.IdKM.8a7420fe5079ab1b3bd24b4de1d5fe2";
/// The owner, and client, of the sample. In the token's place it lists the owner's tokens.
pub const OWNER: &str = "251-20c8104e-e91a-4384-980c-84545aced892";
/// The owner of [`SCOPE_STRING`], as the documentation's list names one.
pub const OWNER_DN: &str = "uid=john,ou=owner,dc=tibco,dc=com";
/// `expiresOn - createdOn` of the sample: not quite an hour.
pub const LIFETIME_MILLIS: u64 = 3_600_062;

/// The cast. The sample was created at `now`.
pub(super) fn fill(records: &Records, now: SystemTime) {
    let created = epoch_millis(now);
    let put = |token: &str, record: Value| records.put(token, Entry::Record(record));
    let mut active = record(ACTIVE, OWNER, created);
    set(&mut active, "id", json!("5d34e914ad73b262dbf88a963dbccb41"));
    set(
        &mut active,
        "stringId",
        json!("5d34e914ad73b262dbf88a963dbccb41"),
    );
    put(ACTIVE, active);
    let ten_minutes = 600_000;
    put(
        EXPIRED,
        record(
            EXPIRED,
            OWNER,
            created.saturating_sub(LIFETIME_MILLIS + ten_minutes),
        ),
    );
    put(REVOKED, record(REVOKED, OWNER, created));
    records.revoke(REVOKED);
    let mut inactive = record(INACTIVE, OWNER, created);
    set(&mut inactive, "status", json!("Inactive"));
    put(INACTIVE, inactive);
    let mut johns = record(SCOPE_STRING, OWNER, created);
    set(&mut johns, "owner", json!(OWNER_DN));
    set(&mut johns, "scopes", json!("reviews public"));
    set(&mut johns, "grantType", json!("password"));
    put(SCOPE_STRING, johns);
    let resource = "http://api.example.com/reviews";
    let answer = json!({
        "access_token": RFC_SHAPE,
        "expires_in": 3600,
        "resource_uri": resource,
        "scope": "reviews",
    });
    put(RFC_SHAPE, answer);
}

/// All documented members, as for a client that owns its token.
pub(super) fn record(token: &str, client: &str, created: u64) -> Value {
    // An id of its own for every token, as long as a real one, and not the token.
    let id: String = token
        .chars()
        .rev()
        .filter(char::is_ascii_hexdigit)
        .take(32)
        .collect();
    json!({
        "id": id,
        "accessToken": token,
        "refreshToken": REFRESH_TOKEN,
        "secret": "619307e5-8e20-4997-9045-c083c123e04f",
        "owner": client,
        "client": client,
        "classification": "reviews",
        "scopes": ["reviews"],
        "status": "Active",
        "key": 0,
        "createdOn": created,
        "expiresOn": created + LIFETIME_MILLIS,
        "grantType": "client_credentials",
        "samlToken": null,
        "stringId": id,
    })
}

/// The record as the lists show it: scopes in one string, contact data, no status.
pub(super) fn listed(record: &Value) -> Value {
    let scopes = match record.get("scopes") {
        Some(Value::Array(words)) => {
            json!(
                words
                    .iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        }
        other => other.cloned().unwrap_or_default(),
    };
    let mut item = json!({
        "scopes": scopes,
        "callback": "http://client.example.com/callback",
        "contact": "John Doe",
        "email": "john.doe@tibco.com",
    });
    for name in [
        "id",
        "owner",
        "client",
        "accessToken",
        "refreshToken",
        "createdOn",
        "expiresOn",
        "stringId",
    ] {
        set(
            &mut item,
            name,
            record.get(name).cloned().unwrap_or_default(),
        );
    }
    item
}

/// Puts a member into a record.
pub(super) fn set(record: &mut Value, member: &str, value: Value) {
    if let Some(members) = record.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}
