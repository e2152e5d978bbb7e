//! `/forward-auth/{policy}`: what a proxy asks about its client.

use std::time::Duration;

use introspectd_core::{
    Audience, BadAnswer, Expiry, Failure, Members, Outage, ScopeSet, Status, Timestamp, Token,
    Unreachable,
};
use serde_json::{Value, json};

use crate::bench::{ACTIVE, Bench, EDGE_SECRET, START, TTL, UNKNOWN};
use crate::client::{Ask, Reply, basic};
use crate::provider::good;

const PROXY: &str = "Bearer operator-secret";
const CALLER: &str = "x-introspectd-caller";

/// A proxy's question about a client that shows this token.
fn ask(policy: &str, token: &str) -> Ask {
    bare(policy).header("authorization", &format!("Bearer {token}"))
}

/// Asks about a client that presents none.
fn bare(policy: &str) -> Ask {
    let ask = Ask::form("").to("GET", &format!("/forward-auth/{policy}"));
    ask.without("authorization")
        .without("content-type")
        .header(CALLER, PROXY)
}

/// Enough for the policy `orders`.
fn enough() -> Token {
    let mut token = good();
    token.scope = ScopeSet::from_spaced("orders.* x");
    token.roles = vec!["admin".to_owned()];
    token.aud = Some(Audience::One("https://orders".to_owned()));
    token
}

impl Reply {
    #[track_caller]
    fn passes(&self) {
        assert_eq!(self.status, 200, "{self:#?}");
    }

    /// A refusal with this status, `error` and challenge.
    #[track_caller]
    fn forbids(&self, status: u16, error: &str, challenge: Option<&str>) {
        self.refuses(status, error);
        assert_eq!(self.header("www-authenticate"), challenge, "{self:#?}");
        assert_eq!(self.header("x-introspectd-error"), Some(error));
        assert!(
            !self
                .headers
                .keys()
                .any(|name| name.as_str().starts_with("x-auth-")),
            "{self:#?}"
        );
    }

    #[track_caller]
    fn has_no_token(&self) {
        self.forbids(401, "missing_token", Some("Bearer"));
    }

    #[track_caller]
    fn has_a_bad_token(&self) {
        self.forbids(401, "invalid_token", Some("Bearer error=\"invalid_token\""));
    }
}

