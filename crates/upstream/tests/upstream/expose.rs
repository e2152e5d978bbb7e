//! An exchange in the open: sent once, shown without secrets, and judged as any other.

use http::{StatusCode, Version};
use introspectd_core::{BadAnswer, Failure, Outage, Unreachable};
use introspectd_simulators::{Answer as Said, Fault};
use introspectd_upstream::{Dialect, Exchange, Request};
use serde_json::json;

use crate::provider::{authorizations, silent, upstream, uri};

const TOKEN: [(&str, &str); 1] = [("token", "tok")];

async fn exposed<T>(
    base_url: &str,
    more: &str,
    then: impl FnOnce(Exchange<introspectd_upstream::Response>) -> T,
) -> T {
    then(
        upstream(Dialect::FormEndpoint, base_url, more)
            .expose(Request::post(uri(base_url, "/x?y")).form(&TOKEN))
            .await,
    )
}

#[tokio::test]
async fn head_and_body_are_kept_whatever_the_service_makes_of_them() {
    let server = silent().await;
    for (said, outcome) in [
        (Said::json(200, json!({})), Ok(StatusCode::OK)),
        (
            Said::json(401, json!({})),
            Err(BadAnswer::Credentials(401).into()),
        ),
        (Said::redirect("/y"), Err(BadAnswer::Redirect(302).into())),
        (Said::html(503), Err(Failure::outage(Outage::Status(503)))),
    ] {
        let (status, body) = (said.status, said.body.clone());
        server.next(Fault::Answer(said.with_header("x-odd", "1")));
        let more = "credentials = { type = \"none\" }";
        exposed(&server.base_url(), more, |exchange| {
            let head = exchange.head.unwrap();
            assert_eq!(
                (head.status.as_u16(), head.version),
                (status, Version::HTTP_11)
            );
            assert_eq!(head.headers["x-odd"], "1");
            assert_eq!(exchange.body, Some(body));
            assert_eq!(exchange.outcome.map(|answer| answer.status), outcome);
        })
        .await;
    }
    server.next(Fault::Answer(
        Said::json(200, json!({})).with_header("content-encoding", "br"),
    ));
    exposed(
        &server.base_url(),
        "credentials = { type = \"none\" }",
        |exchange| {
            assert_eq!(exchange.head.unwrap().headers["content-encoding"], "br");
            assert_eq!(
                (exchange.body, exchange.outcome.err()),
                (None, Some(BadAnswer::Compressed.into()))
            );
        },
    )
    .await;
}

#[tokio::test]
async fn question_is_sent_once_over_a_connection_of_its_own() {
    let server = silent().await;
    let base_url = server.base_url();
    let asked = upstream(
        Dialect::FormEndpoint,
        &base_url,
        "credentials = { type = \"none\" }",
    );
    asked
        .send(
            Request::post(uri(&base_url, "/x"))
                .form(&TOKEN)
                .repeatable(),
        )
        .await
        .unwrap();
    for fault in [Fault::HangUp, Fault::Reset] {
        server.forget();
        server.always(fault);
        let exchange = asked
            .expose(Request::post(uri(&base_url, "/x")).form(&TOKEN))
            .await;
        assert!(exchange.head.is_none() && exchange.body.is_none());
        let closed = [Outage::Closed, Outage::Unreachable(Unreachable::Reset)].map(Failure::outage);
        assert!(closed.contains(&exchange.outcome.err().unwrap()));
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn request_is_shown_as_it_was_sent_and_its_secrets_masked() {
    let server = silent().await;
    let secret = "{ literal = \"hunter2\" }";
    for (credentials, authorization, form) in [
        ("type = \"none\"".to_owned(), None, "token=***"),
        (
            format!("type = \"bearer\", token = {secret}"),
            Some("Bearer ***"),
            "token=***",
        ),
        (
            format!("type = \"basic\", username = \"u\", password = {secret}"),
            Some("Basic ***"),
            "token=***",
        ),
        (
            format!("type = \"client_secret_post\", client_id = \"u&v\", client_secret = {secret}"),
            None,
            "token=***&client_id=u%26v&client_secret=***",
        ),
    ] {
        server.forget();
        let sent = exposed(
            &server.base_url(),
            &format!("credentials = {{ {credentials} }}"),
            |it| it.sent,
        )
        .await;
        assert_eq!(
            (
                sent.method.as_str(),
                sent.uri.path_and_query().unwrap().as_str()
            ),
            ("POST", "/x?y")
        );
        let shown = sent
            .headers
            .get("authorization")
            .map(|value| value.to_str().unwrap());
        assert_eq!((shown, sent.form.as_str()), (authorization, form));
        assert!(!format!("{sent:?}").contains("hunter2"));
        let [arrived] = &server.requests()[..] else {
            panic!("one request")
        };
        for (name, value) in sent
            .headers
            .iter()
            .filter(|(name, _)| *name != "authorization")
        {
            assert_eq!(arrived.header(name.as_str()), value.to_str().ok(), "{name}");
        }
        assert_eq!(
            authorizations(&server)[0].is_some(),
            authorization.is_some()
        );
    }
}
