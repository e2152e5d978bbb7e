//! Scenarios of every gateway.

use std::time::Duration;

use futures_util::future::join_all;
use introspectd_simulators::{Answer as Upstream, Fault};
use serde_json::json;
use tokio::time::timeout;

use crate::application::Received;
use crate::client::{PATIENCE, Request};
use crate::edge::{Edge, Refusal};
use crate::harness::{Harness, INTROSPECTD, SECRET};
use crate::page::Files;
use crate::tokens::{
    self, EXPIRED, GOOD, INACTIVE, LACKS_SCOPE, NO_AUDIENCE, OTHER_AUDIENCE, SPARSE,
};

/// Writes a test for each scenario, named after it.
macro_rules! instantiate {
    ($edge:ty) => {
        crate::scenarios::instantiate! { $edge:
            active_token_reaches_the_application_with_its_identity
            request_body_reaches_the_application_unchanged
            response_of_the_application_is_unchanged
            missing_token_is_challenged
            inactive_token_is_refused
            token_without_scope_or_audience_is_refused
            forged_identity_header_never_reaches_the_application
            client_cannot_remove_an_identity_header
            nothing_passes_while_introspectd_is_down
            nothing_passes_while_introspectd_hangs
            nothing_passes_while_the_provider_is_down
            nothing_passes_while_the_provider_hangs
            slow_provider_is_awaited
            two_hundred_clients_with_a_cold_token_cause_one_request
            hostile_path_never_changes_the_decision
            hostile_header_never_changes_the_decision
            token_is_taken_only_from_a_single_authorization_header
            provider_value_never_breaks_a_header
            non_ascii_letters_are_forwarded_unchanged
            long_values_are_forwarded_whole
            socket_with_a_caller_needs_no_secret
            only_a_preflight_passes_without_a_token
        }
    };
    ($edge:ty: $($scenario:ident)*) => {
        $(#[tokio::test]
        async fn $scenario() {
            crate::scenarios::$scenario::<$edge>().await;
        })*
    };
}
pub(crate) use instantiate;

const CLIENTS: usize = 200;

/// Names of the headers that introspectd answers with.
const IDENTITY: [&str; 8] = [
    "x-auth-subject",
    "x-auth-client-id",
    "x-auth-username",
    "x-auth-scope",
    "x-auth-roles",
    "x-auth-provider",
    "x-auth-expires",
    "x-auth-token-id",
];

/// Forged value.
const FORGED: &str = "forged";

/// Policies that ask for less than the page's, and a caller that may use them.
fn add_lax_policies(files: &mut Files) {
    files.replace(INTROSPECTD, r#"["orders"]"#, r#"["*"]"#);
    files.append(
        INTROSPECTD,
        "\n[policies.lax]\naud = [\"https://orders\"]\n\n[policies.default]\n",
    );
}

pub(crate) async fn active_token_reaches_the_application_with_its_identity<E: Edge>() {
    let harness = Harness::<E>::open().await;
    for cache in ["miss", "hit"] {
        let received = harness
            .pass(Request::get("/orders?page=2").bearer(GOOD))
            .await;
        assert_eq!(received.target, "/orders?page=2", "{cache}");
        let end = (harness.now + 3600).to_string();
        let identity = [
            ("x-auth-subject", "alice"),
            ("x-auth-client-id", "shop"),
            ("x-auth-username", "alice@example.com"),
            ("x-auth-scope", "orders.read orders.write"),
            ("x-auth-roles", "clerk,buyer"),
            ("x-auth-provider", "sso"),
            ("x-auth-expires", &end),
            ("x-auth-token-id", "id-of-token-good"),
        ];
        for (name, value) in identity {
            assert_eq!(received.all(name), [value], "{name}, {cache}");
        }
        assert!(!received.holds(SECRET), "{received:?}");
    }
    assert_eq!(harness.provider.count(), 1);
}

pub(crate) async fn request_body_reaches_the_application_unchanged<E: Edge>() {
    let harness = Harness::<E>::open().await;
    let received = harness
        .pass(Request::post("/orders", "item=1&item=2").bearer(GOOD))
        .await;
    assert_eq!(received.body, "item=1&item=2");
}

pub(crate) async fn response_of_the_application_is_unchanged<E: Edge>() {
    let harness = Harness::<E>::open().await;
    for status in [401, 403, 404, 500, 503] {
        let reply = harness
            .send(Request::get(&format!("/answer/{status}")).bearer(GOOD))
            .await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.json()["target"], format!("/answer/{status}"));
    }
}

