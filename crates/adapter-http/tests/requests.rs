//! Requests as a description has them sent, in front of a server that records them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::sync::Arc;

use introspectd_adapter_http::{Config, Described};
use introspectd_core::{
    Introspection, ManualClock, Provider as _, State, Timestamp, TokenId, TokenValue,
};
use introspectd_settings::{Environment, parse_named};
use introspectd_simulators::{Answer, Recorded, Simulator, Vendor};
use introspectd_upstream::Outbound;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

/// Server to which every token is active, and every id known.
struct Server;

impl Vendor for Server {
    fn answer(&self, request: &Recorded) -> Answer {
        match request.method.as_str() {
            "DELETE" => Answer::empty(204),
            _ => Answer::json(200, json!({"exp": NOW + 60, "id": "t-1"})),
        }
    }
}

struct House {
    server: Simulator<Server>,
    described: Described,
}

impl House {
    /// Opens one with these lines, in which `URL` is the server's.
    async fn open(lines: &str) -> Self {
        let server = Simulator::start(Server).await.unwrap();
        let toml = format!(
            "credentials = {{ type = \"none\" }}\nactive = [{{ status = 200 }}]\n\
             inactive = [{{ status = 404 }}]\nclaims = {{ exp = \"/exp\", jti = \"/id\" }}\n\
             any_application = true\nretry = \"off\"\n{}\n",
            lines.replace("URL", &server.base_url()),
        );
        let mut root = parse_named(&toml, "test.toml", &Environment::new(), &[]).unwrap();
        let config = Config::read(&mut root);
        root.ledger().clone().close().unwrap();
        let now = Timestamp::from_seconds(NOW).unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let outbound = Outbound::here(Arc::clone(&clock) as _);
        Self {
            server,
            described: Described::new(config.unwrap(), clock, &outbound),
        }
    }

    async fn is_active(&self, token: &str) -> bool {
        let now = Timestamp::from_seconds(NOW).unwrap();
        match self.described.introspect(&value(token)).await.unwrap() {
            Introspection::Token(record) => record.state(now) == State::Active,
            Introspection::Inactive => false,
        }
    }

    /// The one request since the last call.
    fn sent(&self) -> Recorded {
        let requests = self.server.requests();
        assert_eq!(requests.len(), 1);
        self.server.forget();
        requests[0].clone()
    }
}

fn value(token: &str) -> TokenValue {
    TokenValue::parse(token.to_owned()).unwrap()
}

#[tokio::test]
async fn query_and_headers_are_sent_as_described() {
    let house = House::open(
        r#"request = { method = "GET", url = "URL/i?a=B", query = { t = "{token}", k = { literal = "s&1" }, f = "x y" }, headers = { X-Token = "OAuth {token}", X-Key = { literal = "s-2" }, X-Fixed = "f" } }"#,
    )
    .await;
    assert!(house.is_active("abc").await);
    let sent = house.sent();
    assert_eq!(sent.method, "GET");
    assert_eq!(sent.path(), "/i");
    for part in ["a=B", "t=abc", "k=s%261", "f=x"] {
        assert!(sent.target.contains(part), "{}", sent.target);
    }
    assert_eq!(sent.header("x-token"), Some("OAuth abc"));
    assert_eq!(sent.header("x-key"), Some("s-2"));
    assert_eq!(sent.header("x-fixed"), Some("f"));
    assert_eq!(sent.body, b"");
}

