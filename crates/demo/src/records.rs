//! Documented records of the demo's tokens, as introspectd reports them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use introspectd_simulators::passport::{self, Passport};
use introspectd_simulators::tibco_asg::{self, TibcoAsg};
use introspectd_simulators::{apigee, rfc7662};
use serde_json::{Value, json};

use crate::scene::{self, with};

/// Active answer from the documented sample of each vendor, issued at `now`.
pub(crate) fn tibco(now: SystemTime) -> Value {
    let end = now + Duration::from_millis(tibco_asg::LIFETIME_MILLIS);
    json!({
        "active": true, "provider": "legacy", "scope": "reviews",
        "client_id": tibco_asg::OWNER, "sub": tibco_asg::OWNER, "grant_type": "client_credentials",
        "jti": "5d34e914ad73b262dbf88a963dbccb41", "iat": seconds(now), "exp": seconds(end),
        "details": {"classification": "reviews"},
    })
}

pub(crate) fn identity(now: SystemTime) -> Vec<(&'static str, String)> {
    let end = now + Duration::from_millis(tibco_asg::LIFETIME_MILLIS);
    let owner = tibco_asg::OWNER.to_owned();
    vec![
        ("X-Auth-Subject", owner.clone()),
        ("X-Auth-Client-Id", owner),
        ("X-Auth-Username", String::new()),
        ("X-Auth-Scope", "reviews".to_owned()),
        ("X-Auth-Roles", String::new()),
        ("X-Auth-Provider", "legacy".to_owned()),
        ("X-Auth-Expires", seconds(end).to_string()),
        (
            "X-Auth-Token-Id",
            "5d34e914ad73b262dbf88a963dbccb41".to_owned(),
        ),
    ]
}

pub(crate) fn apigee(now: SystemTime) -> Value {
    let end = now + Duration::from_millis(apigee::LIFETIME_MILLIS);
    let millis = u64::try_from(since_1970(now).as_millis()).unwrap_or_default();
    json!({
        "active": true, "provider": "apis", "client_id": apigee::CONSUMER_KEY,
        "grant_type": "password", "token_type": "Bearer", "iat": seconds(now), "exp": seconds(end),
        "details": {
            "app": "app1", "attributes": [], "refreshCount": 0,
            "createdAt": millis, "createdBy": "defaultUser",
            "lastModifiedAt": millis, "lastModifiedBy": "defaultUser",
        },
    })
}

pub(crate) fn sso(now: SystemTime) -> Value {
    let issued = seconds(now);
    let subject = rfc7662::SUBJECT;
    json!({
        "active": true, "provider": "sso", "scope": rfc7662::SCOPE, "client_id": "l238j323ds-23ij4",
        "username": "jdoe", "token_type": "Bearer", "iat": issued, "nbf": issued,
        "exp": seconds(now) + rfc7662::LIFETIME.as_secs(), "sub": subject, "aud": rfc7662::AUDIENCE,
        "iss": rfc7662::ISSUER, "jti": format!("{subject}-{issued}"),
        "extension_field": "twenty-seven",
    })
}

pub(crate) fn bank(now: SystemTime) -> Value {
    let record = Passport::new(now)
        .record(passport::ACTIVE)
        .unwrap_or_default();
    let scopes = record
        .get("scopes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let scope: Vec<&str> = scopes.filter_map(Value::as_str).collect();
    json!({
        "active": true, "provider": "bank", "jti": passport::ACTIVE, "scope": scope.join(" "),
        "roles": ["entity.client_credentials"], "token_type": "Bearer",
        "iat": seconds(now), "exp": seconds(now) + passport::LIFETIME.as_secs(),
    })
}

/// The records of [`scene::USER`] as they are listed: all were issued at the same time, so in the
/// order of the providers.
pub(crate) fn users(now: SystemTime) -> Vec<Value> {
    let bank = with(
        bank(now),
        json!({"jti": passport::READER, "scope": "iam.users.get paas.core.qrcodes.get"}),
    );
    vec![listed(users_apigee(now)), listed(bank), users_tibco(now)]
}

pub(crate) fn users_apigee(now: SystemTime) -> Value {
    let sample = apigee(now);
    let attributes = json!([
        {"name": "tier", "value": "gold"},
        {"name": "status", "value": "revoked"},
        {"name": "scope", "value": "everything"},
    ]);
    let products = ["weather", "PremiumWeatherAPI"];
    let more = json!({
        "appId": apigee::APP_ID, "apiProducts": products,
        "attributes": attributes, "refreshCount": 2,
    });
    let details = with(sample.get("details").cloned().unwrap_or_default(), more);
    let members = json!({"scope": "read write \
        admin", "grant_type": "client_credentials", "details": details});
    with(sample, members)
}

/// TIBCO's lists say nothing of a token's status, so it is unknown until its time is over.
fn users_tibco(now: SystemTime) -> Value {
    let record = TibcoAsg::new(now)
        .record(tibco_asg::SCOPE_STRING)
        .unwrap_or_default();
    let end = now + Duration::from_millis(tibco_asg::LIFETIME_MILLIS);
    json!({
        "state": "unknown", "provider": "legacy", "scope": "reviews \
            public", "client_id": tibco_asg::OWNER,
        "sub": scene::USER, "jti": record.get("id"), "iat": seconds(now), "exp": seconds(end),
    })
}

fn listed(active: Value) -> Value {
    let mut record = with(active, json!({"state": "active"}));
    record
        .as_object_mut()
        .map(|members| members.remove("active"));
    record
}

/// Seconds since the epoch, rounded down.
fn seconds(time: SystemTime) -> u64 {
    since_1970(time).as_secs()
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}