pub(crate) async fn missing_token_is_challenged<E: Edge>() {
    let harness = Harness::<E>::open().await;
    harness
        .refuse(Request::get("/orders"), Refusal::NoToken)
        .await;
    assert_eq!(harness.provider.count(), 0);
}

pub(crate) async fn inactive_token_is_refused<E: Edge>() {
    let harness = Harness::<E>::open().await;
    for token in [INACTIVE, EXPIRED, "token-made-up"] {
        for _ in ["miss", "hit"] {
            harness
                .refuse(Request::get("/orders").bearer(token), Refusal::InvalidToken)
                .await;
        }
    }
}

pub(crate) async fn token_without_scope_or_audience_is_refused<E: Edge>() {
    let harness = Harness::<E>::open().await;
    for token in [LACKS_SCOPE, OTHER_AUDIENCE, NO_AUDIENCE] {
        for _ in ["miss", "hit"] {
            harness
                .refuse(
                    Request::get("/orders").bearer(token),
                    Refusal::InsufficientScope,
                )
                .await;
        }
    }
}

pub(crate) async fn forged_identity_header_never_reaches_the_application<E: Edge>() {
    let harness = Harness::<E>::open().await;
    for token in [GOOD, SPARSE] {
        let honest = harness.pass(Request::get("/orders").bearer(token)).await;
        for name in IDENTITY {
            for spelling in spellings(name) {
                let forged = Request::get("/orders").header(&spelling, FORGED);
                let received = harness
                    .pass(forged.bearer(token).header(&spelling, FORGED))
                    .await;
                assert_eq!(
                    received.identity(),
                    honest.identity(),
                    "{spelling} with {token}"
                );
            }
        }
    }
}

/// Spellings that an application may accept for this name.
fn spellings(name: &str) -> Vec<String> {
    let mixed = name.replacen('-', "_", 2).replacen('_', "-", 1);
    let last = name
        .rsplit_once('-')
        .map(|(start, end)| format!("{start}_{end}"))
        .unwrap();
    let others = "_!#$%&'*+.^`|~"
        .chars()
        .map(|other| name.replace('-', &other.to_string()));
    [name.to_owned(), name.to_ascii_uppercase(), mixed, last]
        .into_iter()
        .chain(others)
        .collect()
}

/// Not asked of every gateway: some take out the eight, and hand others on.
pub(crate) async fn no_other_header_of_that_name_reaches_the_application<E: Edge>() {
    let harness = Harness::<E>::open().await;
    let honest = harness.pass(Request::get("/orders").bearer(GOOD)).await;
    for name in [
        "x-auth-request-user",
        "x-auth-user",
        "x-auth-token",
        "x-auth-",
    ] {
        for spelling in spellings(name) {
            let forged = Request::get("/orders").header(&spelling, FORGED);
            let received = harness.pass(forged.bearer(GOOD)).await;
            assert_eq!(received.identity(), honest.identity(), "{spelling}");
        }
    }
}

/// A proxy takes out what `Connection` names, and may do so after it has put the identity in.
pub(crate) async fn client_cannot_remove_an_identity_header<E: Edge>() {
    let harness = Harness::<E>::open().await;
    let honest = harness.pass(Request::get("/orders").bearer(GOOD)).await;
    for name in IDENTITY {
        let request = Request::get("/orders").bearer(GOOD).connection(name);
        if let Some(reply) = harness.try_send(request).await
            && reply.status == 200
        {
            assert_eq!(
                Received::told_by(&reply).identity(),
                honest.identity(),
                "{name}"
            );
        }
    }
}

pub(crate) async fn nothing_passes_while_introspectd_is_down<E: Edge>() {
    let mut harness = Harness::<E>::open().await;
    harness.pass(Request::get("/orders").bearer(GOOD)).await;
    harness.stop_introspectd().await;
    // At once, since some gateways try to connect for seconds.
    let refused = [SPARSE, INACTIVE, "token-made-up"].map(|token| {
        harness.refuse(
            Request::get("/orders").bearer(token),
            Refusal::IntrospectdDown,
        )
    });
    join_all(refused).await;
}

pub(crate) async fn nothing_passes_while_introspectd_hangs<E: Edge>() {
    let harness = Harness::<E>::open_with(E::hurry).await;
    let gate = harness.provider.gate();
    harness
        .refuse(
            Request::get("/orders").bearer(GOOD),
            Refusal::IntrospectdSilent,
        )
        .await;
    // It is held there still: the answer was the gateway's own.
    assert_eq!(gate.waiting(), 1);
}

