//! `POST /v1/explain`: why the others answer what they do.

use introspectd_core::{
    BadAnswer, Expiry, Failure, Members, Outage, ScopeSet, Status, Timestamp, Token, Unreachable,
};
use serde_json::{Value, json};

use crate::bench::{ACTIVE, Bench, START, TTL, UNKNOWN};
use crate::client::{Ask, Reply};
use crate::provider::good;

const ADMIN: &str = "Bearer admin-secret";
const NARROW: &str = "Bearer narrow-admin-secret";

fn explain(form: &str) -> Ask {
    Ask::form(form.to_owned())
        .to("POST", "/v1/explain")
        .by(ADMIN)
}

async fn explained(bench: &Bench, form: &str) -> Value {
    let reply = explain(form).at(bench).await;
    assert_eq!(reply.status, 200, "{reply:#?}");
    reply.json()
}

fn second(offset: i64) -> Timestamp {
    Timestamp::from_seconds(START + offset).unwrap()
}

#[tokio::test]
async fn stray_white_space_at_an_end_of_the_token_is_named() {
    let bench = Bench::start().await;
    bench.bank.knows("b_t", good());
    let line_break = "What was sent ends in a line break. Send it without.";
    let space = "What was sent has white space at an end. Send it without.";
    for (form, named) in [
        ("token=b_t%0A", Some(line_break)),
        ("token=b_t%0D%0A", Some(line_break)),
        ("token=of-no-provider%0A", Some(line_break)),
        ("token=%20b_t", Some(space)),
        ("token=b_t%09", Some(space)),
        (
            "token=id%0A&token_type_hint=token_id&provider=bank",
            Some(line_break),
        ),
        ("token=b_t", None),
        ("token=b_unknown", None),
    ] {
        let decision = &explained(&bench, form).await["decision"];
        let description = decision["description"].as_str().unwrap();
        assert_eq!(
            description.starts_with("What was sent"),
            named.is_some(),
            "{form}: {description}"
        );
        assert!(
            description.starts_with(named.unwrap_or_default()),
            "{form}: {description}"
        );
    }
}

#[tokio::test]
async fn explanation_has_route_cache_provider_and_decision() {
    let bench = Bench::start().await;
    let (iat, nbf) = (Some(second(-20)), Some(second(-10)));
    bench.bank.knows(
        "b_t",
        Token {
            iat,
            nbf,
            ..Token::new(Status::Good, Expiry::At(second(300)))
        },
    );
    let first = explained(&bench, "token=b_t").await;
    let fingerprint = first["fingerprint"].clone();
    assert_eq!(
        first,
        json!({
            "fingerprint": fingerprint,
            "route": {"rule": "prefix", "value": "b_", "providers": ["bank"]},
            "providers": [{
                "provider": "bank",
                "cache": {"status": "miss"},
                "upstream": {"asked": "now", "took_ms": 0, "status": "good", "state": "active",
                             "exp": START + 300, "iat": START - 20, "nbf": START - 10},
            }],
            "decision": {"active": true, "provider": "bank", "reason": "active",
                         "description": "Its provider calls it good, and its time is now."},
        })
    );
    bench.clock.advance(5);
    let second = explained(&bench, "token=b_t").await;
    assert_eq!(second["fingerprint"], fingerprint);
    let cache = &second["providers"][0]["cache"];
    assert_eq!(
        (&cache["status"], &cache["age_seconds"]),
        (&json!("hit"), &json!(5))
    );
    assert_eq!(
        (&cache["tier"], &cache["pool"]),
        (&json!("memory"), &json!("active"))
    );
    assert!(cache["reuse_seconds"].as_u64().unwrap() <= 295, "{cache}");
    let upstream = &second["providers"][0]["upstream"];
    assert_eq!(
        (&upstream["asked"], &upstream["because"]),
        (&json!("no"), &json!("cached"))
    );
    assert_eq!(bench.bank.asked().len(), 1);
}

#[tokio::test]
async fn inactive_token_is_explained_with_its_reason() {
    let bench = Bench::start().await;
    bench
        .bank
        .knows("b_over", Token::new(Status::Good, Expiry::At(second(0))));
    bench
        .bank
        .knows("b_gone", Token::new(Status::Revoked, Expiry::Never));
    bench.bank.knows(
        "b_early",
        Token {
            nbf: Some(second(10)),
            ..good()
        },
    );
    bench
        .bank
        .knows("b_odd", Token::new(Status::Unknown, Expiry::Never));
    for (form, reason) in [
        ("token=b_over", "expired"),
        ("token=b_gone", "revoked"),
        ("token=b_early", "not_yet_valid"),
        ("token=b_odd", "unknown"),
        ("token=b_unheard-of", "inactive"),
        ("token=of-no-provider", "no_provider"),
        ("token=b_over&provider=plain", "no_provider"),
        ("token=x&token_type_hint=token_id&provider=bank", "inactive"),
    ] {
        let decision = &explained(&bench, form).await["decision"];
        assert_eq!(
            (&decision["active"], &decision["reason"]),
            (&json!(false), &json!(reason)),
            "{form}"
        );
        assert!(
            decision["description"].as_str().unwrap().ends_with('.'),
            "{decision}"
        );
    }
}