#[tokio::test]
async fn form_and_json_are_sent_as_described() {
    let house = House::open(
        r#"request = { method = "POST", url = "URL/i", form = { token = "{token}", key = { literal = "s" }, hint = "a b" } }"#,
    )
    .await;
    assert!(house.is_active("a=b&c").await);
    let sent = house.sent();
    assert_eq!(sent.method, "POST");
    let mut form = sent.form();
    form.sort();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [
        pair("hint", "a b"),
        pair("key", "s"),
        pair("token", "a=b&c"),
    ];
    assert_eq!(form, expected);

    let house = House::open(
        r#"request = { method = "POST", url = "URL/i", json = { spec = { tokens = ["{token}", 1, 1.5, true], empty = {}, key = { literal = "s" }, two = { literal = "s", other = "o" } } } }"#,
    )
    .await;
    assert!(house.is_active("a\"b").await);
    let sent = house.sent();
    assert_eq!(sent.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let spec = json!({
        "tokens": ["a\"b", 1, 1.5, true], "empty": {}, "key": "s",
        "two": {"literal": "s", "other": "o"},
    });
    assert_eq!(body, json!({ "spec": spec }));
}

#[tokio::test]
async fn segment_of_the_path_is_the_token_alone_and_no_reserved_word() {
    let house = House::open(
        r#"request = { method = "POST", url = "URL/t/{token}/i", reserved = ["search"] }"#,
    )
    .await;
    assert!(house.is_active("a+b").await);
    let sent = house.sent();
    assert_eq!(sent.target, "/t/a%2Bb/i");
    assert_eq!(sent.header("content-length"), Some("0"));
    for other in ["search", "Search.", "a/b", "a?b", ".."] {
        assert!(!house.is_active(other).await, "{other}");
    }
    assert_eq!(house.server.count(), 0);
}

/// A server could read another parameter, or another credential, behind such a character.
#[tokio::test]
async fn token_that_would_end_a_credential_is_not_sent_in_a_header() {
    let header = House::open(
        r#"request = { method = "GET", url = "URL/i", headers = { Authorization = "Bearer {token}" } }"#,
    )
    .await;
    let form =
        House::open(r#"request = { method = "POST", url = "URL/i", form = { t = "{token}" } }"#)
            .await;
    for token in ["a,b", "a;b", "a\"b", "a\\b"] {
        assert!(!header.is_active(token).await, "{token}");
        assert!(form.is_active(token).await, "{token}");
    }
    assert_eq!(header.server.count(), 0);
    assert!(header.is_active("a|b~").await);
    assert_eq!(header.sent().header("authorization"), Some("Bearer a|b~"));
}

#[tokio::test]
async fn revocation_and_lookup_are_asked_by_their_own_requests() {
    let house = House::open(
        r#"
request = { method = "POST", url = "URL/i", form = { t = "{token}" } }
revoke = { method = "DELETE", url = "URL/r/{token}", done = [{ status = 204 }], reserved = ["all"] }
lookup = { method = "GET", url = "URL/l/{token_id}" }
"#,
    )
    .await;
    let revocation = house.described.revocation().unwrap();
    revocation.revoke(&value("abc")).await.unwrap();
    let sent = house.sent();
    assert_eq!((&*sent.method, &*sent.target), ("DELETE", "/r/abc"));
    revocation.revoke(&value("all")).await.unwrap();
    assert_eq!(house.server.count(), 0, "no token is called so");
    let id = TokenId::parse("t-1".to_owned()).unwrap();
    let found = house.described.records().unwrap().lookup(&id).await;
    assert!(matches!(found, Ok(Introspection::Token(_))));
    let sent = house.sent();
    assert_eq!((&*sent.method, &*sent.target), ("GET", "/l/t-1"));
}

#[tokio::test]
async fn shown_request_has_neither_token_nor_secret() {
    let house = House::open(
        r#"request = { method = "POST", url = "URL/t/{token}", query = { q = "{token}" }, json = { t = "{token}", k = { literal = "s3cret" } }, headers = { X-Token = "{token}", X-Key = { literal = "s3cret" } } }"#,
    )
    .await;
    let exchange = house.described.expose(&value("to-ken")).await.unwrap();
    assert!(exchange.outcome.is_ok());
    let shown = format!("{:?}", exchange.sent);
    assert!(
        !shown.contains("to-ken") && !shown.contains("s3cret"),
        "{shown}"
    );
    let sent = house.sent();
    assert_eq!(sent.target, "/t/to-ken?q=to-ken");
    assert_eq!(sent.header("x-key"), Some("s3cret"));
}