pub(crate) async fn nothing_passes_while_the_provider_is_down<E: Edge>() {
    let harness = Harness::<E>::open().await;
    for (fault, refusal) in [
        (Fault::HangUp, Refusal::ProviderDown),
        (
            Fault::Answer(Upstream::html(500)),
            Refusal::ProviderConfused,
        ),
    ] {
        // The first failure alone would be retried.
        harness.provider.always(fault);
        harness
            .refuse(Request::get("/orders").bearer(GOOD), refusal)
            .await;
    }
    harness.provider.clear();
    // The failure was reported, and not cached.
    harness.pass(Request::get("/orders").bearer(GOOD)).await;

    // After this one the provider is not asked for a while.
    let busy = Fault::Answer(Upstream::retry_after(503, 7));
    harness.provider.always(busy);
    harness
        .refuse(
            Request::get("/orders").bearer("another"),
            Refusal::ProviderDown,
        )
        .await;
}

/// Lets introspectd time out first, and report it.
pub(crate) async fn nothing_passes_while_the_provider_hangs<E: Edge>() {
    let change = |files: &mut Files| files.replace(INTROSPECTD, "\"2s\"", "\"1s\"");
    let harness = Harness::<E>::open_with(change).await;
    harness.provider.next(Fault::Hang);
    harness
        .refuse(
            Request::get("/orders").bearer(GOOD),
            Refusal::ProviderSilent,
        )
        .await;
    harness.pass(Request::get("/orders").bearer(GOOD)).await;
}

/// Envoy by itself gives up after 200 ms.
pub(crate) async fn slow_provider_is_awaited<E: Edge>() {
    let harness = Harness::<E>::open().await;
    harness.provider.next(Fault::Delay(Duration::from_secs(1)));
    harness.pass(Request::get("/orders").bearer(GOOD)).await;
}

pub(crate) async fn two_hundred_clients_with_a_cold_token_cause_one_request<E: Edge>() {
    let harness = Harness::<E>::open().await;
    let gate = harness.provider.gate();
    let asking =
        (0..CLIENTS).map(|_| tokio::spawn(harness.send(Request::get("/orders").bearer(GOOD))));
    let asking: Vec<_> = asking.collect();
    // Each has looked into introspectd's cache, and found nothing.
    let all_inside = harness
        .introspectd
        .as_ref()
        .unwrap()
        .clock()
        .looked_at(2 * CLIENTS);
    timeout(PATIENCE, all_inside).await.expect("all are inside");
    gate.open();
    for reply in join_all(asking).await {
        Received::told_by(&reply.unwrap());
    }
    assert_eq!(harness.provider.count(), 1);
}

pub(crate) async fn hostile_path_never_changes_the_decision<E: Edge>() {
    let harness = Harness::<E>::open_with(add_lax_policies).await;
    for target in [
        "/forward-auth/lax",
        "/../forward-auth/lax",
        "/../../forward-auth/lax",
        "/%2e%2e/%2e%2e/forward-auth/lax",
        "/..%2f..%2fforward-auth%2flax",
        "/..%5cforward-auth%5clax",
        "/..;/..;/forward-auth/lax",
        "//forward-auth//lax",
        "/forward-auth/orders/../lax",
        "/orders/..%2flax",
        "/./lax",
        "/lax?policy=lax",
        "/?policy=lax&scope=orders.read&access_token=token-good",
        "/orders#/../lax",
        "/orders%00/../lax",
        "/orders%0d%0aX-Auth-Subject:%20forged",
        "http://127.0.0.1/forward-auth/lax",
        "http://127.0.0.1:8080/forward-auth/lax",
        "*",
        "lax",
    ] {
        for refused in [
            Request::get(target).bearer(LACKS_SCOPE),
            Request::get(target),
        ] {
            let reply = harness.try_send(refused).await;
            assert!(
                reply.is_none_or(|reply| (400..500).contains(&reply.status)),
                "{target}"
            );
        }
        assert_eq!(harness.application.requests(), 0, "{target}");
    }
}

