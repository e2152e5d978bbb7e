//! Each call asks for its permission, and for no other.

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_tests::{Reply, basic};

use crate::four::{Four, MATCHES};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Permission, method, path, media type and body.
type Call = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const CALLS: [Call; 10] = [
    (
        "introspect",
        "POST",
        "/introspect",
        FORM,
        "token=unheard-of",
    ),
    (
        "lookup",
        "GET",
        "/v1/providers/bank/tokens/249a0a2e-028a-4e15-a841-de9fd4e4cd84",
        "",
        "",
    ),
    ("list", "GET", "/v1/tokens", "", ""),
    ("revoke", "POST", "/revoke", FORM, "token=unheard-of"),
    (
        "revoke",
        "DELETE",
        "/v1/providers/bank/tokens/11111111-2222-4333-8444-555555555555",
        "",
        "",
    ),
    (
        "purge",
        "POST",
        "/v1/cache/purge",
        JSON,
        r#"{"sub":"nobody"}"#,
    ),
    ("explain", "POST", "/v1/explain", FORM, "token=unheard-of"),
    (
        "bind",
        "PUT",
        "/v1/providers/bank/bindings",
        JSON,
        r#"{"token":"unheard-of","token_id":"249a0a2e-028a-4e15-a841-de9fd4e4cd84"}"#,
    ),
    (
        "issue",
        "POST",
        "/v1/providers/bank/tokens",
        JSON,
        r#"{"grant_type":"client_credentials"}"#,
    ),
    ("introspect", "GET", "/forward-auth", "", ""),
];

const PERMISSIONS: [&str; 8] = [
    "introspect",
    "lookup",
    "list",
    "revoke",
    "purge",
    "explain",
    "bind",
    "issue",
];

/// A caller with each permission alone, and one with all others.
fn callers() -> String {
    let section = |name: String, permissions: Vec<&str>| {
        format!(
            "[callers.{name}]\nsecret = {{ literal = \"secret-of-{name}\" }}\npermissions = \
                {permissions:?}\n"
        )
    };
    let pair = |permission: &'static str| {
        let others = PERMISSIONS
            .into_iter()
            .filter(|other| *other != permission)
            .collect();
        section(format!("only-{permission}"), vec![permission])
            + &section(format!("all-but-{permission}"), others)
    };
    PERMISSIONS.into_iter().map(pair).collect()
}

impl Four {
    async fn call(&self, caller: &str, call: Call) -> Reply {
        let (_, method, path, media_type, body) = call;
        let secret = format!("secret-of-{caller}");
        let header = if path.starts_with("/forward-auth") {
            "x-introspectd-caller"
        } else {
            AUTHORIZATION.as_str()
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.gateway.api()))
            .header(header, basic(caller, &secret));
        if !media_type.is_empty() {
            request = request.header(CONTENT_TYPE, media_type);
        }
        self.gateway
            .send(request.body(Full::from(body)).unwrap())
            .await
    }
}

#[tokio::test]
async fn each_call_is_refused_without_its_permission() {
    let four = Four::open_with(MATCHES, &callers()).await;
    for call in CALLS {
        let permission = call.0;
        four.call(&format!("all-but-{permission}"), call)
            .await
            .assert_problem(403, "access_denied", None);
        for other in PERMISSIONS.into_iter().filter(|other| *other != permission) {
            let reply = four.call(&format!("only-{other}"), call).await;
            assert_eq!(reply.status, 403, "{other} for {call:?}");
        }
        assert_eq!(four.sent(), [], "nobody is asked for {call:?}");
        let reply = four.call(&format!("only-{permission}"), call).await;
        assert_ne!(reply.status, 403, "{call:?} {reply:?}");
        assert!(reply.status < 500, "{call:?} {reply:?}");
        four.sent();
        let reply = four.call("nobody", call).await;
        assert_eq!(reply.status, 401, "{call:?}");
    }
}

#[tokio::test]
async fn each_caller_sees_its_own_providers() {
    let four = Four::open_with(MATCHES, &callers()).await;
    for permission in PERMISSIONS {
        let reply = four
            .call(
                &format!("only-{permission}"),
                ("", "GET", "/v1/providers", "", ""),
            )
            .await;
        let names = reply.json()["providers"].as_array().unwrap().len();
        assert_eq!((reply.status, names), (200, 4));
    }
}
