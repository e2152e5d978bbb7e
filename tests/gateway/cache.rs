//! The cache and the one flight for a miss, over sockets.

use std::sync::Arc;

use futures_util::future::join_all;
use introspectd_simulators::{Answer, Fault, tibco_asg};
use introspectd_tests::{Fixture, NOW, Reply, Room, TibcoAsg};
use tokio::task::JoinHandle;

use crate::client::Client;

const CALLERS: usize = 200;

type Shared = Arc<Room<TibcoAsg>>;

async fn open() -> Shared {
    Arc::new(Room::open().await)
}

fn ask(room: &Shared, token: &'static str) -> JoinHandle<Reply> {
    let room = Arc::clone(room);
    tokio::spawn(async move { room.ask(token).await })
}

/// So many callers, all of whom have looked into the cache before this returns.
async fn ask_at_once(room: &Shared, callers: usize, token: &'static str) -> Vec<JoinHandle<Reply>> {
    let before = room.gateway.clock().looks();
    let asking = (0..callers).map(|_| ask(room, token)).collect();
    // Two a caller: its arrival, and the lookup.
    room.gateway.clock().looked_at(before + 2 * callers).await;
    asking
}

async fn replies(asking: Vec<JoinHandle<Reply>>) -> Vec<Reply> {
    join_all(asking)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

fn from(replies: &[Reply], cache: &str) -> usize {
    replies
        .iter()
        .filter(|reply| reply.cache() == Some(cache))
        .count()
}

#[tokio::test]
async fn two_hundred_callers_with_an_unknown_token_cause_one_request() {
    let room = open().await;
    let gate = room.server.gate();
    let mut asking = vec![ask(&room, tibco_asg::UNKNOWN)];
    gate.arrived(1).await;
    asking.extend(ask_at_once(&room, CALLERS - 1, tibco_asg::UNKNOWN).await);
    gate.open();

    let replies = replies(asking).await;
    replies.iter().for_each(Reply::assert_inactive);
    assert_eq!(
        (from(&replies, "miss"), from(&replies, "coalesced")),
        (1, CALLERS - 1)
    );
    assert_eq!(replies[0].cache(), Some("miss"));
    assert_eq!(room.sent(), [TibcoAsg::question(tibco_asg::UNKNOWN)]);
    let later = room.ask(tibco_asg::UNKNOWN).await;
    later.assert_inactive();
    assert_eq!(later.cache(), Some("hit"));
    assert_eq!(room.sent(), []);
}

/// Lets the callers arrive in any order.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_racing_callers_cause_one_request() {
    let room = open().await;
    let gate = room.server.gate();
    let asking = (0..CALLERS)
        .map(|_| ask(&room, tibco_asg::ACTIVE))
        .collect();
    gate.arrived(1).await;
    gate.open();
    let replies = replies(asking).await;
    assert!(
        replies
            .iter()
            .all(|reply| reply.json() == TibcoAsg::active())
    );
    assert_eq!(from(&replies, "miss"), 1);
    assert_eq!(
        from(&replies, "coalesced") + from(&replies, "hit"),
        CALLERS - 1
    );
    assert_eq!(room.sent().len(), 1);
}

#[tokio::test]
async fn failure_reaches_all_waiters_and_no_later_request() {
    let room = open().await;
    room.server.next(Fault::Answer(Answer::retry_after(503, 9)));
    let gate = room.server.gate();
    let mut asking = vec![ask(&room, TibcoAsg::ACTIVE)];
    gate.arrived(1).await;
    asking.extend(ask_at_once(&room, 20, TibcoAsg::ACTIVE).await);
    gate.open();
    for reply in replies(asking).await {
        reply.assert_problem(503, "temporarily_unavailable", Some("9"));
    }
    assert_eq!(room.sent().len(), 1);
    // The pause that it asked for.
    room.gateway.clock().advance(9);
    room.ask(TibcoAsg::ACTIVE)
        .await
        .assert_active(&TibcoAsg::active(), "miss");
    assert_eq!(room.sent().len(), 1);
}

#[tokio::test]
async fn slow_token_does_not_delay_others() {
    let room = open().await;
    let gate = room.server.gate();
    let slow = ask(&room, tibco_asg::UNKNOWN);
    gate.arrived(1).await;
    let other = ask(&room, TibcoAsg::ACTIVE);
    gate.arrived(2).await;
    gate.open();
    other
        .await
        .unwrap()
        .assert_active(&TibcoAsg::active(), "miss");
    slow.await.unwrap().assert_inactive();
}

