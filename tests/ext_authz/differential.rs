//! The same cases to both: one decision core serves them.

use bytes::Bytes;
use envoy_types::ext_authz::v3::pb::CheckResponse;
use http::Request;
use http_body_util::Full;
use introspectd_simulators::rfc7662;
use introspectd_tests::{EDGE_SECRET, Reply, basic};

use crate::envoy::{
    BROKEN, Client, ENOUGH, Envoy, Form, HOSTILE, Harness, NO_BEARER, PAUSED, UNAVAILABLE, denied,
    headers, ok,
};

const POLICIES: [Option<&str>; 8] = [
    None,
    Some("default"),
    Some("orders"),
    Some("elsewhere"),
    Some("as-403"),
    Some("as-401"),
    Some("unknown"),
    Some(""),
];

fn callers() -> Vec<Vec<String>> {
    let bearer = |secret: &str| format!("Bearer {secret}");
    vec![
        vec![bearer(EDGE_SECRET)],
        vec![basic("edge", EDGE_SECRET)],
        vec![bearer("confined-secret")],
        vec![bearer("lister-secret")],
        vec![bearer("blind-secret")],
    ]
}

/// Credentials of unknown callers. Their messages are not read, so neither policy nor language
/// counts.
fn strangers() -> Vec<Vec<String>> {
    let bearer = |secret: &str| format!("Bearer {secret}");
    vec![
        vec![bearer("wrong")],
        vec![],
        vec![bearer(EDGE_SECRET), bearer(EDGE_SECRET)],
    ]
}

fn clients() -> Vec<Client> {
    let tokens = [
        ENOUGH,
        "no-scope",
        "no-role",
        "no-aud",
        HOSTILE,
        UNAVAILABLE,
        BROKEN,
        rfc7662::EXPIRED,
        rfc7662::REVOKED,
        rfc7662::UNKNOWN,
        "a b",
        "Bearer x",
        "a,b",
        "",
    ];
    let tokens = tokens.into_iter().chain(NO_BEARER.map(|(token, ..)| token));
    let shown = tokens.map(Client::showing);
    let with = |value: &str| Client::default().with("authorization", value);
    let odd = [
        Client::default(),
        with(&format!("bearer {ENOUGH}")),
        with(&basic("a", "b")),
        with("Bearer l\u{e9}ger"),
        Client::showing(ENOUGH).with("authorization", &format!("Bearer {ENOUGH}")),
        Client::showing(ENOUGH).with("authorization", "Bearer x"),
        Client::showing(ENOUGH)
            .with("x-auth-subject", "admin")
            .with("accept-language", "es"),
        Client::default().with("accept-language", "es, en;q=0.5"),
    ];
    shown.chain(odd).collect()
}

pub(crate) async fn forward_auth(
    harness: &Harness,
    callers: &[String],
    policy: Option<&str>,
    client: &Client,
) -> Reply {
    let path = policy.map_or_else(String::new, |policy| format!("/{policy}"));
    let mut request = Request::get(format!(
        "http://{}/forward-auth{path}",
        harness.gateway.api()
    ));
    for caller in callers {
        request = request.header("x-introspectd-caller", caller);
    }
    for (name, value) in &client.headers {
        request = request.header(name, value.as_slice());
    }
    harness
        .gateway
        .send(request.body(Full::new(Bytes::new())).unwrap())
        .await
}

/// The headers that a decision makes.
fn decided(reply: &Reply) -> Vec<(String, Vec<u8>)> {
    let of_http = ["date", "content-length", "x-cache"];
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| !of_http.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect();
    headers.sort();
    headers
}

#[track_caller]
pub(crate) fn is_the_same(reply: &Reply, response: CheckResponse, case: &str) {
    if reply.status == 200 {
        let mut expected = decided(reply);
        expected.retain(|(name, _)| name != "cache-control");
        assert_eq!(headers(&ok(response).headers), expected, "{case}");
    } else {
        let denied = denied(response);
        assert_eq!(
            denied.status.unwrap().code,
            i32::from(reply.status),
            "{case}"
        );
        assert_eq!(headers(&denied.headers), decided(reply), "{case}");
        assert_eq!(denied.body.as_bytes(), &reply.body[..], "{case}");
    }
}

#[tokio::test]
async fn non_bearer_token_is_denied_both_ways_and_introspected_unchanged() {
    let harness = Harness::open().await;
    let envoy: Envoy = harness.envoy().await;
    let callers = [format!("Bearer {EDGE_SECRET}")];
    for (token, ..) in NO_BEARER {
        let client = Client::showing(token);
        for policy in ["default", "orders"] {
            let reply = forward_auth(&harness, &callers, Some(policy), &client).await;
            assert_eq!(reply.status, 401, "{token}");
            assert_eq!(
                reply.headers["www-authenticate"],
                "Bearer error=\"invalid_token\""
            );
            is_the_same(&reply, envoy.check(policy, &client).await, token);
        }
        assert_eq!(
            harness
                .gateway
                .post_introspect(&[("token", token)])
                .await
                .json()["active"],
            true
        );
    }
}

#[tokio::test]
async fn envoy_and_forward_auth_decide_alike() {
    let harness = Harness::open().await;
    let envoy: Envoy = harness.envoy().await;
    let mut allowed = 0;
    let mut statuses = std::collections::BTreeSet::new();
    for policy in POLICIES {
        for callers in callers() {
            for client in clients() {
                let reply = forward_auth(&harness, &callers, policy, &client).await;
                for form in [Form::Raw, Form::Plain] {
                    let case = format!("{policy:?} {callers:?} {client:?} {form:?}");
                    is_the_same(
                        &reply,
                        envoy.check_as(&callers, policy, &client, form).await,
                        &case,
                    );
                }
                allowed += usize::from(reply.status == 200);
                statuses.insert(reply.status);
            }
        }
    }
    for callers in strangers() {
        let reply =
            forward_auth(&harness, &callers, Some("orders"), &Client::showing(ENOUGH)).await;
        assert_eq!(reply.status, 401);
        for policy in POLICIES {
            for client in clients() {
                let case = format!("{policy:?} {callers:?} {client:?}");
                is_the_same(
                    &reply,
                    envoy.check_as(&callers, policy, &client, Form::Raw).await,
                    &case,
                );
            }
        }
    }
    assert!(allowed > 50, "{allowed}");
    assert_eq!(
        statuses.into_iter().collect::<Vec<_>>(),
        [200, 401, 403, 404, 502, 503]
    );
}

#[tokio::test]
async fn provider_that_is_not_asked_is_503_with_what_is_left_both_ways() {
    let harness = Harness::open().await;
    let envoy: Envoy = harness.envoy().await;
    let (callers, policy) = ([format!("Bearer {EDGE_SECRET}")], None);
    let paused = forward_auth(&harness, &callers, policy, &Client::showing(PAUSED)).await;
    assert_eq!(paused.status, 503);
    harness.gateway.clock().advance(2);
    let client = Client::showing(ENOUGH);
    let spared = forward_auth(&harness, &callers, policy, &client).await;
    assert_eq!(
        (spared.status, spared.header("retry-after")),
        (503, Some("7"))
    );
    let response = envoy.check_as(&callers, policy, &client, Form::Raw).await;
    is_the_same(&spared, response, "spared");
}
