//! Listeners for Envoy, their callers, and health.

use introspectd_server::ListenAddress;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::envoy::{Client, ENOUGH, Envoy, Form, Harness, denied, ok};

#[tokio::test]
async fn unix_socket_listener_names_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("grpc.sock");
    let listen = format!(
        "[\"127.0.0.1:0\", {{ address = \"unix:{}\", caller = \"confined\" }}]",
        socket.display()
    );
    let harness = Harness::open_at(&listen, "").await;
    let envoy = Envoy::to(&ListenAddress::Unix(socket)).await;
    let client = Client::showing(ENOUGH);
    for callers in [vec![], vec!["Bearer wrong".to_owned()]] {
        ok(envoy
            .check_as(&callers, Some("orders"), &client, Form::Plain)
            .await);
        let other = denied(
            envoy
                .check_as(&callers, Some("default"), &client, Form::Plain)
                .await,
        );
        assert_eq!(other.status.unwrap().code, 403);
    }
    // The other listener names no caller.
    let nobody = harness
        .envoy()
        .await
        .check_as(&[], Some("orders"), &client, Form::Plain)
        .await;
    assert_eq!(denied(nobody).status.unwrap().code, 401);
}

#[tokio::test]
async fn listener_can_refuse_callers_in_metadata() {
    let harness = Harness::open_at(
        r#"[{ address = "127.0.0.1:0", caller_header = false }]"#,
        "",
    )
    .await;
    let refused = denied(
        harness
            .envoy()
            .await
            .check("orders", &Client::showing(ENOUGH))
            .await,
    );
    assert_eq!(refused.status.unwrap().code, 401);
}

#[tokio::test]
async fn health_covers_process_and_service() {
    let harness = Harness::open().await;
    let mut health = HealthClient::new(harness.envoy().await.channel());
    for service in ["", "envoy.service.auth.v3.Authorization"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    let other = health
        .check(HealthCheckRequest {
            service: "other".to_owned(),
        })
        .await;
    assert_eq!(other.unwrap_err().code(), Code::NotFound);
    let watch = health.watch(HealthCheckRequest::default()).await;
    assert_eq!(watch.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn grpc_listener_stops_with_the_others() {
    let harness = Harness::open().await;
    let envoy = harness.envoy().await;
    ok(envoy.check("default", &Client::showing(ENOUGH)).await);
    assert!(
        harness.gateway.stop().await,
        "an idle connection keeps nobody waiting"
    );
}
