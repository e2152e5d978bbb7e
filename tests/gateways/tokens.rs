//! The tokens that the provider knows, or does not.

use introspectd_simulators::rfc7662::Rfc7662;
use serde_json::{Value, json};

/// Good for the policy `orders`, with everything that an identity can hold.
pub(crate) const GOOD: &str = "token-good";
/// Good as well, and its identity holds nothing but what the policy asks for.
pub(crate) const SPARSE: &str = "token-sparse";
/// Active, for the right audience, without the scope: enough for a policy that asks for less.
pub(crate) const LACKS_SCOPE: &str = "token-lacks-scope";
/// Active, with the scope, for another audience.
pub(crate) const OTHER_AUDIENCE: &str = "token-other-audience";
/// Active token with the scope, but without audience.
pub(crate) const NO_AUDIENCE: &str = "token-no-audience";
/// Called active, and past its end.
pub(crate) const EXPIRED: &str = "token-expired";
/// The provider says that it is not active.
pub(crate) const INACTIVE: &str = "token-inactive";

/// Gives the provider its tokens.
pub(crate) fn fill(provider: &Rfc7662, now: i64) {
    let put = |token, changes| provider.put(token, record(now, &changes));
    put(GOOD, json!({}));
    put(LACKS_SCOPE, json!({"scope": "orders.write"}));
    put(OTHER_AUDIENCE, json!({"aud": "https://invoices"}));
    put(NO_AUDIENCE, json!({"aud": null}));
    put(EXPIRED, json!({"exp": now - 600}));
    put(
        SPARSE,
        json!({"client_id": null, "username": null, "sub": null, "jti": null, "roles": null}),
    );
    provider.put(INACTIVE, json!({"active": false}));
}

/// The record of [`GOOD`] with these changes; null takes a member away.
pub(crate) fn record(now: i64, changes: &Value) -> Value {
    let mut record = json!({
        "active": true,
        "scope": "orders.read orders.write",
        "aud": "https://orders",
        "client_id": "shop",
        "username": "alice@example.com",
        "sub": "alice",
        "jti": "id-of-token-good",
        "roles": ["clerk", "buyer"],
        "exp": now + 3600,
    });
    let members = record.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        members.insert(name.clone(), value.clone());
    }
    members.retain(|_, value| !value.is_null());
    record
}
