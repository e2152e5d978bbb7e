//! Routing of tokens to four providers behind one gateway.

use introspectd_simulators::{Simulator, apigee, passport, rfc7662, tibco_asg};
use introspectd_tests::{Apigee, Fixture, Gateway, Passport, Rfc7662, Sent, TibcoAsg, now};
use serde_json::json;

use crate::four::{Four, MATCHES};

#[tokio::test]
async fn each_token_is_sent_to_its_own_provider_only() {
    let four = Four::open().await;
    let ask = async |token| four.gateway.post_introspect(&[("token", token)]).await;
    ask(tibco_asg::ACTIVE)
        .await
        .assert_active(&TibcoAsg::active(), "miss");
    assert_eq!(
        four.sent(),
        [("legacy", TibcoAsg::question(tibco_asg::ACTIVE))]
    );
    ask(apigee::ACTIVE)
        .await
        .assert_active(&Apigee::active(), "miss");
    assert_eq!(four.sent(), [("apis", Apigee::question(apigee::ACTIVE))]);
    ask(rfc7662::ACTIVE_JWT)
        .await
        .assert_active(&Rfc7662::active(), "miss");
    assert_eq!(
        four.sent(),
        [("sso", Rfc7662::question(rfc7662::ACTIVE_JWT))]
    );
    // Recognized, and still not asked about: see the conformance of Passport.
    ask(passport::ACTIVE_ACCESS_TOKEN).await.assert_inactive();
    assert_eq!(four.sent(), []);
}

#[tokio::test]
async fn unmatched_token_is_sent_to_no_provider() {
    let four = Four::open().await;
    for token in [
        "unheard-of",
        rfc7662::ACTIVE,
        "t1amGT21.Idup.3446d8984b48a7c0c531267317334ea7",
        "xT1amGT21",
        "A41F6F0C2D7B4E9D8C3A5B6E7F8091A2B3C4D5E6F708192A3B4C5D6E7F809112",
        "25poPXCPOw43s0hJBn6tQYnUb5KFx",
        "25poPXCPOw43s0hJBn6tQYnUb5KF\n",
        &rfc7662::jwt("https://sso.example.com/", "x"),
        &rfc7662::jwt("https://SSO.example.com", "x"),
        &rfc7662::jwt("https://evil.example", "x"),
        &format!("{}.x.y", rfc7662::ACTIVE_JWT),
        "a.b.c",
        "..",
    ] {
        let reply = four.gateway.post_introspect(&[("token", token)]).await;
        reply.assert_inactive();
        assert_eq!(four.sent(), [], "{token:?}");
    }
}

#[tokio::test]
async fn provider_parameter_narrows_but_never_widens() {
    let four = Four::open().await;
    let ask = async |token, provider| {
        four.gateway
            .post_introspect(&[("token", token), ("provider", provider)])
            .await
    };
    for other in ["bank", "apis", "sso"] {
        ask(tibco_asg::ACTIVE, other).await.assert_inactive();
    }
    ask("unheard-of", "legacy").await.assert_inactive();
    assert_eq!(four.sent(), []);
    ask(tibco_asg::ACTIVE, "legacy")
        .await
        .assert_active(&TibcoAsg::active(), "miss");
    assert_eq!(
        four.sent(),
        [("legacy", TibcoAsg::question(tibco_asg::ACTIVE))]
    );
    for unknown in ["nobody", "", "LEGACY", "legacy "] {
        ask(tibco_asg::ACTIVE, unknown)
            .await
            .assert_problem(400, "invalid_request", None);
    }
    assert_eq!(four.sent(), []);
}

#[tokio::test]
async fn provider_without_match_is_reached_by_name_only() {
    let mut matches = MATCHES;
    matches[3].1 = "";
    let four = Four::open_with(matches, "").await;
    four.gateway
        .post_introspect(&[("token", rfc7662::ACTIVE)])
        .await
        .assert_inactive();
    assert_eq!(four.sent(), []);
    let form = [("token", rfc7662::ACTIVE), ("provider", "sso")];
    four.gateway
        .post_introspect(&form)
        .await
        .assert_active(&Rfc7662::active(), "miss");
    assert_eq!(four.sent(), [("sso", Rfc7662::question(rfc7662::ACTIVE))]);
}