#[tokio::test]
async fn departure_of_the_first_client_does_not_affect_others() {
    let room = open().await;
    let gate = room.server.gate();
    let first = Client::ask(&room.gateway, TibcoAsg::ACTIVE).await;
    gate.arrived(1).await;
    let others = ask_at_once(&room, 5, TibcoAsg::ACTIVE).await;
    first.leave();
    let after = ask_at_once(&room, 5, TibcoAsg::ACTIVE).await;
    assert_eq!(gate.waiting(), 1);
    gate.open();
    for reply in replies(others)
        .await
        .into_iter()
        .chain(replies(after).await)
    {
        reply.assert_active(&TibcoAsg::active(), "coalesced");
    }
    assert_eq!(room.sent().len(), 1);
}

#[tokio::test]
async fn answer_is_cached_although_its_only_client_left() {
    let room = open().await;
    let gate = room.server.gate();
    let only = Client::ask(&room.gateway, TibcoAsg::ACTIVE).await;
    gate.arrived(1).await;
    only.leave();
    let next = ask_at_once(&room, 1, TibcoAsg::ACTIVE).await;
    gate.open();
    replies(next).await[0].assert_active(&TibcoAsg::active(), "coalesced");
    room.ask(TibcoAsg::ACTIVE)
        .await
        .assert_active(&TibcoAsg::active(), "hit");
    assert_eq!(room.sent().len(), 1);
}

#[tokio::test]
async fn half_closed_client_is_answered() {
    let room = open().await;
    let gate = room.server.gate();
    let mut client = Client::ask(&room.gateway, TibcoAsg::ACTIVE).await;
    client.finish().await;
    gate.arrived(1).await;
    gate.open();
    let answer = client.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"active\":true"),
        "{answer}"
    );
}

/// Neither by age nor by its own end, however often it is asked about.
#[tokio::test]
async fn expired_facts_are_never_served() {
    let room =
        Room::<TibcoAsg>::open_with("", "[cache]\nttl = \"1h\"\nstale_if_error = \"1d\"").await;
    room.server.next(Fault::Answer(Answer::json(
        200,
        TibcoAsg::minimal(NOW + 100),
    )));
    room.ask(TibcoAsg::ACTIVE)
        .await
        .assert_active(&TibcoAsg::minimal_active(NOW + 100), "miss");
    room.server.always(Fault::HangUp);
    for _ in 0..99 {
        room.gateway.clock().advance(1);
        let reply = room.ask(TibcoAsg::ACTIVE).await;
        assert_eq!(reply.json(), TibcoAsg::minimal_active(NOW + 100));
    }
    room.gateway.clock().advance(1);
    room.ask(TibcoAsg::ACTIVE)
        .await
        .assert_problem(503, "temporarily_unavailable", Some("1"));
}

#[tokio::test]
async fn stale_fact_replaces_a_failure_only_if_configured() {
    for (stale_if_error, stands_in) in [("0s", false), ("5m", true)] {
        let cache = format!("[cache]\nttl = \"60s\"\nstale_if_error = \"{stale_if_error}\"");
        let room = Room::<TibcoAsg>::open_with("", &cache).await;
        room.ask(TibcoAsg::ACTIVE)
            .await
            .assert_active(&TibcoAsg::active(), "miss");
        room.gateway.clock().advance(61);
        room.server.always(Fault::HangUp);
        let reply = room.ask(TibcoAsg::ACTIVE).await;
        if stands_in {
            reply.assert_active(&TibcoAsg::active(), "stale");
        } else {
            reply.assert_problem(503, "temporarily_unavailable", Some("1"));
        }
        assert_eq!(room.sent().len(), 2);
    }
}

#[tokio::test]
async fn revocation_elsewhere_is_seen_after_the_ttl() {
    let room = Room::<TibcoAsg>::open_with("", "[cache]\nttl = \"10s\"").await;
    room.ask(TibcoAsg::ACTIVE)
        .await
        .assert_active(&TibcoAsg::active(), "miss");
    room.server.vendor().revoke(TibcoAsg::ACTIVE);
    room.gateway.clock().advance(10);
    let reply = room.ask(TibcoAsg::ACTIVE).await;
    reply.assert_inactive();
    assert_eq!(reply.cache(), Some("miss"));
}
