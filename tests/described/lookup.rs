//! Records of a described server by their token ids, and tokens in the path.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use introspectd_simulators::{Answer, Recorded, Vendor};
use introspectd_tests::{NOW, OPS_SECRET, Reply, basic};
use serde_json::json;

use crate::Described;

const SECTION: &str = r#"[providers.handles]
kind        = "http"
request     = { method = "GET", url = "https://server.test/check/{token}/state?v=1", reserved = ["all"] }
lookup      = { method = "GET", url = "https://server.test/tokens/{token_id}" }
credentials = { type = "none" }
active      = [{ status = 200 }, { pointer = "/live", equals = true }]
inactive    = [{ pointer = "/live", equals = false }]
claims      = { jti = "/id", exp = "/end" }
any_application = true
"#;

/// Server with a record `t-1`, which it also shows under another id.
struct Handles;

impl Vendor for Handles {
    fn answer(&self, request: &Recorded) -> Answer {
        let record = json!({"live": true, "id": "t-1", "end": NOW + 60, "secret": "s"});
        match request.target.as_str() {
            "/tokens/t-1" | "/tokens/t-2" | "/check/good/state?v=1" => Answer::json(200, record),
            "/tokens/t-3" | "/check/bad/state?v=1" => Answer::json(200, json!({"live": false})),
            _ => Answer::html(404),
        }
    }
}

async fn open() -> Described {
    Described::open_with(SECTION, "https://server.test", Arc::new(Handles), &[], "").await
}

impl Described {
    async fn look_up(&self, id: &str) -> Reply {
        let url = format!(
            "http://{}/v1/providers/handles/tokens/{id}",
            self.gateway.api()
        );
        let request = Request::get(url).header(AUTHORIZATION, basic("ops", OPS_SECRET));
        self.gateway
            .send(request.body(Full::new(Bytes::new())).unwrap())
            .await
    }
}

#[tokio::test]
async fn record_is_looked_up_by_its_token_id() {
    let room = open().await;
    let found = room.look_up("t-1").await;
    assert_eq!(found.status, 200, "{found:?}");
    assert_eq!(
        (&found.json()["jti"], &found.json()["state"]),
        (&json!("t-1"), &json!("active"))
    );
    assert_eq!(room.look_up("t-3").await.status, 404);
    // A record of another id, and a page that is none.
    assert_eq!(room.look_up("t-2").await.status, 502);
    assert_eq!(room.look_up("t-4").await.status, 502);
}

#[tokio::test]
async fn token_in_the_path_is_one_segment_or_is_not_sent() {
    let room = open().await;
    assert_eq!(room.ask("good").await.json()["jti"], "t-1");
    room.ask("bad").await.assert_inactive();
    room.server.forget();
    for unfit in [
        "..", "a/b", "a%2Fb", "a?b", "all", "ALL", "a#b", "a;b", "a\nb",
    ] {
        room.ask(unfit).await.assert_inactive();
    }
    assert_eq!(room.server.count(), 0);
    room.ask("a b").await;
    assert_eq!(room.server.requests()[0].target, "/check/a%20b/state?v=1");
}
