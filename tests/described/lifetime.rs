//! Facts about tokens without an end.

use std::sync::Arc;

use introspectd_simulators::token_info::{self, Api, TokenInfo};
use introspectd_simulators::{Answer, Fault};
use introspectd_tests::now;

use crate::Described;

const SECTION: &str = r#"[providers.userinfo]
kind            = "http"
request         = { method = "GET", url = "https://server.test/userinfo", headers = { Authorization = "Bearer {token}" } }
credentials     = { type = "none" }
active          = [{ status = 200 }]
inactive        = [{ status = 401 }]
claims          = { sub = "/sub" }
any_application = true
lifetime        = "5m"

[providers.userinfo.cache]
ttl             = "1h"
stale_if_error  = "1h"
"#;

async fn open() -> Described {
    let server = Arc::new(TokenInfo::new(Api::UserInfo, now()));
    Described::open_with(SECTION, "https://server.test", server, &[], "").await
}

#[tokio::test]
async fn fact_without_an_end_is_used_for_its_lifetime() {
    let room = open().await;
    assert_eq!(room.ask(token_info::ACTIVE).await.cache(), Some("miss"));
    // Lifetimes are up to a tenth shorter.
    room.gateway.clock().advance(269);
    assert_eq!(room.ask(token_info::ACTIVE).await.cache(), Some("hit"));
    room.gateway.clock().advance(32);
    assert_eq!(room.ask(token_info::ACTIVE).await.cache(), Some("miss"));
}

#[tokio::test]
async fn fact_past_its_lifetime_does_not_stand_in_for_a_failing_server() {
    let room = open().await;
    room.ask(token_info::ACTIVE).await;
    room.server.always(Fault::Answer(Answer::empty(503)));
    room.gateway.clock().advance(299);
    let reply = room.ask(token_info::ACTIVE).await;
    assert!(matches!(reply.cache(), Some("hit" | "stale")), "{reply:?}");
    room.gateway.clock().advance(2);
    let reply = room.ask(token_info::ACTIVE).await;
    reply.assert_problem(503, "temporarily_unavailable", Some("1"));
}

#[tokio::test]
async fn token_unfit_for_a_header_is_inactive_without_a_request() {
    let room = open().await;
    for unfit in [
        "a b",
        "a,b",
        "a;b",
        "a\"b",
        "a\\b",
        "a\r\nX-Injected: 1",
        "a\u{f1}b",
    ] {
        room.ask(unfit).await.assert_inactive();
    }
    assert_eq!(room.server.count(), 0);
    room.ask("a+b/c=|.-_~").await.assert_inactive();
    let sent = room.server.requests();
    assert_eq!(sent[0].header("authorization"), Some("Bearer a+b/c=|.-_~"));
}
