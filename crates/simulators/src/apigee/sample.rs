//! The documented token, others beside it, and the app that they belong to.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::record::{LIFETIME_MILLIS, record, set};
use crate::clock::epoch_millis;
use crate::records::{Entry, Records};

/// The documented sample, alive, without scopes.
pub const ACTIVE: &str = "25poPXCPOw43s0hJBn6tQYnUb5KF";
/// Expired ten minutes ago, and still `approved`: expiry and state are independent.
pub const EXPIRED: &str = "8kQ2mZr5TxW0bN7cVh3LgYp1DsJf";
/// Expired ten minutes ago, with the status `expired`.
pub const STATUS_EXPIRED: &str = "Hs4vB9nE1qUo6XyKt0RjMw8ZaC2d";
/// Unexpired token with the status `revoked`.
pub const REVOKED: &str = "p3LxG7uWf5TqA0sDk9RnVbY2hMzC";
/// Alive, with all optional members: `appId`, `apiProducts`, `attributes` (two of them named
/// `status` and `scope`) and the scopes `read`, `write` and `admin`, separated by comma and by
/// space.
pub const ATTRIBUTES: &str = "Qw7eRt2yUi9oPa4sDf6gHj1kLz3x";
/// Approved, with `expiresAt` -1 (assumed to mean never; documented for keys and refresh tokens).
pub const NEVER_EXPIRES: &str = "Zx1cVb3nMq5wEr7tYu9iOp2aSd4f";
/// Token that never existed: 404.
pub const UNKNOWN: &str = "000000000000000000000000aaaa";
/// The UUID of the app `app1`, which all these tokens belong to.
pub const APP_ID: &str = "ae053aee-f12d-4591-84ef-2e6ae0d4205d";
/// The consumer key of that app: `clientId` in the records.
pub const CONSUMER_KEY: &str = "fGytmxA5UDajPMdOA5E3bebiBOBPikOT";
/// The consumer secret of that app: what a path with `..` must not be able to read.
pub const CONSUMER_SECRET: &str = "consumer-secret-that-must-not-leak";

/// The cast. The sample was issued at `now`.
pub(super) fn fill(records: &Records, now: SystemTime) {
    let issued = epoch_millis(now);
    let earlier = issued.saturating_sub(LIFETIME_MILLIS + 600_000);
    let put = |token: &str, issued: u64, changes: &[(&str, Value)]| {
        let mut record = record(token, issued);
        for (member, value) in changes {
            set(&mut record, member, value.clone());
        }
        records.put(token, Entry::Record(record));
    };
    put(ACTIVE, issued, &[]);
    put(EXPIRED, earlier, &[]);
    put(STATUS_EXPIRED, earlier, &[("status", json!("expired"))]);
    put(REVOKED, issued, &[("status", json!("revoked"))]);
    put(NEVER_EXPIRES, issued, &[("expiresAt", json!(-1))]);
    let attributes = json!([
        {"name": "tier", "value": "gold"},
        {"name": "status", "value": "revoked"},
        {"name": "scope", "value": "everything"},
    ]);
    let changes = [
        ("appId", json!(APP_ID)),
        ("apiProducts", json!(["weather", "PremiumWeatherAPI"])),
        ("attributes", attributes),
        ("scope", json!("read,write admin")),
        ("grantType", json!("client_credentials")),
        ("refreshCount", json!(2)),
    ];
    put(ATTRIBUTES, issued, &changes);
}

/// The app, with its secret.
pub(super) fn app() -> Value {
    json!({
        "appId": APP_ID,
        "name": "app1",
        "status": "approved",
        "credentials": [{
            "consumerKey": CONSUMER_KEY,
            "consumerSecret": CONSUMER_SECRET,
            "expiresAt": -1,
            "status": "approved",
        }],
    })
}
