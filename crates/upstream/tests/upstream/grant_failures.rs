//! A token endpoint that gives none.

use std::time::Duration;

use futures_util::future::join_all;
use introspectd_core::{BadAnswer, Failure, Outage, Unreachable};
use introspectd_simulators::{Answer as Said, Fault};
use introspectd_upstream::Request;
use serde_json::json;

use crate::grant::{Provider, configured};
use crate::provider::{clock, connected_at, silent, until_deadline, uri};

#[tokio::test]
async fn a_failed_request_is_told_and_the_next_question_tries_again() {
    let out = |outage| Failure::outage(outage);
    let busy = Failure::Unavailable {
        outage: Outage::Status(429),
        retry_after: Some(Duration::from_secs(7)),
    };
    for (fault, failure) in [
        (Fault::HangUp, out(Outage::Closed)),
        (Fault::Reset, out(Outage::Unreachable(Unreachable::Reset))),
        (Fault::Truncate, BadAnswer::Truncated.into()),
        (Fault::Oversize(1024 * 1024 + 1), BadAnswer::TooLarge.into()),
        (
            Fault::Answer(Said::garbage()),
            BadAnswer::GrantMember("access_token").into(),
        ),
        (
            Fault::Answer(Said::json(400, json!({"error": "invalid_client"}))),
            BadAnswer::Grant.into(),
        ),
        (Fault::Answer(Said::empty(401)), BadAnswer::Grant.into()),
        (Fault::Answer(Said::empty(403)), BadAnswer::Grant.into()),
        (
            Fault::Answer(Said::html(404)),
            BadAnswer::Status(404).into(),
        ),
        (
            Fault::Answer(Said::empty(204)),
            BadAnswer::Status(204).into(),
        ),
        (Fault::Answer(Said::retry_after(429, 7)), busy),
        (
            Fault::Answer(Said::html(500)),
            BadAnswer::Status(500).into(),
        ),
        (Fault::Answer(Said::html(502)), out(Outage::Status(502))),
    ] {
        let provider = Provider::start("").await;
        provider.tokens.next(fault.clone());
        assert_eq!(provider.ask().await.err(), Some(failure), "{fault:?}");
        assert_eq!(
            (provider.tokens.count(), provider.api.count()),
            (1, 0),
            "{fault:?}"
        );
        assert_eq!(provider.ask().await.err(), None, "{fault:?}");
        assert_eq!(
            (provider.tokens.count(), provider.api.count()),
            (2, 1),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_a_usable_token_is_no_grant() {
    for (said, member) in [
        (json!({}), "access_token"),
        (json!(["tok", 3600]), "access_token"),
        (json!({"access_token": ""}), "access_token"),
        (json!({"access_token": 1}), "access_token"),
        (json!({"access_token": "a\r\nx-forged: 1"}), "access_token"),
        (
            json!({"access_token": "tok", "expires_in": "soon"}),
            "expires_in",
        ),
        (
            json!({"access_token": "tok", "expires_in": "inf"}),
            "expires_in",
        ),
        (
            json!({"access_token": "tok", "expires_in": true}),
            "expires_in",
        ),
        (
            json!({"access_token": "tok", "expires_in": [3600]}),
            "expires_in",
        ),
    ] {
        let provider = Provider::start("").await;
        provider
            .tokens
            .next(Fault::Answer(Said::json(200, said.clone())));
        assert_eq!(
            provider.ask().await.err(),
            Some(BadAnswer::GrantMember(member).into()),
            "{said}"
        );
        assert_eq!(provider.api.count(), 0);
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_is_unreachable() {
    let provider = Provider::start("").await;
    provider.tokens.stop();
    assert_eq!(
        provider.ask().await.err(),
        Some(Failure::outage(Outage::Unreachable(Unreachable::Refused)))
    );
    assert_eq!(provider.api.count(), 0);
}

#[tokio::test]
async fn a_redirect_of_the_token_endpoint_takes_the_client_secret_nowhere() {
    let target = silent().await;
    let provider = Provider::start("").await;
    provider
        .tokens
        .next(Fault::Answer(Said::redirect(&target.base_url())));
    assert_eq!(
        provider.ask().await.err(),
        Some(BadAnswer::Redirect(302).into())
    );
    assert_eq!(target.count(), 0);
}

#[tokio::test]
async fn questions_that_wait_for_one_request_share_its_failure() {
    let provider = Provider::start("").await;
    provider
        .tokens
        .next(Fault::Answer(Said::retry_after(503, 7)));
    let gate = provider.tokens.gate();
    let (failures, ()) = tokio::join!(provider.ask_many(50), async {
        gate.arrived(1).await;
        gate.open();
    });
    let failure = Failure::Unavailable {
        outage: Outage::Status(503),
        retry_after: Some(Duration::from_secs(7)),
    };
    assert_eq!(failures, vec![Some(failure); 50]);
    assert_eq!((provider.tokens.count(), provider.api.count()), (1, 0));
    assert_eq!(provider.ask().await.err(), None);
}

#[tokio::test]
async fn a_token_endpoint_that_hangs_costs_its_own_deadline_only() {
    let provider = Provider::start("").await;
    provider.tokens.next(Fault::Hang);
    let told = until_deadline(&provider.tokens, 1, provider.ask_many(20)).await;
    assert_eq!(told, vec![Some(Failure::Timeout); 20]);
    assert_eq!((provider.tokens.count(), provider.api.count()), (1, 0));
}

#[tokio::test]
async fn a_renewal_before_the_end_that_hangs_holds_nobody_up() {
    let provider = Provider::start("").await;
    provider.ask().await.unwrap();
    provider.clock.advance(3570);
    provider.tokens.always(Fault::Hang);
    assert_eq!(provider.ask_many(20).await, vec![None; 20]);
    assert_eq!(provider.ask().await.err(), None);
    assert_eq!(provider.api.count(), 22);
}

#[tokio::test]
async fn a_renewal_before_the_end_that_fails_is_not_tried_with_every_question() {
    let provider = Provider::start("").await;
    provider.ask().await.unwrap();
    provider.clock.advance(3570);
    provider.tokens.always(Fault::Answer(Said::empty(400)));
    for _ in 0..50 {
        assert_eq!(provider.ask().await.err(), None);
    }
    assert_eq!(provider.tokens.count(), 2);
    provider.clock.advance(1);
    provider.ask().await.unwrap();
    // Past the end, the first question may still share a failure that is under way.
    provider.tokens.clear();
    provider.clock.advance(29);
    let _ = provider.ask().await;
    assert_eq!(provider.ask().await.err(), None);
}

#[tokio::test]
async fn a_refused_token_whose_renewal_fails_is_told_as_that_failure() {
    let provider = Provider::start("").await;
    provider.ask().await.unwrap();
    provider.vendor.expire_credentials();
    provider.tokens.next(Fault::Answer(Said::html(500)));
    assert_eq!(
        provider.ask().await.err(),
        Some(BadAnswer::Status(500).into())
    );
    assert_eq!(provider.api.count(), 2);
    assert_eq!(provider.ask().await.err(), None);
}

#[tokio::test]
async fn no_connection_to_the_token_endpoint_in_time_is_told_from_no_answer() {
    // The kernel accepts, and nothing shakes hands.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (api, tokens) = (
        silent().await,
        format!("https://{}", listener.local_addr().unwrap()),
    );
    let connection = configured(&api.base_url(), &tokens, "", "timeout = \"300ms\"");
    let upstream = connected_at(connection, &clock());
    let asked =
        join_all((0..20).map(|_| upstream.send(Request::get(uri(&api.base_url(), "/x"))))).await;
    assert!(
        asked
            .into_iter()
            .all(|answer| answer.err() == Some(Failure::ConnectTimeout))
    );
    assert_eq!(api.count(), 0);
}