#[tokio::test]
async fn a_token_that_is_enough_passes_with_every_identity_header() {
    let bench = Bench::start().await;
    let mut token = enough();
    token.expiry = Expiry::At(Timestamp::from_seconds(START + 100).unwrap());
    let text = |text: &str| Some(text.to_owned());
    (token.sub, token.client_id, token.username, token.jti) =
        (text("s"), text("c"), text("u"), text("j"));
    bench.bank.knows("b_t", token);
    for cache in ["miss", "hit"] {
        let reply = ask("orders", "b_t").at(&bench).await;
        reply.passes();
        let expected = [
            ("cache-control", "no-store"),
            ("content-length", "0"),
            ("x-auth-client-id", "c"),
            ("x-auth-expires", &(START + 100).to_string()),
            ("x-auth-provider", "bank"),
            ("x-auth-roles", "admin"),
            ("x-auth-scope", "orders.* x"),
            ("x-auth-subject", "s"),
            ("x-auth-token-id", "j"),
            ("x-auth-username", "u"),
            ("x-cache", cache),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut headers = reply.stable_headers();
        let (name, seconds) = headers.pop().unwrap();
        assert_eq!(headers, expected);
        assert_eq!(name, "x-introspectd-max-age");
        // Up to a tenth less, so that tokens do not end together.
        assert!((90..=100).contains(&seconds.parse::<u32>().unwrap()));
    }
}

/// A gateway that keeps it for so long lets a token pass no longer than a hit would.
#[tokio::test]
async fn decision_may_be_kept_for_the_rest_of_the_fact_and_of_the_token() {
    let bench = Bench::start().await;
    let max_age = |reply: &Reply| {
        let seconds = reply.header("x-introspectd-max-age").unwrap();
        seconds.parse::<u32>().unwrap()
    };
    bench.bank.knows("b_long", enough());
    let first = max_age(&ask("orders", "b_long").at(&bench).await);
    assert!((TTL * 9 / 10..=TTL).contains(&first), "{first}");
    bench.clock.advance(100);
    let later = ask("orders", "b_long").at(&bench).await;
    assert_eq!(later.header("x-cache"), Some("hit"));
    assert_eq!(max_age(&later), first - 100);
    bench.clock.advance(TTL);
    bench.bank.fails("b_long", Failure::Timeout);
    let stale = ask("orders", "b_long").at(&bench).await;
    stale.passes();
    assert_eq!(
        (stale.header("x-cache"), max_age(&stale)),
        (Some("stale"), 0)
    );
    let denied = ask("orders", UNKNOWN).at(&bench).await;
    assert_eq!(denied.header("x-introspectd-max-age"), None);
}

#[tokio::test]
async fn non_bearer_token_is_denied() {
    let bench = Bench::start().await;
    let member = |name: &str, value: Value| Members::from_iter([(name.to_owned(), value.into())]);
    let with = |name: &str, value: Value| Token {
        extensions: member(name, value),
        ..enough()
    };
    let of_type = |name: &str| Token {
        token_type: Some(name.to_owned()),
        ..enough()
    };
    let refused = [
        with("token_use", json!("refresh_token")),
        with("token_use", json!(["access_token"])),
        with("typ", json!("Refresh")),
        with("typ", json!("ID")),
        with("typ", json!("Offline")),
        with("cnf", json!({"jkt": "x"})),
        with("cnf", json!({"x5t#S256": "x"})),
        with("cnf", json!("x")),
        of_type("refresh_token"),
        of_type("DPoP"),
        of_type("mac"),
        of_type("N_A"),
    ];
    for (number, token) in refused.into_iter().enumerate() {
        let name = format!("b_refused-{number}");
        bench.bank.knows(&name, token);
        for _cache in ["miss", "hit"] {
            ask("orders", &name).at(&bench).await.has_a_bad_token();
            ask("default", &name).at(&bench).await.has_a_bad_token();
        }
        assert!(
            Ask::token(&name).at(&bench).await.is_active(),
            "RFC 7662 clients see for themselves"
        );
    }
    let taken = [
        with("typ", json!("Bearer")),
        with("cnf", json!(null)),
        of_type("bearer"),
        of_type("Bearer"),
    ];
    for (number, token) in taken.into_iter().enumerate() {
        let name = format!("b_taken-{number}");
        bench.bank.knows(&name, token);
        ask("orders", &name).at(&bench).await.passes();
    }
}

#[tokio::test]
async fn unknown_claim_is_an_empty_header() {
    let bench = Bench::start().await;
    let reply = ask("default", ACTIVE).at(&bench).await;
    reply.passes();
    let identity = reply
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-auth-"));
    let values: Vec<_> = identity
        .filter(|(name, _)| *name != "x-auth-provider")
        .map(|(_, value)| value)
        .collect();
    assert_eq!(values, [""; 7]);
}

#[tokio::test]
async fn client_without_exactly_one_valid_token_is_denied() {
    let bench = Bench::start().await;
    bare("default").at(&bench).await.has_no_token();
    bare("default")
        .header("authorization", &basic("a:b"))
        .at(&bench)
        .await
        .has_no_token();
    for malformed in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer Bearer b_active-token",
        "Bearer a,b",
    ] {
        bare("default")
            .header("authorization", malformed)
            .at(&bench)
            .await
            .has_a_bad_token();
    }
    let twice = ask("default", ACTIVE).and("authorization", &format!("Bearer {ACTIVE}"));
    twice.at(&bench).await.has_a_bad_token();
    assert_eq!(bench.bank.asked().len(), 0);
    ask("default", UNKNOWN).at(&bench).await.has_a_bad_token();
    ask("default", "of-no-provider")
        .at(&bench)
        .await
        .has_a_bad_token();
    bare("default")
        .header("authorization", &format!("bEARER  {ACTIVE}"))
        .at(&bench)
        .await
        .passes();
}

