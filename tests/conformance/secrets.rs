//! Values that no response may contain.

use introspectd_simulators::{Answer, Fault};
use introspectd_tests::{EDGE_SECRET, Fixture, Room};
use serde_json::json;

const SECRET: &str = "a-secret-of-the-vendor-2718281828";

/// Puts secrets at the top level, and into members of free content.
pub(crate) async fn secret_members_are_never_answered<V: Fixture>() {
    let room = Room::<V>::open().await;
    let mut record = V::record();
    for member in V::SECRETS {
        record[*member] = json!(SECRET);
    }
    if V::PROVIDER == "sso" || V::JUDGES {
        record["x"] = json!({"a": [{"refresh_token": SECRET}], "access_token": {"x": SECRET}});
    } else {
        for member in [
            "password",
            "consumerSecret",
            "idToken",
            "key",
            "extension_field",
            "active",
        ] {
            record[member] = json!(SECRET);
        }
    }
    room.server.next(Fault::Answer(Answer::json(200, record)));
    let reply = room.ask(V::ACTIVE).await;
    assert!(!reply.everything().contains(SECRET), "{reply:?}");
    let mut expected = V::active();
    if V::PROVIDER == "sso" {
        expected["x"] = json!({"a": [{}]});
    }
    reply.assert_active(&expected, "miss");
}

pub(crate) async fn presented_token_is_never_answered<V: Fixture>() {
    for member in V::ECHOES {
        for echo in [
            json!(V::ACTIVE),
            json!([V::ACTIVE, {"name": "t", "value": V::ACTIVE}]),
            json!({V::ACTIVE: V::ACTIVE, "x": V::ACTIVE}),
        ] {
            let room = Room::<V>::open().await;
            let mut record = V::record();
            record[*member] = echo.clone();
            room.server.next(Fault::Answer(Answer::json(200, record)));
            let reply = room.ask(V::ACTIVE).await;
            assert!(matches!(reply.status, 200 | 502), "{member} {reply:?}");
            assert!(
                !reply.everything().contains(V::ACTIVE),
                "{member} {echo} {reply:?}"
            );
        }
    }
}

pub(crate) async fn provider_credential_is_never_answered<V: Fixture>() {
    let room = Room::<V>::open().await;
    for identifier in [V::ACTIVE, V::UNKNOWN, V::CREDENTIAL, "owners"] {
        let answer = room.ask(identifier).await.everything();
        let authorization = V::question(identifier).authorization.expect("credentials");
        for secret in [V::CREDENTIAL, authorization.as_str(), EDGE_SECRET] {
            assert!(!answer.contains(secret), "{answer}");
        }
    }
}