#[tokio::test]
async fn inactive_token_is_explained_with_the_objection_of_a_provider_that_judges_it() {
    let bench = Bench::start().await;
    bench.bank.knows("b_good", good());
    for token in ["b_good", "b_bad"] {
        bench.bank.objects(token, "the audience is another one");
    }
    for cached in [false, true] {
        let answer = explained(&bench, "token=b_bad").await;
        let upstream = &answer["providers"][0]["upstream"];
        assert_eq!(upstream["asked"] == "no", cached, "{upstream}");
        assert_eq!(upstream["reason"], "the audience is another one");
        assert_eq!(
            answer["decision"],
            json!({"active": false, "reason": "inactive",
                   "description": "Judged here, it is refused: the audience is another one."})
        );
    }
    let good = explained(&bench, "token=b_good").await;
    assert_eq!(good["providers"][0]["upstream"]["reason"], Value::Null);
    assert_eq!(good["decision"]["active"], true);
}

#[tokio::test]
async fn failure_is_explained_without_the_providers_words() {
    let bench = Bench::start().await;
    bench.bank.fails("b_odd", BadAnswer::member("exp"));
    let answer = explained(&bench, "token=b_odd").await;
    let reason = "the provider's answer has no usable `exp`";
    let failure = json!({"error": "upstream_error", "reason": reason});
    assert_eq!(answer["providers"][0]["upstream"]["failure"], failure);
    assert_eq!(
        answer["decision"],
        json!({"error": "upstream_error", "reason": "upstream_error", "description": reason})
    );

    bench.bank.knows("b_t", good());
    explained(&bench, "token=b_t").await;
    bench.clock.advance(TTL);
    bench.bank.fails(
        "b_t",
        Failure::outage(Outage::Unreachable(Unreachable::Refused)),
    );
    let answer = explained(&bench, "token=b_t").await;
    let account = &answer["providers"][0];
    assert_eq!(
        (&account["cache"]["status"], &account["upstream"]["asked"]),
        (&json!("stale"), &json!("now"))
    );
    assert_eq!(
        account["upstream"]["failure"]["error"],
        "temporarily_unavailable"
    );
    assert_eq!(answer["decision"]["active"], true);
}

#[tokio::test]
async fn provider_without_lookup_is_explained_as_such() {
    let bench = Bench::start().await;
    let answer = explained(&bench, "token=x&token_type_hint=token_id&provider=plain").await;
    assert_eq!(
        answer["providers"][0]["upstream"],
        json!({"asked": "no", "because": "unable"})
    );
    assert_eq!(answer["decision"]["error"], "unsupported");
    assert_eq!(bench.plain.asked().len(), 0);
}

/// A token may be taken for an id.
#[tokio::test]
async fn id_without_a_record_is_shown_as_its_fingerprint() {
    let bench = Bench::start().await;
    bench.bank.knows("the-id", good());
    bench.bank.fails("b_failing", Failure::Timeout);
    let by_id = |id: &str, provider: &str| {
        format!("token={id}&token_type_hint=token_id&provider={provider}")
    };
    for (id, provider) in [(UNKNOWN, "bank"), ("b_failing", "bank"), (ACTIVE, "plain")] {
        let fingerprint = explained(&bench, &format!("token={id}")).await["fingerprint"].clone();
        let answer = explained(&bench, &by_id(id, provider)).await;
        assert_eq!(
            (&answer["fingerprint"], answer.get("token_id")),
            (&fingerprint, None)
        );
        assert!(!answer.to_string().contains(id), "{answer:#}");
    }
    let answer = explained(&bench, &by_id("the-id", "bank")).await;
    assert_eq!(
        (&answer["token_id"], answer.get("fingerprint")),
        (&json!("the-id"), None)
    );
}

