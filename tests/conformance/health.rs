//! Health of a provider, as `GET /v1/providers` shows it.

use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use introspectd_simulators::{Answer, Fault};
use introspectd_tests::{Fixture, OPS_SECRET, Room, basic};

async fn health<V: Fixture>(room: &Room<V>) -> String {
    let request = Request::get(format!("http://{}/v1/providers", room.gateway.api()))
        .header(AUTHORIZATION, basic("ops", OPS_SECRET));
    let reply = room
        .gateway
        .send(request.body(Full::default()).unwrap())
        .await
        .json();
    reply["providers"][0]["health"].as_str().unwrap().to_owned()
}

async fn readiness<V: Fixture>(room: &Room<V>) -> u16 {
    let request = Request::get(format!("http://{}/readyz", room.gateway.admin()));
    room.gateway
        .send(request.body(Full::default()).unwrap())
        .await
        .status
}

pub(crate) async fn refused_credentials_are_unhealthy_until_they_are_accepted<V: Fixture>() {
    let room = Room::<V>::open().await;
    assert_eq!(health(&room).await, "unknown");
    for status in [401, 403] {
        room.server
            .always(Fault::Answer(Answer::json(status, V::record())));
        assert_eq!(room.ask(V::ACTIVE).await.status, 502);
        assert_eq!(health(&room).await, "credentials_refused");
        // A provider makes the process never unready. Once the clock has moved, the workers seem
        // silent until their next heartbeat.
        if status == 401 {
            assert_eq!(readiness(&room).await, 200);
        }
        // A form takes any token. Elsewhere this one is inactive unsent, which says nothing of the
        // provider.
        if V::PROVIDER != "sso" {
            room.sent();
            room.ask("..").await.assert_inactive();
            assert_eq!(
                (room.sent(), health(&room).await.as_str()),
                (vec![], "credentials_refused")
            );
        }
        room.server.clear();
        room.ask(V::ACTIVE)
            .await
            .assert_active(&V::active(), "miss");
        assert_eq!(health(&room).await, "good");
        room.gateway.clock().advance(600);
    }
}

pub(crate) async fn revocations_count_for_health<V: Fixture>() {
    let room = Room::<V>::open().await;
    for (fault, expected) in [
        (Fault::Answer(Answer::empty(403)), "credentials_refused"),
        (Fault::HangUp, "failing"),
        (Fault::Answer(Answer::empty(418)), "good"),
    ] {
        room.server.next(fault);
        assert!(room.revoke(V::UNKNOWN).await.status >= 500);
        assert_eq!(health(&room).await, expected);
    }
}
