//! Whole answers that say nothing about the token.

use introspectd_simulators::{Answer, Fault, Simulator, apigee};
use introspectd_tests::{Fixture, Room, now};
use serde_json::json;

use crate::breaks::{SOON, UPSTREAM_ERROR, fails, fails_with};

pub(crate) async fn status_401<V: Fixture>() {
    fails::<V>(
        Fault::Answer(Answer::json(401, V::record())),
        UPSTREAM_ERROR,
    )
    .await;
}

pub(crate) async fn status_403<V: Fixture>() {
    fails::<V>(
        Fault::Answer(Answer::json(403, V::record())),
        UPSTREAM_ERROR,
    )
    .await;
}

pub(crate) async fn status_429<V: Fixture>() {
    fails::<V>(Fault::Answer(Answer::html(429)), SOON).await;
}

pub(crate) async fn status_429_with_retry_after<V: Fixture>() {
    let later = (503, "temporarily_unavailable", Some("17"));
    fails::<V>(Fault::Answer(Answer::retry_after(429, 17)), later).await;
}

pub(crate) async fn status_500<V: Fixture>() {
    fails::<V>(
        Fault::Answer(Answer::json(500, V::record())),
        UPSTREAM_ERROR,
    )
    .await;
}

pub(crate) async fn status_501<V: Fixture>() {
    fails::<V>(Fault::Answer(Answer::retry_after(501, 17)), UPSTREAM_ERROR).await;
}

pub(crate) async fn status_502<V: Fixture>() {
    fails::<V>(Fault::Answer(Answer::html(502)), SOON).await;
}

pub(crate) async fn status_503<V: Fixture>() {
    fails::<V>(Fault::Answer(Answer::json(503, V::record())), SOON).await;
}

pub(crate) async fn status_503_with_retry_after<V: Fixture>() {
    let later = (503, "temporarily_unavailable", Some("120"));
    fails::<V>(Fault::Answer(Answer::retry_after(503, 120)), later).await;
}

pub(crate) async fn status_504<V: Fixture>() {
    fails::<V>(Fault::Answer(Answer::html(504)), SOON).await;
}

/// Even with a good record in the body.
pub(crate) async fn undocumented_status_of_success<V: Fixture>() {
    let statuses = [201, 202, 203, 206, 226];
    fails_with::<V>(statuses.map(|status| Answer::json(status, V::record()))).await;
    fails_with::<V>([Answer::empty(204), Answer::empty(205)]).await;
}

pub(crate) async fn undocumented_400<V: Fixture>() {
    fails_with::<V>(nothing_said(400)).await;
}

pub(crate) async fn undocumented_404<V: Fixture>() {
    fails_with::<V>(nothing_said(404)).await;
}

pub(crate) async fn undocumented_statuses_of_the_client<V: Fixture>() {
    let statuses = [
        402, 405, 406, 408, 409, 410, 413, 414, 415, 418, 421, 422, 451,
    ];
    let errors = json!({"error": "invalid_grant", "code": apigee::NOT_FOUND_CODE});
    fails_with::<V>(statuses.map(|status| Answer::json(status, errors.clone()))).await;
}

pub(crate) async fn undocumented_answers_of_the_vendor<V: Fixture>() {
    fails_with::<V>(V::undocumented()).await;
}

/// Answers with a redirect, which would send our credentials and the token elsewhere.
pub(crate) async fn redirect<V: Fixture>() {
    let room = Room::<V>::open().await;
    let elsewhere = Simulator::start(V::server(now()))
        .await
        .expect("a free port");
    let location = format!("{}{}", elsewhere.base_url(), V::question(V::ACTIVE).target);
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let mut answer = Answer::redirect(&location);
        answer.status = status;
        room.server.next(Fault::Answer(answer));
        room.ask(V::ACTIVE)
            .await
            .assert_problem(502, "upstream_error", None);
        assert_eq!(room.sent(), [V::question(V::ACTIVE)], "{status}");
    }
    assert_eq!(elsewhere.count(), 0);
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::active(), "miss");
}

fn nothing_said(status: u16) -> Vec<Answer> {
    vec![
        Answer::html(status),
        Answer::empty(status),
        Answer::text(status, "application/json", "invalid_grant"),
        Answer::text(status, "application/json", "{\"error\":\"invalid_grant\""),
        Answer::json(status, json!([])),
        Answer::json(status, json!(["invalid_grant"])),
        Answer::json(status, json!([apigee::NOT_FOUND_CODE])),
        Answer::json(status, json!("invalid_grant")),
    ]
}