#[tokio::test]
async fn a_policy_is_explained_by_what_the_token_lacks() {
    let bench = Bench::start().await;
    let scope = ScopeSet::from_spaced("orders.list");
    bench.bank.knows(
        "b_some",
        Token {
            scope,
            roles: vec!["clerk".to_owned()],
            ..good()
        },
    );
    bench.plain.knows("p_t", good());
    for (form, judged) in [
        (
            "token=b_some&policy=orders",
            json!({"name": "orders", "status": 403, "error": "insufficient_scope",
                   "lacks": {"scope": ["orders.read"], "aud": ["https://orders", "https://all"]}}),
        ),
        (
            "token=p_t&policy=orders",
            json!({
                "name": "orders", "status": 401, "error": "invalid_token",
                "lacks": {"provider": true},
            }),
        ),
        (
            "token=b_x&policy=orders",
            json!({"name": "orders", "status": 401, "error": "invalid_token"}),
        ),
        (
            "token=p_t&policy=default",
            json!({"name": "default", "status": 200}),
        ),
    ] {
        assert_eq!(explained(&bench, form).await["policy"], judged, "{form}");
    }
    bench.bank.fails("b_slow", Failure::Timeout);
    let judged = &explained(&bench, "token=b_slow&policy=as-403").await["policy"];
    assert_eq!(
        *judged,
        json!({"name": "as-403", "status": 403, "error": "upstream_timeout"})
    );
}

