//! No answer, or none that could be one.

use introspectd_simulators::{Answer, Fault};
use introspectd_tests::{Fixture, Room};
use serde_json::json;

use crate::answers::padded;

/// Status, `error` and `Retry-After` of an answer.
pub(crate) type Problem = (u16, &'static str, Option<&'static str>);

pub(crate) const UPSTREAM_ERROR: Problem = (502, "upstream_error", None);
/// Problem without the vendor's `Retry-After`.
pub(crate) const SOON: Problem = (503, "temporarily_unavailable", Some("1"));
pub(crate) const TIMEOUT: Problem = (504, "upstream_timeout", None);

pub(crate) async fn hanging<V: Fixture>() {
    let room = Room::<V>::open_with("timeout = \"2s\"", "").await;
    room.server.next(Fault::Hang);
    assert_problem(&room.ask(V::ACTIVE).await, TIMEOUT);
    assert_eq!(room.sent(), [V::question(V::ACTIVE)]);
}

pub(crate) async fn hang_up<V: Fixture>() {
    fails::<V>(Fault::HangUp, SOON).await;
}

pub(crate) async fn reset<V: Fixture>() {
    fails::<V>(Fault::Reset, SOON).await;
}

pub(crate) async fn refused<V: Fixture>() {
    let room = Room::<V>::open().await;
    room.server.stop();
    for _ in 0..2 {
        assert_problem(&room.ask(V::ACTIVE).await, SOON);
    }
}

pub(crate) async fn truncated<V: Fixture>() {
    fails::<V>(Fault::Truncate, UPSTREAM_ERROR).await;
}

pub(crate) async fn not_json<V: Fixture>() {
    fails::<V>(Fault::Answer(Answer::garbage()), UPSTREAM_ERROR).await;
    let text = V::record().to_string();
    fails_with::<V>([
        answer(text.replace('"', "'")),
        answer(text.replacen('}', ",}", 1)),
        answer(format!("{text},")),
        answer(format!("{text}\0")),
        answer(format!("\u{feff}{text}")),
        answer(format!(")]}}'\n{text}")),
        answer(text.strip_suffix('}').expect("an object")),
    ])
    .await;
}

pub(crate) async fn html<V: Fixture>() {
    fails::<V>(Fault::Answer(Answer::html(200)), UPSTREAM_ERROR).await;
}

pub(crate) async fn empty<V: Fixture>() {
    fails_with::<V>([Answer::empty(200), answer(" "), answer("\n")]).await;
}

pub(crate) async fn array<V: Fixture>() {
    let record = V::record();
    // What a careless reader takes for an object, member by member.
    let members = V::REQUIRED.iter().chain(V::OPTIONAL);
    let mut values: Vec<_> = members
        .map(|name| record.get(*name).cloned().unwrap_or_default())
        .collect();
    let row = json!(values);
    values.insert(1, json!(null));
    fails_with::<V>([
        answer("[]"),
        answer("[true]"),
        answer("[false]"),
        answer(" \n[false]"),
        Answer::json(200, json!([record])),
        Answer::json(200, json!([record, record])),
        Answer::json(200, row),
        Answer::json(200, json!(values)),
    ])
    .await;
}

pub(crate) async fn no_object<V: Fixture>() {
    fails_with::<V>(["null", "true", "42", "\"Active\"", "{}"].map(answer)).await;
}

pub(crate) async fn more_than_one_object<V: Fixture>() {
    let text = V::record().to_string();
    fails_with::<V>([
        answer(format!("{text}{text}")),
        answer(format!("{text}\n{{}}")),
    ])
    .await;
}

pub(crate) async fn five_mebibytes<V: Fixture>() {
    fails::<V>(Fault::Oversize(5 * 1024 * 1024), UPSTREAM_ERROR).await;
}

pub(crate) async fn one_byte_too_many<V: Fixture>() {
    fails_with::<V>([answer(padded(&V::record(), 1024 * 1024 + 1))]).await;
}

/// Asserts that the fault is reported as this problem after exactly one request, and that nothing
/// is cached: the next request reaches the vendor, and its answer counts.
pub(crate) async fn fails<V: Fixture>(fault: Fault, problem: Problem) {
    let room = Room::<V>::open().await;
    room.server.next(fault);
    assert_problem(&room.ask(V::ACTIVE).await, problem);
    assert_eq!(room.sent(), [V::question(V::ACTIVE)]);
    // The longest pause that a fault asks for.
    room.gateway.clock().advance(60);
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
    assert_eq!(room.sent(), [V::question(V::ACTIVE)]);
}

/// Each of these answers is none, and none of them is kept.
pub(crate) async fn fails_with<V: Fixture>(answers: impl IntoIterator<Item = Answer>) {
    let room = Room::<V>::open().await;
    for answer in answers {
        let shown = format!("{answer:.300?}");
        room.server.next(Fault::Answer(answer));
        let reply = room.ask(V::ACTIVE).await;
        assert_eq!(reply.status, 502, "{reply:?} to {shown}");
        assert_problem(&reply, UPSTREAM_ERROR);
        assert_eq!(room.sent(), [V::question(V::ACTIVE)], "{shown}");
    }
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
}

pub(crate) fn answer(body: impl Into<String>) -> Answer {
    Answer::text(200, "application/json", body.into())
}

#[track_caller]
fn assert_problem(reply: &introspectd_tests::Reply, (status, error, retry_after): Problem) {
    reply.assert_problem(status, error, retry_after);
}
