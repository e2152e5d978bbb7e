//! Secrets that come from those who ask.

use http::Request;
use http_body_util::Full;
use introspectd_tests::{EDGE_SECRET, Fixture, Room, TibcoAsg, basic, form_body};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::watch::{MARK, Watch};

/// Strangers, and callers that do it wrong.
pub(crate) async fn secrets_of_clients_stay_hidden(watch: &mut Watch) {
    let room = Room::<TibcoAsg>::open_with("timeout = \"60s\"", &watch.audit()).await;
    let at = |path: &str| format!("http://{}{path}", room.gateway.api());
    let form = "application/x-www-form-urlencoded";
    let token = TibcoAsg::ACTIVE;
    let edge = basic("edge", EDGE_SECRET);
    watch.secret(token);
    watch.secret(MARK);
    for (caller, secret) in [("edge", MARK), (MARK, EDGE_SECRET), (MARK, MARK)] {
        watch.answered(
            &room
                .gateway
                .post_introspect_as(caller, secret, &[("token", token)])
                .await,
        );
    }
    for (method, path, authorization, kind, body) in [
        (
            "GET",
            format!("/introspect?token={token}"),
            edge.clone(),
            form,
            String::new(),
        ),
        (
            "PUT",
            format!("/introspect?token={token}"),
            edge.clone(),
            form,
            String::new(),
        ),
        (
            "POST",
            format!("/introspect?token={token}"),
            edge.clone(),
            form,
            String::new(),
        ),
        (
            "POST",
            format!("/introspect/{token}"),
            edge.clone(),
            form,
            String::new(),
        ),
        (
            "GET",
            format!("/{token}"),
            format!("Bearer {token}"),
            form,
            String::new(),
        ),
        (
            "GET",
            format!("/forward-auth/{token}"),
            format!("Bearer {token}"),
            form,
            String::new(),
        ),
        (
            "GET",
            format!("/forward-auth?token={token}"),
            format!("Bearer x{token}"),
            form,
            String::new(),
        ),
        (
            "GET",
            "/forward-auth".to_owned(),
            format!("Bearer {token} {MARK}"),
            form,
            String::new(),
        ),
        (
            "GET",
            "/forward-auth".to_owned(),
            token.to_owned(),
            form,
            String::new(),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            format!("Bearer {EDGE_SECRET}"),
            form,
            form_body(&[("token", token)]),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            format!("Bearer {MARK}"),
            form,
            form_body(&[("token", token)]),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            format!("Digest {MARK}"),
            MARK,
            MARK.to_owned(),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            "application/json",
            format!("{{\"token\":\"{token}\"}}"),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            form,
            format!("token={token}&token={token}"),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            form,
            format!("token={token}%zz"),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            form,
            token.to_owned(),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            form,
            format!("token={token}&provider={MARK}"),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            form,
            format!("token={token}&token_type_hint={MARK}"),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            form,
            format!("token={}", token.repeat(400)),
        ),
        (
            "POST",
            "/introspect".to_owned(),
            edge.clone(),
            form,
            format!("token={}", token.repeat(2000)),
        ),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(at(&path))
            .header("authorization", authorization)
            .header("content-type", kind)
            .header("accept-language", MARK)
            .header("x-request-id", token)
            .header("x-introspectd-caller", &edge)
            .body(Full::from(body))
            .unwrap();
        watch.answered(&room.gateway.send(request).await);
    }
    for raw in [
        format!("{token} {MARK}\r\n\r\n"),
        format!("POST /introspect HTTP/1.1\r\n{MARK}\r\n\r\n"),
        format!("POST /introspect HTTP/1.1\r\nContent-Length: {MARK}\r\n\r\ntoken={token}"),
        format!(
            "POST /introspect HTTP/1.1\r\nContent-Type: {form}\r\nAuthorization: \
                {edge}\r\nContent-Length: 900\r\n\r\ntoken={token}"
        ),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{token} {MARK}"),
    ] {
        let mut stream = TcpStream::connect(room.gateway.api()).await.unwrap();
        stream.write_all(raw.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A reset is as good an answer as any.
        let _ = stream.read_to_end(&mut answer).await;
        watch.said(String::from_utf8_lossy(&answer).into_owned());
    }
    watch.sent(&room.server);
    watch.stop(room.gateway).await;
}