#[tokio::test]
async fn token_id_goes_to_the_named_provider_whatever_it_matches() {
    let four = Four::open().await;
    four.gateway
        .post_introspect(&Passport::form(passport::ACTIVE))
        .await
        .assert_active(&Passport::active(), "miss");
    assert_eq!(
        four.sent(),
        [("bank", Passport::question(passport::ACTIVE))]
    );
}

/// Asks as a confined caller, which gets no answer of other providers, not even from the cache.
#[tokio::test]
async fn confined_caller_learns_nothing_of_other_providers() {
    let four = Four::open().await;
    let ask = async |form: &[(&str, &str)]| {
        four.gateway
            .post_introspect_as("limited", "limited-secret", form)
            .await
    };
    for warmed in [false, true] {
        if warmed {
            for token in [apigee::ACTIVE, rfc7662::ACTIVE_JWT] {
                assert_eq!(
                    four.gateway
                        .post_introspect(&[("token", token)])
                        .await
                        .status,
                    200
                );
            }
            four.sent();
        }
        for token in [
            apigee::ACTIVE,
            rfc7662::ACTIVE_JWT,
            passport::ACTIVE_ACCESS_TOKEN,
            "unheard-of",
        ] {
            let reply = ask(&[("token", token)]).await;
            reply.assert_inactive();
            assert_eq!(reply.cache(), Some("miss"), "warmed: {warmed}");
        }
        let unknown = ask(&[("token", apigee::ACTIVE), ("provider", "nobody")]).await;
        unknown.assert_problem(400, "invalid_request", None);
        let hidden = ask(&[("token", apigee::ACTIVE), ("provider", "apis")]).await;
        assert_eq!((hidden.status, hidden.body), (unknown.status, unknown.body));
        assert_eq!(four.sent(), []);
    }
    ask(&[("token", tibco_asg::ACTIVE)])
        .await
        .assert_active(&TibcoAsg::active(), "miss");
    // It may introspect, and not look up.
    let by_id = [
        ("token", "x"),
        ("token_type_hint", "token_id"),
        ("provider", "legacy"),
    ];
    ask(&by_id).await.assert_problem(403, "access_denied", None);
}

/// Matches several regexes, all of which the operator named: one active answer wins, from any of
/// them.
#[tokio::test]
async fn several_matching_providers_are_asked_concurrently() {
    let mut matches = MATCHES;
    matches[3].1 = r#"match = { regex = "^[A-Z0-9a-z]{28}$" }"#;
    let four = Four::open_with(matches, "").await;
    four.gateway
        .post_introspect(&[("token", apigee::ACTIVE)])
        .await
        .assert_active(&Apigee::active(), "miss");
    let inactive = four
        .gateway
        .post_introspect(&[("token", apigee::UNKNOWN)])
        .await;
    inactive.assert_inactive();
    let sent: Vec<_> = four
        .sent()
        .into_iter()
        .filter(|(_, sent)| !is_about(sent, apigee::ACTIVE))
        .collect();
    assert_eq!(
        sent,
        [
            ("apis", Apigee::question(apigee::UNKNOWN)),
            ("sso", Rfc7662::question(apigee::UNKNOWN))
        ]
    );
}

/// An inactive answer needs all providers, an active one needs only one.
#[tokio::test]
async fn one_failed_provider_prevents_an_inactive_answer() {
    let mut matches = MATCHES;
    matches[3].1 = r#"match = { regex = "^[A-Z0-9a-z]{28}$" }"#;
    let four = Four::open_with(matches, "").await;
    four.sso.stop();
    let ask = async |token| four.gateway.post_introspect(&[("token", token)]).await;
    ask(apigee::UNKNOWN)
        .await
        .assert_problem(503, "temporarily_unavailable", Some("1"));
    ask(apigee::ACTIVE)
        .await
        .assert_active(&Apigee::active(), "miss");
}