#[tokio::test]
async fn token_in_query_or_body_is_ignored() {
    let bench = Bench::start().await;
    let query = format!("/forward-auth/default?access_token={ACTIVE}");
    bare("default")
        .to("GET", &query)
        .at(&bench)
        .await
        .has_no_token();
    let form = Ask::form(format!("access_token={ACTIVE}")).to("POST", "/forward-auth/default");
    form.without("authorization")
        .header(CALLER, PROXY)
        .at(&bench)
        .await
        .has_no_token();
}

#[tokio::test]
async fn a_token_is_judged_by_the_time_of_each_request() {
    let bench = Bench::start().await;
    bench.bank.knows(
        "b_t",
        Token::new(
            Status::Good,
            Expiry::At(Timestamp::from_seconds(START + 1).unwrap()),
        ),
    );
    ask("default", "b_t").at(&bench).await.passes();
    bench.clock.advance(1);
    ask("default", "b_t").at(&bench).await.has_a_bad_token();
}

#[tokio::test]
async fn policy_requirements_hold_for_hits_and_misses() {
    let bench = Bench::start().await;
    let insufficient = "Bearer error=\"insufficient_scope\", scope=\"orders.read orders.list\"";
    let lacking = [
        (
            "b_scope",
            Token {
                scope: ScopeSet::from_spaced("orders.read"),
                ..enough()
            },
        ),
        (
            "b_role",
            Token {
                roles: vec!["auditor".to_owned()],
                ..enough()
            },
        ),
        (
            "b_aud",
            Token {
                aud: Some(Audience::Many(vec!["https://other".to_owned()])),
                ..enough()
            },
        ),
        (
            "b_no-aud",
            Token {
                aud: None,
                ..enough()
            },
        ),
    ];
    for (name, token) in lacking {
        bench.bank.knows(name, token);
        for _ in ["miss", "hit"] {
            ask("orders", name).at(&bench).await.forbids(
                403,
                "insufficient_scope",
                Some(insufficient),
            );
        }
        // It is the policy that refuses, and not what is cached.
        ask("default", name).at(&bench).await.passes();
    }
}

#[tokio::test]
async fn provider_outside_the_policy_is_not_asked() {
    let bench = Bench::start().await;
    bench.plain.knows("p_t", enough());
    ask("orders", "p_t").at(&bench).await.has_a_bad_token();
    assert_eq!(bench.plain.asked().len(), 0);
    ask("default", "p_t").at(&bench).await.passes();
    ask("orders", "p_t").at(&bench).await.has_a_bad_token();
}

#[tokio::test]
async fn an_id_is_no_token() {
    let bench = Bench::start().await;
    bench.loose.knows("some-id", good());
    ask("default", "some-id").at(&bench).await.has_a_bad_token();
}

