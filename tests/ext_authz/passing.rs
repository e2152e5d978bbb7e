//! Envoy's treatment of allowed requests.

use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value as Protobuf};
use introspectd_tests::EDGE_SECRET;
use serde_json::{Map, Value};

use crate::envoy::{Client, ENOUGH, Form, Harness, headers, ok};

#[tokio::test]
async fn application_gets_the_identity() {
    let harness = Harness::open().await;
    let response = ok(harness
        .envoy()
        .await
        .check("orders", &Client::showing(ENOUGH))
        .await);
    let expected = [
        ("x-auth-client-id", "c"),
        ("x-auth-expires", "1800001000"),
        ("x-auth-provider", "sso"),
        ("x-auth-roles", "admin"),
        ("x-auth-scope", "orders.* x"),
        ("x-auth-subject", "Jos\u{e9}"),
        ("x-auth-token-id", "j"),
        ("x-auth-username", "u"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let mut headers = headers(&response.headers);
    let (name, seconds) = headers.pop().unwrap();
    assert_eq!(headers, expected);
    assert_eq!(name, "x-introspectd-max-age");
    let seconds: u32 = String::from_utf8(seconds).unwrap().parse().unwrap();
    // Up to a tenth less, so that tokens do not end together.
    assert!((54..=60).contains(&seconds), "{seconds}");
    assert_eq!(response.headers_to_remove, Vec::<String>::new());
}

#[tokio::test]
async fn lookalike_identity_headers_are_removed() {
    let harness = Harness::open().await;
    let envoy = harness.envoy().await;
    let ours = ["x-auth-subject", "X-Auth-Roles"];
    let forged = [
        "x_auth_subject",
        "x-auth_roles",
        "X_AUTH_SCOPE",
        "x-auth-is-admin",
    ];
    let others = ["x-author", "xx-auth-subject", "x-real-ip", "auth-subject"];
    let client = ours
        .iter()
        .chain(&forged)
        .chain(&others)
        .fold(Client::showing(ENOUGH), |client, name| {
            client.with(name, "forged")
        });
    for form in [Form::Plain, Form::Raw] {
        let caller = [format!("Bearer {EDGE_SECRET}")];
        let mut removed =
            ok(envoy.check_as(&caller, Some("orders"), &client, form).await).headers_to_remove;
        let mut expected = forged.map(str::to_owned);
        expected.sort();
        removed.sort();
        // To remove one of ours would remove what we set.
        assert_eq!(removed, expected, "{form:?}");
    }
}

#[tokio::test]
async fn metadata_equals_the_introspection_response() {
    let harness = Harness::open().await;
    let response = harness
        .envoy()
        .await
        .check("orders", &Client::showing(ENOUGH))
        .await;
    let metadata = json(response.dynamic_metadata.unwrap());
    let introspected = harness
        .gateway
        .post_introspect(&[("token", ENOUGH)])
        .await
        .json();
    assert_eq!(introspected["nested"]["deep"][3]["x"], "y");
    assert_eq!(numbers_as_floats(metadata), numbers_as_floats(introspected));
}

fn json(metadata: Struct) -> Value {
    let members: Map<_, _> = metadata
        .fields
        .into_iter()
        .map(|(name, value)| (name, value_of(value)))
        .collect();
    Value::Object(members)
}

fn value_of(value: Protobuf) -> Value {
    match value.kind.unwrap() {
        Kind::NullValue(_) => Value::Null,
        Kind::NumberValue(number) => number.into(),
        Kind::StringValue(text) => text.into(),
        Kind::BoolValue(flag) => flag.into(),
        Kind::StructValue(object) => json(object),
        Kind::ListValue(list) => list.values.into_iter().map(value_of).collect(),
    }
}

/// Protobuf knows no other numbers.
fn numbers_as_floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.into_iter().map(numbers_as_floats).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, numbers_as_floats(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

#[tokio::test]
async fn check_without_a_request_is_denied() {
    let harness = Harness::open().await;
    let response = harness
        .envoy()
        .await
        .check("default", &Client::default())
        .await;
    assert_eq!(crate::envoy::denied(response).status.unwrap().code, 401);
}