#[tokio::test]
async fn jwt_issuer_precedes_prefix_and_prefix_precedes_regex() {
    let matches = [
        ("bank", ""),
        ("legacy", r#"match = { regex = "" }"#),
        ("apis", r#"match = { prefix = "eyJ" }"#),
        ("sso", MATCHES[3].1),
    ];
    let matches = matches.map(|(name, text)| {
        (
            name,
            if name == "legacy" {
                r#"match = { regex = "." }"#
            } else {
                text
            },
        )
    });
    let four = Four::open_with(matches, "").await;
    let ask = async |token: &str| {
        four.gateway
            .post_introspect(&[("token", token)])
            .await
            .assert_inactive()
    };
    let ours = rfc7662::jwt(rfc7662::ISSUER, "nobody");
    ask(&ours).await;
    assert_eq!(four.sent(), [("sso", Rfc7662::question(&ours))]);
    let foreign = rfc7662::jwt("https://other.example", "nobody");
    ask(&foreign).await;
    assert_eq!(four.sent(), [("apis", Apigee::question(&foreign))]);
    ask("neither").await;
    assert_eq!(four.sent(), [("legacy", TibcoAsg::question("neither"))]);
}

#[tokio::test]
async fn unmatched_tokens_go_to_the_configured_provider() {
    let four = Four::open_with(MATCHES, "[routing]\nunmatched = \"sso\"").await;
    four.gateway
        .post_introspect(&[("token", rfc7662::ACTIVE)])
        .await
        .assert_active(&Rfc7662::active(), "miss");
    assert_eq!(four.sent(), [("sso", Rfc7662::question(rfc7662::ACTIVE))]);

    let four = Four::open_with(MATCHES, "[routing]\nunmatched = \"ask-all\"").await;
    four.gateway
        .post_introspect(&[("token", rfc7662::UNKNOWN)])
        .await
        .assert_inactive();
    let mut asked: Vec<_> = four.sent().into_iter().map(|(name, _)| name).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["apis", "legacy", "sso"]);
}

#[tokio::test]
async fn invalid_request_reaches_no_provider() {
    let four = Four::open().await;
    let token = ("token", tibco_asg::ACTIVE);
    for (caller, secret) in [
        ("edge", "wrong"),
        ("nobody", "limited-secret"),
        ("limited", ""),
    ] {
        let reply = four
            .gateway
            .post_introspect_as(caller, secret, &[token])
            .await;
        assert_eq!(reply.status, 401);
        assert_eq!(reply.json()["error"], json!("invalid_client"));
        assert!(reply.headers.contains_key("www-authenticate"));
    }
    for form in [
        &[token, token][..],
        &[],
        &[("token", "")],
        &[token, ("x", "1"), ("x", "2")],
    ] {
        four.gateway
            .post_introspect(form)
            .await
            .assert_problem(400, "invalid_request", None);
    }
    assert_eq!(four.sent(), []);
}

fn is_about(sent: &Sent, token: &str) -> bool {
    sent.target.ends_with(token) || sent.body.ends_with(token)
}

#[tokio::test]
async fn endpoint_is_requested_byte_for_byte_as_configured() {
    for path in [
        "/o/introspect/",
        "//i//",
        "/Realms/%7Eacme%2fx/?realm=/x/&Y=%20a+b",
    ] {
        let server = Simulator::start(Rfc7662::server(now())).await.unwrap();
        let endpoint = format!("{}{path}", server.base_url());
        let section = Rfc7662::section(&server.base_url())
            .replace(&format!("{}/introspect", server.base_url()), &endpoint)
            .replace(
                &format!("{}/revoke", server.base_url()),
                &format!("{endpoint}r/"),
            );
        let gateway = Gateway::start(&format!(
            "[routing]\nunmatched = \"sso\"\n[providers.sso]\n{section}\ntimeout = \"60s\""
        ))
        .await;
        // The simulator has nothing there; what it was asked counts.
        gateway
            .post_introspect(&[("token", "a-token")])
            .await
            .assert_problem(502, "upstream_error", None);
        assert_eq!(server.requests()[0].target, path);
    }
}