#[tokio::test]
async fn the_method_and_what_follows_the_policy_change_nothing() {
    let bench = Bench::start().await;
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE"] {
        ask("default", ACTIVE)
            .to(method, "/forward-auth/default")
            .at(&bench)
            .await
            .passes();
    }
    bench.bank.knows("b_little", good());
    for path in [
        "orders",
        "orders/",
        "orders/../default",
        "orders/../../forward-auth/default",
        "orders/%2e%2e/default",
        "orders/..%2fdefault",
        "orders//default",
        "orders?policy=default",
        "orders/x?/../../default",
    ] {
        let reply = ask(path, "b_little").at(&bench).await;
        assert_eq!(
            (reply.status, reply.header("x-introspectd-error")),
            (403, Some("insufficient_scope")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_other_header_changes_a_decision() {
    let bench = Bench::start().await;
    bench.bank.knows("b_little", good());
    for (name, value) in [
        ("x-forwarded-uri", "/forward-auth/default"),
        ("x-original-url", "/forward-auth/default"),
        ("x-original-uri", "/forward-auth/default"),
        ("x-rewrite-url", "/forward-auth/default"),
        ("x-forwarded-prefix", "/forward-auth/default"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-http-method-override", "OPTIONS"),
        ("x-auth-scope", "orders.read orders.list"),
        ("x-auth-subject", "admin"),
        ("x_auth_scope", "orders.read orders.list"),
        ("proxy-authorization", "Bearer b_active-token"),
        ("cookie", "authorization=Bearer b_active-token"),
        ("user-agent", "GoogleHC/1.0"),
        ("forwarded", "for=127.0.0.1"),
        ("x-forwarded-for", "127.0.0.1"),
    ] {
        let refused = ask("orders", "b_little")
            .header(name, value)
            .at(&bench)
            .await;
        assert_eq!(
            refused.header("x-introspectd-error"),
            Some("insufficient_scope"),
            "{name}"
        );
        bare("orders")
            .header(name, value)
            .at(&bench)
            .await
            .has_no_token();
        let passed = ask("default", "b_little")
            .header(name, value)
            .at(&bench)
            .await;
        passed.passes();
        assert_eq!(
            (
                passed.header("x-auth-subject"),
                passed.header("x-auth-scope")
            ),
            (Some(""), Some("")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_unknown_policy_is_not_found_and_none_is_the_default() {
    let bench = Bench::start().await;
    ask("", ACTIVE)
        .to("GET", "/forward-auth")
        .at(&bench)
        .await
        .passes();
    ask("", ACTIVE)
        .to("GET", "/forward-auth?x=/orders")
        .at(&bench)
        .await
        .passes();
    for unknown in [
        "",
        "/default",
        "Orders",
        "..",
        "%6frders",
        "none",
        "orders%2f",
        "orders;x",
    ] {
        ask(unknown, ACTIVE)
            .at(&bench)
            .await
            .forbids(404, "not_found", None);
    }
    for elsewhere in [
        "/forward-authorders",
        "//forward-auth/orders",
        "/Forward-Auth/orders",
        "/forward%2dauth/orders",
    ] {
        ask("", ACTIVE)
            .to("GET", elsewhere)
            .at(&bench)
            .await
            .refuses(404, "not_found");
    }
}

#[tokio::test]
async fn the_proxy_must_be_a_caller_that_may_introspect_by_this_policy() {
    let bench = Bench::start().await;
    let by = |caller: &str| ask("default", ACTIVE).header(CALLER, caller);
    for good in [
        PROXY.to_owned(),
        basic(&format!("edge:{EDGE_SECRET}")),
        basic("two+words:two%2Dwords%2Dsecret"),
    ] {
        by(&good).at(&bench).await.passes();
    }
    let challenge = Some("Introspectd-Caller realm=\"introspectd\"");
    for bad in [
        "",
        "Bearer wrong",
        "Bearer",
        "Basic ????",
        "operator-secret",
        &basic("edge:wrong"),
    ] {
        by(bad)
            .at(&bench)
            .await
            .forbids(401, "invalid_client", challenge);
    }
    by(PROXY)
        .without(CALLER)
        .at(&bench)
        .await
        .forbids(401, "invalid_client", challenge);
    by(PROXY)
        .and(CALLER, PROXY)
        .at(&bench)
        .await
        .forbids(401, "invalid_client", challenge);
    // The client's own header says nothing about the proxy.
    let own = by(PROXY).without(CALLER).header("authorization", PROXY);
    own.at(&bench)
        .await
        .forbids(401, "invalid_client", challenge);

    by("Bearer auditor-secret")
        .at(&bench)
        .await
        .forbids(403, "access_denied", None);
    by("Bearer confined-secret")
        .at(&bench)
        .await
        .forbids(403, "access_denied", None);
    bench.bank.knows("b_enough", enough());
    ask("orders", "b_enough")
        .header(CALLER, "Bearer confined-secret")
        .at(&bench)
        .await
        .passes();
    let narrow = by("Bearer narrow-secret").at(&bench).await;
    narrow.has_a_bad_token();
}

#[tokio::test]
async fn the_caller_of_the_listener_wins_over_the_header_of_a_proxy() {
    let bench = Bench::start_for("sidecar").await;
    for caller in [PROXY, "Bearer confined-secret", "Bearer wrong", "????"] {
        ask("default", ACTIVE)
            .header(CALLER, caller)
            .at(&bench)
            .await
            .passes();
        ask("default", ACTIVE)
            .header(CALLER, caller)
            .and(CALLER, caller)
            .at(&bench)
            .await
            .passes();
    }
}

#[tokio::test]
async fn failure_denies_and_names_its_reason() {
    let bench = Bench::start().await;
    let outage = |status| Failure::Unavailable {
        outage: Outage::Status(status),
        retry_after: Some(Duration::from_secs(7)),
    };
    for (failure, status, error) in [
        (Failure::Timeout, 504, "upstream_timeout"),
        (outage(429), 503, "temporarily_unavailable"),
        (
            Failure::outage(Outage::Unreachable(Unreachable::Refused)),
            503,
            "temporarily_unavailable",
        ),
        (BadAnswer::NotAnObject.into(), 502, "upstream_error"),
    ] {
        bench.bank.fails("b_x", failure);
        ask("default", "b_x")
            .at(&bench)
            .await
            .forbids(status, error, None);
        ask("as-403", "b_x")
            .at(&bench)
            .await
            .forbids(403, error, None);
        ask("as-503", "b_x")
            .at(&bench)
            .await
            .forbids(503, error, None);
        ask("as-401", "b_x")
            .at(&bench)
            .await
            .forbids(401, error, Some("Bearer"));
    }
    // What stands in, stands in for outages alone.
    ask("as-503", UNKNOWN).at(&bench).await.has_a_bad_token();
    ask("as-401", ACTIVE)
        .header(CALLER, "Bearer confined-secret")
        .at(&bench)
        .await
        .forbids(403, "access_denied", None);
}

#[tokio::test]
async fn nothing_upstream_can_break_or_split_the_answer() {
    let bench = Bench::start().await;
    let mut token = good();
    token.sub = Some("a\r\nX-Auth-Roles: admin\r\n\r\n".to_owned());
    token.client_id = Some("c\0".to_owned());
    token.username = Some("Jos\u{e9}".to_owned());
    token.jti = Some(" padded".to_owned());
    token.roles = vec!["clerk,admin".to_owned(), "a\nb".to_owned()];
    let scopes: Vec<_> = (0..6000)
        .map(|number| format!("scope{number:06}"))
        .collect();
    token.scope = ScopeSet::from_tokens(scopes.iter().map(String::as_str));
    bench.bank.knows("b_t", token);
    let reply = ask("default", "b_t").at(&bench).await;
    reply.passes();
    for name in ["subject", "client-id", "roles", "scope", "token-id"] {
        assert_eq!(reply.header(&format!("x-auth-{name}")), Some(""), "{name}");
    }
    assert_eq!(
        reply.headers["x-auth-username"].as_bytes(),
        "Jos\u{e9}".as_bytes()
    );
}

#[tokio::test]
async fn refusals_use_the_clients_language() {
    let bench = Bench::start().await;
    let reply = bare("default")
        .header("accept-language", "es")
        .at(&bench)
        .await;
    reply.has_no_token();
    assert_eq!(reply.header("content-language"), Some("es"));
}

/// Former callers and policies do not count: the cache holds what a provider said.
#[tokio::test]
async fn a_hit_is_decided_as_a_miss_would_be() {
    let start = || async {
        let bench = Bench::start().await;
        bench.bank.knows("b_enough", enough());
        bench.bank.knows(
            "b_no-aud",
            Token {
                aud: None,
                ..enough()
            },
        );
        bench.plain.knows("p_enough", enough());
        bench
    };
    let mut asks = Vec::new();
    for policy in ["default", "orders", "as-403"] {
        for token in ["b_enough", "b_no-aud", "p_enough", UNKNOWN] {
            for caller in [
                "operator-secret",
                "confined-secret",
                "narrow-secret",
                "auditor-secret",
            ] {
                asks.push(ask(policy, token).header(CALLER, &format!("Bearer {caller}")));
            }
        }
    }
    let warm = start().await;
    for ask in &asks {
        ask.past_sockets(&warm).await;
    }
    let decided = |reply: Reply| {
        let headers: Vec<_> = reply
            .stable_headers()
            .into_iter()
            // The lifetime of each fact is shortened at random.
            .filter(|(name, _)| name != "x-cache" && name != "x-introspectd-max-age")
            .collect();
        (reply.status, headers, reply.body)
    };
    for ask in &asks {
        let (hit, miss) = (
            ask.past_sockets(&warm).await,
            ask.past_sockets(&start().await).await,
        );
        assert_eq!(decided(hit), decided(miss));
    }
}