pub(crate) async fn hostile_header_never_changes_the_decision<E: Edge>() {
    let harness = Harness::<E>::open_with(add_lax_policies).await;
    let target = "/forward-auth/lax";
    for (name, value) in [
        ("X-Introspectd-Caller", "Bearer of-another"),
        ("X_Introspectd_Caller", "Bearer of-another"),
        ("X-Introspectd-Policy", "lax"),
        ("X-Introspectd-Error", ""),
        ("X-Forwarded-Uri", target),
        ("X_Forwarded_Uri", target),
        ("X-Forwarded-Prefix", target),
        ("X-Forwarded-Path", target),
        ("X-Forwarded-Method", "OPTIONS"),
        ("X-Forwarded-Host", "introspectd"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-HTTP-Method-Override", "OPTIONS"),
        ("X-Original-URL", target),
        ("X-Original-Uri", target),
        ("X-Original-Method", "OPTIONS"),
        ("X-Rewrite-URL", target),
        ("X-Envoy-Original-Path", target),
        ("X-Envoy-Auth-Partial-Body", "true"),
        ("Forwarded", "for=127.0.0.1;host=introspectd"),
        ("Proxy-Authorization", "Bearer token-good"),
        ("X-Authorization", "Bearer token-good"),
        ("Cookie", "access_token=token-good"),
        ("User-Agent", "kube-probe/1.0"),
    ] {
        let with = |token| Request::get("/orders").header(name, value).bearer(token);
        harness
            .refuse(with(LACKS_SCOPE), Refusal::InsufficientScope)
            .await;
        harness
            .refuse(
                Request::get("/orders").header(name, value),
                Refusal::NoToken,
            )
            .await;
        harness.pass(with(GOOD)).await;
    }
}

pub(crate) async fn token_is_taken_only_from_a_single_authorization_header<E: Edge>() {
    let harness = Harness::<E>::open().await;
    let orders = || Request::get("/orders");
    let authorized = |value: &str| orders().header("Authorization", value);
    for scheme in ["bearer", "BEARER", "bEaReR"] {
        harness.pass(authorized(&format!("{scheme} {GOOD}"))).await;
    }
    harness.application.forget();
    for refused in [
        orders().bearer(GOOD).bearer(GOOD),
        orders().bearer(GOOD).bearer(INACTIVE),
        orders().bearer(INACTIVE).bearer(GOOD),
        orders().bearer(GOOD).header("authorization", "Basic YTpi"),
        authorized(&format!("Bearer Bearer {GOOD}")),
        authorized(&format!("Bearer {GOOD}, Bearer {GOOD}")),
        authorized(&format!("Bearer {GOOD} {GOOD}")),
        authorized(&format!("Basic {GOOD}")),
        authorized(&format!("Bearer{GOOD}")),
        authorized("Bearer"),
        authorized("Bearer "),
        authorized(""),
        authorized(GOOD),
        Request::get(&format!("/orders?access_token={GOOD}&token={GOOD}")),
        Request::post("/orders", &format!("access_token={GOOD}&token={GOOD}")),
        orders().header("Authorization_", format!("Bearer {GOOD}")),
    ] {
        // A gateway may find two of a header wrong by itself.
        let reply = harness.send(refused.clone()).await;
        assert!([400, 401].contains(&reply.status), "{refused:?} {reply:?}");
        assert_eq!(harness.application.requests(), 0, "{refused:?}");
    }
}

pub(crate) async fn provider_value_never_breaks_a_header<E: Edge>() {
    let harness = Harness::<E>::open().await;
    let many = (0..8192)
        .map(|n| format!("s{n:06}"))
        .collect::<Vec<_>>()
        .join(" ");
    for (hostile, changes) in [
        (
            "line",
            json!({"sub": "alice\r\nX-Auth-Roles: admin", "roles": null}),
        ),
        (
            "head",
            json!({"sub": "alice\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "username": "\n\nx"}),
        ),
        (
            "bare",
            json!({"sub": "a\rX-Auth-Roles: admin", "client_id": "a\nX-Auth-Roles: \
                admin", "roles": null}),
        ),
        (
            "controls",
            json!({"sub": "a\u{0}b\u{7f}\u{1b}[2J\u{85}", "jti": "\t", "username": "\u{2028}"}),
        ),
        ("comma", json!({"roles": ["clerk", "buyer,admin"]})),
        ("scopes", json!({"scope": format!("orders.read {many}")})),
        ("subject", json!({"sub": "a".repeat(65_536)})),
    ] {
        let token = format!("token-{hostile}");
        harness
            .provider
            .vendor()
            .put(&token, tokens::record(harness.now, &changes));
        let received = harness.pass(Request::get("/orders").bearer(&token)).await;
        assert!(
            !received
                .all("x-auth-roles")
                .iter()
                .any(|roles| roles.contains("admin")),
            "{received:?}"
        );
        for name in IDENTITY {
            let values = received.all(name);
            assert!(
                values.len() <= 1 && values.iter().all(|value| value.len() <= 2048),
                "{hostile}: {values:?}"
            );
        }
        assert_eq!(received.all("x-auth-provider"), ["sso"], "{hostile}");
    }
}

pub(crate) async fn non_ascii_letters_are_forwarded_unchanged<E: Edge>() {
    let harness = Harness::<E>::open().await;
    let changes = json!({"sub": "jörg", "username": "日本語", "roles": ["büro", "clerk"]});
    harness
        .provider
        .vendor()
        .put("token-letters", tokens::record(harness.now, &changes));
    let received = harness
        .pass(Request::get("/orders").bearer("token-letters"))
        .await;
    // Each byte as the character of its number.
    let bytes = |text: &str| text.bytes().map(char::from).collect::<String>();
    assert_eq!(received.all("x-auth-subject"), [bytes("jörg")]);
    assert_eq!(received.all("x-auth-username"), [bytes("日本語")]);
    assert_eq!(received.all("x-auth-roles"), [bytes("büro,clerk")]);
}

pub(crate) async fn long_values_are_forwarded_whole<E: Edge>() {
    let harness = Harness::<E>::open().await;
    let long = "a".repeat(2000);
    let changes = json!({
        "sub": long, "client_id": long, "username": long, "jti": long, "roles": [long],
        "scope": format!("orders.read {long}"),
    });
    harness
        .provider
        .vendor()
        .put("token-long", tokens::record(harness.now, &changes));
    // Beside a request that takes room itself.
    let request = Request::get("/orders")
        .header("Cookie", "c".repeat(6000))
        .bearer("token-long");
    let received = harness.pass(request).await;
    for name in [
        "x-auth-subject",
        "x-auth-client-id",
        "x-auth-username",
        "x-auth-token-id",
        "x-auth-roles",
    ] {
        assert_eq!(received.all(name), [&long], "{name}");
    }
    assert_eq!(
        received.all("x-auth-scope"),
        [format!("orders.read {long}")]
    );
}

pub(crate) async fn socket_with_a_caller_needs_no_secret<E: Edge>() {
    let harness = Harness::<E>::open_on_a_socket().await;
    let received = harness.pass(Request::get("/orders").bearer(GOOD)).await;
    assert_eq!(received.all("x-auth-subject"), ["alice"]);
    harness
        .refuse(Request::get("/orders"), Refusal::NoToken)
        .await;
    harness
        .refuse(
            Request::get("/orders").bearer(LACKS_SCOPE),
            Refusal::InsufficientScope,
        )
        .await;
    let forged = Request::get("/orders").header("X-Introspectd-Caller", "Bearer of-another");
    harness.pass(forged.bearer(GOOD)).await;
}

/// The lines of the page for browsers of another origin open nothing but a preflight, which has no
/// identity.
pub(crate) async fn only_a_preflight_passes_without_a_token<E: Edge>() {
    let harness = Harness::<E>::open_to_preflights().await;
    let origin = ("Origin", "https://app.example");
    let method = ("Access-Control-Request-Method", "POST");
    let with = |request: Request, headers: &[(&str, &str)]| {
        headers.iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        })
    };
    let preflight = || with(Request::options("/orders"), &[origin, method]);
    if E::ANSWERS_PREFLIGHTS {
        let reply = harness.send(preflight()).await;
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some("https://app.example"),
            "{reply:?}"
        );
        assert_eq!((reply.status, harness.application.requests()), (200, 0));
        let stranger = with(
            Request::options("/orders"),
            &[("Origin", "https://evil.example"), method],
        );
        harness.refuse(stranger, Refusal::NoToken).await;
    } else {
        assert_eq!(harness.pass(preflight()).await.target, "/orders");
        for spelling in IDENTITY.into_iter().flat_map(spellings) {
            let received = harness.pass(preflight().header(&spelling, FORGED)).await;
            assert!(
                !received
                    .identity()
                    .iter()
                    .any(|(_, value)| *value == FORGED),
                "{spelling}"
            );
        }
    }
    for refused in [
        Request::options("/orders"),
        with(Request::options("/orders"), &[origin]),
        with(Request::options("/orders"), &[method]),
        with(Request::get("/orders"), &[origin, method]),
        with(Request::post("/orders", "item=1"), &[origin, method]),
        with(
            Request::get("/orders"),
            &[origin, method, ("X-HTTP-Method-Override", "OPTIONS")],
        ),
    ] {
        harness.refuse(refused, Refusal::NoToken).await;
    }
    harness
        .pass(with(Request::get("/orders"), &[origin]).bearer(GOOD))
        .await;
}
