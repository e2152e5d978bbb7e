//! Taken back at the vendor, and forgotten here.

use std::sync::Arc;

use introspectd_simulators::{Answer, Fault};
use introspectd_tests::{Fixture, Reply, Room};

#[track_caller]
fn is_done(reply: &Reply) {
    assert_eq!(
        (reply.status, &reply.body[..]),
        (200, &b""[..]),
        "{reply:?}"
    );
}

pub(crate) async fn revoked_token_is_inactive_at_once<V: Fixture>() {
    let room = Room::<V>::open().await;
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
    room.sent();
    is_done(&room.revoke(V::ACTIVE).await);
    assert_eq!(room.sent(), [V::revocation(V::ACTIVE)]);
    let after = room.ask(V::ACTIVE).await;
    after.assert_inactive();
    assert_eq!(after.cache(), Some("miss"));
    // A record is still looked up, so that its state can be shown. A token's end is known, and
    // nothing else matters.
    let is_asked_by_id = V::form(V::ACTIVE).len() > 1;
    assert_eq!(
        room.sent(),
        if is_asked_by_id {
            vec![V::question(V::ACTIVE)]
        } else {
            vec![]
        }
    );
}

pub(crate) async fn confirmed_revocation_holds_while_the_vendor_still_shows_the_token<
    V: Fixture,
>() {
    for is_cached in [true, false] {
        let room = Room::<V>::open().await;
        V::show_revoked(room.server.vendor());
        if is_cached {
            room.ask(V::ACTIVE)
                .await
                .assert_active(&V::active(), "miss");
        }
        is_done(&room.revoke(V::ACTIVE).await);
        for _ in 0..4 {
            room.ask(V::ACTIVE).await.assert_inactive();
            // Past each reuse.
            room.gateway.clock().advance(3);
        }
    }
}

pub(crate) async fn unconfirmed_revocation_does_not_hold<V: Fixture>() {
    let room = Room::<V>::open().await;
    for fault in [
        Fault::Answer(Answer::empty(503)),
        Fault::HangUp,
        Fault::Answer(Answer::html(500)),
    ] {
        room.server.next(fault);
        assert!(room.revoke(V::ACTIVE).await.status >= 500);
        room.ask(V::ACTIVE)
            .await
            .assert_active(&V::active(), "miss");
    }
}

pub(crate) async fn revocation_of_a_vanished_token_succeeds<V: Fixture>() {
    let room = Room::<V>::open().await;
    for identifier in [V::ACTIVE, V::ACTIVE, V::REVOKED, V::UNKNOWN] {
        is_done(&room.revoke(identifier).await);
    }
    room.ask(V::ACTIVE).await.assert_inactive();
}

pub(crate) async fn failed_revocation_is_an_error_and_still_purges<V: Fixture>() {
    let room = Room::<V>::open().await;
    for (fault, status, error) in [
        (
            Fault::Answer(Answer::retry_after(503, 9)),
            503,
            "temporarily_unavailable",
        ),
        (Fault::HangUp, 503, "temporarily_unavailable"),
        (Fault::Answer(Answer::html(500)), 502, "upstream_error"),
        (Fault::Answer(Answer::empty(403)), 502, "upstream_error"),
        (
            Fault::Answer(Answer::empty(302).with_header("location", "/elsewhere")),
            502,
            "upstream_error",
        ),
        (Fault::Answer(Answer::html(404)), 502, "upstream_error"),
    ] {
        room.ask(V::ACTIVE)
            .await
            .assert_active(&V::active(), "miss");
        room.sent();
        room.server.next(fault);
        let reply = room.revoke(V::ACTIVE).await;
        // The pause that one of them asks for.
        room.gateway.clock().advance(9);
        assert_eq!(
            (reply.status, reply.json()["error"].as_str()),
            (status, Some(error)),
            "{reply:?}"
        );
        assert_eq!(
            room.sent(),
            [V::revocation(V::ACTIVE)],
            "once, and nowhere else"
        );
    }
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
}

/// Revocations count like any request; a waiter for an in-flight one, or a hit, takes no permit.
pub(crate) async fn revocations_count_towards_the_limit_of_requests<V: Fixture>() {
    let room =
        Arc::new(Room::<V>::open_with("timeout = \"60s\"\nmax_in_flight = 1\nqueue = 0", "").await);
    let ask = |identifier: &'static str| {
        let room = Arc::clone(&room);
        tokio::spawn(async move { room.ask(identifier).await })
    };
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
    room.sent();
    let gate = room.server.gate();
    let asking = [ask(V::UNKNOWN), ask(V::UNKNOWN)];
    gate.arrived(1).await;
    room.ask(V::ACTIVE).await.assert_active(&V::active(), "hit");
    for refused in [room.ask(V::STALE).await, room.revoke(V::REVOKED).await] {
        let error = refused.json()["error"].clone();
        assert_eq!(
            (refused.status, error.as_str()),
            (503, Some("temporarily_unavailable")),
            "{refused:?}"
        );
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    gate.open();
    for asking in asking {
        asking.await.unwrap().assert_inactive();
    }
    assert_eq!(room.sent(), [V::question(V::UNKNOWN)]);
    is_done(&room.revoke(V::REVOKED).await);
}

pub(crate) async fn identifiers_unfit_for_a_url_are_not_sent<V: Fixture>() {
    let room = Room::<V>::open().await;
    for hostile in ["..", "%2e%2e", "a%2Fb", "a%3Fb", "a%00b"] {
        // As it stands in a path; in a form it is another text, and as hostile.
        let reply = room.revoke(hostile).await;
        assert!(
            reply.status == 200 || reply.status == 404,
            "{hostile} {reply:?}"
        );
    }
    let targets: Vec<_> = room.sent().into_iter().map(|sent| sent.target).collect();
    assert!(
        targets.iter().all(|target| target == "/revoke"),
        "{targets:?}"
    );
}
