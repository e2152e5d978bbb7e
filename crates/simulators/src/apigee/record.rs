//! A token's record as the management API writes it. All times are milliseconds since 1970.

use serde_json::{Value, json};

/// `expiresAt - issuedAt` of the documented sample: half an hour.
pub const LIFETIME_MILLIS: u64 = 1_800_000;

/// All members of the documented sample.
pub(super) fn record(token: &str, issued: u64) -> Value {
    json!({
        "app": "app1",
        "attributes": [],
        "clientId": super::CONSUMER_KEY,
        "createdAt": issued,
        "createdBy": "defaultUser",
        "expiresAt": issued + LIFETIME_MILLIS,
        "grantType": "password",
        "issuedAt": issued,
        "lastModifiedAt": issued,
        "lastModifiedBy": "defaultUser",
        "refreshCount": 0,
        "refreshToken": "Nn5Pt2eO",
        "scope": "",
        "status": "approved",
        "token": token,
        "tokenType": "BearerToken",
    })
}

/// Puts a member into a record.
pub(super) fn set(record: &mut Value, member: &str, value: Value) {
    if let Some(members) = record.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}
