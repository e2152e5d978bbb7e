//! Definite answers of a vendor.

use std::time::Duration;

use introspectd_simulators::{Answer, Fault};
use introspectd_tests::{Fixture, NOW, Room};
use serde_json::{Value, json};

const UNCACHED: &str = "[cache]\nttl = \"0s\"\ninactive_ttl = \"0s\"";

pub(crate) async fn active<V: Fixture>() {
    let room = Room::<V>::open().await;
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
    assert_eq!(room.sent(), [V::question(V::ACTIVE)]);
}

pub(crate) async fn minimal<V: Fixture>() {
    let room = Room::<V>::open().await;
    room.server
        .next(Fault::Answer(Answer::json(200, V::minimal(NOW + 60))));
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::minimal_active(NOW + 60), "miss");
    assert_eq!(room.sent(), [V::question(V::ACTIVE)]);
}

pub(crate) async fn null_is_absent<V: Fixture>() {
    let room = Room::<V>::open().await;
    let mut record = V::minimal(NOW + 60);
    for member in V::OPTIONAL {
        record[*member] = Value::Null;
    }
    room.server.next(Fault::Answer(Answer::json(200, record)));
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::minimal_active(NOW + 60), "miss");
}

/// A body of 1 MiB is not yet too large.
pub(crate) async fn active_token_of_any_allowed_length<V: Fixture>() {
    let room = Room::<V>::open().await;
    let body = padded(&V::record(), 1024 * 1024);
    room.server
        .next(Fault::Answer(Answer::text(200, "application/json", body)));
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
}

/// Introspects on both sides of the end, without the cache.
pub(crate) async fn ends_at_its_second<V: Fixture>() {
    let room = Room::<V>::open_with("", UNCACHED).await;
    room.server
        .always(Fault::Answer(Answer::json(200, V::minimal(NOW + 10))));
    room.gateway.clock().set(NOW + 9);
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::minimal_active(NOW + 10), "miss");
    for late in [NOW + 10, NOW + 11, NOW + 1_000_000] {
        room.gateway.clock().set(late);
        let reply = room.ask(V::ACTIVE).await;
        reply.assert_inactive();
        assert_eq!(reply.cache(), Some("miss"));
    }
    assert_eq!(room.sent().len(), 4);
}

/// The wall clock alone moves, so that nothing but the token's end can take it out of the cache.
pub(crate) async fn ends_at_its_second_in_the_cache<V: Fixture>() {
    let room = Room::<V>::open().await;
    room.server
        .always(Fault::Answer(Answer::json(200, V::minimal(NOW + 10))));
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::minimal_active(NOW + 10), "miss");
    room.gateway.clock().set(NOW + 9);
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::minimal_active(NOW + 10), "hit");
    room.gateway.clock().set(NOW + 10);
    room.ask(V::ACTIVE).await.assert_inactive();
}

pub(crate) async fn expired_token_in_a_good_state<V: Fixture>() {
    is_inactive::<V>(V::STALE).await;
}

pub(crate) async fn revoked<V: Fixture>() {
    is_inactive::<V>(V::REVOKED).await;
}

pub(crate) async fn unknown<V: Fixture>() {
    is_inactive::<V>(V::UNKNOWN).await;
}

pub(crate) async fn not_good<V: Fixture>() {
    for identifier in V::NOT_GOOD {
        is_inactive::<V>(identifier).await;
    }
}

pub(crate) async fn repeated_request_within_the_ttl_is_a_hit<V: Fixture>() {
    let room = Room::<V>::open().await;
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
    room.gateway.clock().advance(50);
    room.ask(V::ACTIVE).await.assert_active(&V::active(), "hit");
    assert_eq!(room.sent().len(), 1);
    room.gateway.clock().advance(11);
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
    assert_eq!(room.sent(), [V::question(V::ACTIVE)]);
}

pub(crate) async fn slow_response_is_awaited<V: Fixture>() {
    let room = Room::<V>::open().await;
    room.server.next(Fault::Delay(Duration::from_millis(50)));
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
    assert_eq!(room.sent().len(), 1);
}

pub(crate) async fn formatting_and_unknown_members_are_ignored<V: Fixture>() {
    let room = Room::<V>::open().await;
    let mut record = V::minimal(NOW + 60);
    if V::PROVIDER != "sso" {
        // There, what is unknown is an extension, and passes.
        record["\u{1f511} unheard of"] = json!({"deep": [[{"status": "revoked"}], null, 1e300]});
    }
    let body = format!(
        "\r\n\t {}\n",
        serde_json::to_string_pretty(&record).unwrap()
    );
    room.server.next(Fault::Answer(Answer::text(
        200,
        "text/plain; charset=us-ascii",
        body,
    )));
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::minimal_active(NOW + 60), "miss");
}

/// Inactive, and kept so for a while.
async fn is_inactive<V: Fixture>(identifier: &str) {
    let room = Room::<V>::open().await;
    for cache in ["miss", "hit"] {
        let reply = room.ask(identifier).await;
        reply.assert_inactive();
        assert_eq!(reply.cache(), Some(cache));
    }
    assert_eq!(room.sent(), [V::question(identifier)]);
}

/// The record as JSON of this length, by white space after it.
pub(crate) fn padded(record: &Value, length: usize) -> String {
    let text = record.to_string();
    format!("{text}{}", " ".repeat(length - text.len()))
}
