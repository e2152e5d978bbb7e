//! The documented token, and others beside it.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::clock::rfc3339_millis;
use crate::records::{Entry, Records};

/// The documented sample, alive.
pub const ACTIVE: &str = "249a0a2e-028a-4e15-a841-de9fd4e4cd84";
/// Alive, with two scopes: `iam.users.get` and `paas.core.qrcodes.get`.
pub const READER: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
/// Answers 200 although its lifetime ended an hour ago (assumed: the worst case).
pub const EXPIRED: &str = "0b9f7d44-52c8-4a3e-8f6b-5f1d2c3b4a59";
/// Revoked: 404 to retrieve, 409 to revoke.
pub const REVOKED: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
/// Token that never existed: 404.
pub const UNKNOWN: &str = "11111111-2222-4333-8444-555555555555";
/// The secret of [`ACTIVE`], which retrieving it never shows. Accepted as a bearer token while it
/// is not revoked.
pub const ACTIVE_ACCESS_TOKEN: &str =
    "a41f6f0c2d7b4e9d8c3a5b6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809112";
/// The documented lifetime: a day.
pub const LIFETIME: Duration = Duration::from_secs(86_400);

/// The cast. The sample was created at `now`.
pub(super) fn fill(records: &Records, now: SystemTime) {
    let hour = Duration::from_secs(3600);
    let put = |id: &str, created: SystemTime| {
        records.put(
            id,
            Entry::Record(record(id, &rfc3339_millis(created), LIFETIME)),
        );
    };
    put(ACTIVE, now);
    put(READER, now);
    put(EXPIRED, now - LIFETIME - hour);
    put(REVOKED, now - hour);
    records.revoke(REVOKED);
    records.change(READER, |record| {
        if let Some(scopes) = record.get_mut("scopes") {
            *scopes = json!(["iam.users.get", "paas.core.qrcodes.get"]);
        }
    });
}

/// The six documented members. All scopes and roles are those of the sample.
pub(super) fn record(token_id: &str, created_at: &str, lifetime: Duration) -> Value {
    json!({
        "token_id": token_id,
        "created_at": created_at,
        "scopes": SCOPES,
        "roles": ["entity.client_credentials"],
        "expires_in": lifetime.as_secs(),
        "token_type": "Bearer",
    })
}

const SCOPES: &[&str] = &[
    "iam.accounts.get",
    "iam.users.get",
    "iam.users.list.get",
    "iam.login_profiles.patch",
    "iam.oauth.tokens.list.get",
    "iam.oauth.tokens.get",
    "iam.oauth.tokens.delete",
    "iam.logout.post",
    "iam.mfa.*",
    "iam.roles.get",
    "iam.roles.list.get",
    "iam.roles.users.list.get",
    "iam.users.roles.list.get",
    "paas.core.entity_customers.post",
    "paas.core.entity_customers.patch",
    "paas.core.entity_customers.get",
    "paas.core.entity_customers.list.get",
    "paas.core.accounts.post",
    "paas.core.accounts.get",
    "paas.core.accounts.list.get",
    "paas.core.account_keys.post",
    "paas.core.account_keys.get",
    "paas.core.account_keys.list.get",
    "paas.core.breb_recipients.post",
    "paas.core.breb_recipients.get",
    "paas.core.breb_recipients.list.get",
    "paas.core.breb_payments.post",
    "paas.core.breb_payments.get",
    "paas.core.breb_payments.list.get",
    "paas.core.webhooks.post",
    "paas.core.webhooks.get",
    "paas.core.webhooks.list.get",
    "paas.core.webhooks.patch",
    "paas.core.webhooks.delete",
    "paas.core.qrcodes.post",
    "paas.core.qrcodes.get",
    "paas.core.qrcodes.list.get",
    "paas.core.account_keys.patch",
];