#[tokio::test]
async fn policy_explains_why_an_active_token_is_denied() {
    let bench = Bench::start().await;
    let member = |name: &str, value: Value| Members::from_iter([(name.to_owned(), value.into())]);
    let refresh = member("token_use", json!("refresh_token"));
    bench.bank.knows(
        "b_use",
        Token {
            extensions: refresh,
            ..good()
        },
    );
    bench.bank.knows(
        "b_mac",
        Token {
            token_type: Some("mac".to_owned()),
            ..good()
        },
    );
    bench.bank.knows(
        "b_key",
        Token {
            extensions: member("cnf", json!({"jkt": "x"})),
            ..good()
        },
    );
    for (token, reason) in [
        ("b_use", "not_access_token"),
        ("b_mac", "not_bearer"),
        ("b_key", "proof_required"),
    ] {
        let answer = explained(&bench, &format!("token={token}&policy=default")).await;
        assert_eq!(answer["decision"]["active"], true);
        let policy = &answer["policy"];
        let expected = (&json!(401), &json!("invalid_token"), &json!(reason));
        assert_eq!(
            (&policy["status"], &policy["error"], &policy["reason"]),
            expected
        );
        assert!(
            policy["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        assert!(policy.get("lacks").is_none());
    }
}

#[tokio::test]
async fn explain_needs_its_permission_and_takes_what_introspect_takes() {
    let bench = Bench::start().await;
    let ask = explain(&format!("token={ACTIVE}"));
    assert_eq!(
        ask.clone().by("Bearer idle-secret").at(&bench).await.status,
        200,
        "it takes no other"
    );
    ask.clone()
        .by("Bearer operator-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    ask.clone()
        .by("Bearer wrong")
        .at(&bench)
        .await
        .refuses(401, "invalid_client");
    ask.clone()
        .to("GET", "/v1/explain")
        .at(&bench)
        .await
        .refuses(405, "method_not_allowed");
    ask.header("content-type", "application/json")
        .at(&bench)
        .await
        .refuses(415, "unsupported_media_type");
    let by_id = "token=x&token_type_hint=token_id";
    explain(&format!("{by_id}&provider=bank"))
        .by("Bearer idle-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    for odd in [
        "",
        "token=",
        "token=a&token=a",
        "token=a&provider=none",
        "token=a&policy=none",
        "token=a&policy=orders&policy=orders",
        by_id,
        &format!("{by_id}&provider=bank&policy=orders"),
    ] {
        explain(odd)
            .at(&bench)
            .await
            .refuses(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_confined_caller_learns_nothing_of_the_others() {
    let bench = Bench::start().await;
    bench.bank.fails("b_failing", Failure::Timeout);
    Ask::token(ACTIVE).at(&bench).await;
    let asked = bench.bank.asked().len();
    let about = async |token: &str| {
        let mut answer = explain(&format!("token={token}"))
            .by(NARROW)
            .at(&bench)
            .await
            .json();
        assert!(
            !answer
                .as_object_mut()
                .unwrap()
                .remove("fingerprint")
                .unwrap()
                .is_null()
        );
        answer
    };
    let nobody = about("of-no-provider").await;
    for token in [
        ACTIVE,
        UNKNOWN,
        "b_failing",
        &format!("{ACTIVE}&provider=plain"),
    ] {
        assert_eq!(about(token).await, nobody, "{token}");
    }
    let judged = |token: &str| format!("{token}&policy=orders");
    assert_eq!(
        about(&judged(ACTIVE)).await,
        about(&judged("of-no-provider")).await
    );
    assert_eq!(bench.bank.asked().len(), asked);
}

/// Answer of one of two equal benches, and explanation of the other one.
struct Pair {
    answering: Bench,
    explaining: Bench,
}

impl Pair {
    async fn start() -> Self {
        Self {
            answering: Bench::start().await,
            explaining: Bench::start().await,
        }
    }

    fn both(&self, set: impl Fn(&Bench)) {
        set(&self.answering);
        set(&self.explaining);
    }

    async fn agrees(&self, form: &str, by: &str, policy: Option<&str>) {
        let policy_of = |policy: &str| format!("{form}&policy={policy}");
        let form_to_explain = policy.map_or(form.to_owned(), policy_of);
        let explained = explain(&form_to_explain).by(by).at(&self.explaining).await;
        let answer = Ask::form(form.to_owned()).by(by).at(&self.answering).await;
        if explained.status != 200 {
            assert_eq!(
                (explained.status, explained.body),
                (answer.status, answer.body),
                "{form} by {by}"
            );
            return;
        }
        let explained = explained.json();
        let decision = &explained["decision"];
        if answer.status == 200 {
            assert_eq!(
                decision["active"],
                answer.json()["active"],
                "{form} by {by}: {explained:#}"
            );
            assert_eq!(decision["provider"], answer.json()["provider"]);
        } else {
            assert_eq!(
                decision["error"],
                answer.json()["error"],
                "{form} by {by}: {explained:#}"
            );
        }
        if let Some(policy) = policy {
            let token = form.strip_prefix("token=").unwrap();
            let passes = proxied(token, policy, by).at(&self.answering).await;
            assert_eq!(
                explained["policy"]["status"], passes.status,
                "{form} by {by}: {explained:#}"
            );
            assert_eq!(
                explained["policy"]["error"].as_str(),
                error_of(&passes).as_deref()
            );
        }
        for of in [
            |bench: &Bench| bench.bank.asked(),
            |bench: &Bench| bench.plain.asked(),
        ] {
            assert_eq!(of(&self.explaining), of(&self.answering), "{form} by {by}");
        }
    }
}

fn proxied(token: &str, policy: &str, by: &str) -> Ask {
    let ask = Ask::form("").to("GET", &format!("/forward-auth/{policy}"));
    ask.by(&format!("Bearer {token}"))
        .header("x-introspectd-caller", by)
}

fn error_of(reply: &Reply) -> Option<String> {
    reply.header("x-introspectd-error").map(str::to_owned)
}

#[tokio::test]
async fn explanation_agrees_with_the_answer() {
    let pair = Pair::start().await;
    pair.both(|bench| {
        let scope = ScopeSet::from_spaced("orders.*");
        bench.bank.knows("b_scope", Token { scope, ..good() });
        bench
            .bank
            .knows("b_brief", Token::new(Status::Good, Expiry::At(second(100))));
        bench
            .bank
            .knows("b_gone", Token::new(Status::Revoked, Expiry::Never));
        bench.bank.knows(
            "b_early",
            Token {
                nbf: Some(second(150)),
                ..good()
            },
        );
        bench.bank.fails("b_slow", Failure::Timeout);
        bench.bank.fails("b_odd", BadAnswer::OtherToken);
        bench.bank.fails("b_down", Failure::outage(Outage::Closed));
        bench.plain.knows("p_t", good());
    });
    let tokens = [
        ACTIVE,
        UNKNOWN,
        "b_scope",
        "b_brief",
        "b_gone",
        "b_early",
        "b_slow",
        "b_odd",
        "b_down",
        "p_t",
        "p_x",
        "of-no-provider",
    ];
    for _ in 0..3 {
        for (by, token) in [ADMIN, NARROW]
            .into_iter()
            .flat_map(|by| tokens.map(|token| (by, token)))
        {
            let form = format!("token={token}");
            pair.agrees(&form, by, None).await;
            for policy in ["orders", "default", "as-401", "as-503"] {
                pair.agrees(&form, by, Some(policy)).await;
            }
            for provider in ["bank", "plain", "loose"] {
                pair.agrees(&format!("{form}&provider={provider}"), by, None)
                    .await;
                let by_id = format!("{form}&token_type_hint=token_id&provider={provider}");
                pair.agrees(&by_id, by, None).await;
            }
        }
        pair.both(|bench| bench.clock.advance(100));
    }
}

#[tokio::test]
async fn no_answer_holds_the_token() {
    let bench = Bench::start().await;
    bench.bank.fails("b_failing-token", Failure::Timeout);
    for form in [
        format!("token={ACTIVE}&policy=orders"),
        format!("token={UNKNOWN}"),
        "token=b_failing-token".to_owned(),
        "token=secret-of-a-stranger".to_owned(),
        format!("token={ACTIVE}&provider=secret-of-a-stranger"),
        format!("token={ACTIVE}&policy=secret-of-a-stranger"),
    ] {
        let reply = explain(&form).at(&bench).await;
        for secret in [ACTIVE, UNKNOWN, "b_failing-token", "of-a-stranger"] {
            assert!(!reply.body.contains(secret), "{}", reply.body);
        }
    }
}
