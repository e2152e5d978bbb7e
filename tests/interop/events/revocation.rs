use introspectd_tests::{EDGE_SECRET, basic};
use serde_json::json;

use super::harness::{AUTHORIZED, Harness};

const KEYS: &str = "jwks = { url = \"BASE/t/jwks\" }";

#[tokio::test]
async fn subject_is_revoked_by_word_of_a_transmitter_or_a_permitted_caller() {
    let harness = Harness::open(KEYS).await;
    let alice = json!({"sub_id": {"format": "opaque", "id": "alice"}});
    for sender in [AUTHORIZED.to_owned(), Harness::ops()] {
        harness.warm().await;
        let reply = harness.revoke(&sender, &alice).await;
        assert_eq!((reply.status, reply.body.len()), (204, 0), "{reply:?}");
        assert_eq!(harness.cached().await, [false, true]);
    }
    harness.warm().await;
    for (sender, status) in [
        (basic("edge", EDGE_SECRET), 403),
        (basic("ops", "wrong"), 401),
        ("Bearer other".to_owned(), 401),
    ] {
        assert_eq!(
            harness.revoke(&sender, &alice).await.status,
            status,
            "{sender}"
        );
    }
    let email = json!({"sub_id": {"format": "email", "email": "alice@example.com"}});
    for (body, status) in [
        (json!({}), 400),
        (json!({"sub_id": "alice"}), 400),
        (json!({"sub_id": {"format": "x"}}), 400),
        (email, 404),
    ] {
        for sender in [AUTHORIZED, &Harness::ops()] {
            assert_eq!(harness.revoke(sender, &body).await.status, status, "{body}");
        }
    }
    assert_eq!(harness.cached().await, [true, true]);
}
