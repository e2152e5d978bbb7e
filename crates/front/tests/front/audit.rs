//! The audit log: a line for each decision that matters, and for nothing else.

use std::path::PathBuf;

use introspectd_audit::{Audit, Destination, OnFailure};
use introspectd_core::{BadAnswer, Expiry, Failure, Members, ScopeSet, Status, Timestamp, Token};
use introspectd_front::ListenerIdentity;
use introspectd_server::Arrival;
use introspectd_service::Fingerprints;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bench::{ACTIVE, Bench, EDGE_SECRET, START, UNKNOWN};
use crate::client::{Ask, Reply, basic, http2_to, received};
use crate::provider::good;

const ADMIN: &str = "Bearer admin-secret";

/// A bench whose audit log is a file.
struct Audited {
    bench: Bench,
    audit: Audit,
    path: PathBuf,
    _folder: TempDir,
}

impl Audited {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let fingerprints = Fingerprints::keyed(&"a key".to_owned().into());
        let audit = Audit::start(Destination::File(path.clone()), OnFailure::Log).unwrap();
        let bench = Bench::start_audited(audit.clone(), fingerprints).await;
        Self {
            bench,
            audit,
            path,
            _folder: folder,
        }
    }

    async fn ask(&self, ask: Ask) -> Reply {
        ask.at(&self.bench).await
    }

    async fn text(&self) -> String {
        self.audit.flush().await;
        std::fs::read_to_string(&self.path).unwrap()
    }

    async fn lines(&self) -> Vec<Value> {
        self.text()
            .await
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The one line about this request, without the members that every line has.
    async fn entry(&self, ask: Ask) -> Value {
        let before = self.lines().await.len();
        let reply = self.ask(ask).await;
        let mut lines = self.lines().await.split_off(before);
        assert_eq!(lines.len(), 1, "{reply:#?} {lines:#?}");
        let mut line = lines.remove(0);
        let members = line.as_object_mut().unwrap();
        assert_eq!(members.remove("time"), Some(json!("2023-11-14T22:13:20Z")));
        assert!(
            members
                .remove("origin")
                .unwrap()
                .as_str()
                .unwrap()
                .starts_with("127.0.0.1:")
        );
        assert!(
            !members
                .remove("request_id")
                .unwrap()
                .as_str()
                .unwrap()
                .is_empty()
        );
        line
    }
}

fn at(method: &'static str, path: &str) -> Ask {
    Ask::form("")
        .to(method, path)
        .without("content-type")
        .by(ADMIN)
}

fn revoke(token: &str) -> Ask {
    Ask::form(format!("token={token}"))
        .to("POST", "/revoke")
        .by(ADMIN)
}

fn purge(what: &Value) -> Ask {
    let ask = Ask::form(what.to_string()).to("POST", "/v1/cache/purge");
    ask.header("content-type", "application/json").by(ADMIN)
}

fn proxied(token: &str, policy: &str) -> Ask {
    let ask = Ask::form("").to("GET", &format!("/forward-auth/{policy}"));
    ask.by(&format!("Bearer {token}"))
        .header("x-introspectd-caller", "Bearer operator-secret")
}

/// The fingerprint of a token under the bench's key.
async fn fingerprint(audited: &Audited, token: &str) -> Value {
    let entry = audited.entry(revoke(token).by(ADMIN)).await;
    entry["fingerprint"].clone()
}

#[tokio::test]
async fn passed_requests_are_not_audited() {
    let audited = Audited::start().await;
    for _ in 0..2 {
        let reply = audited.ask(Ask::token(ACTIVE)).await;
        assert!(reply.is_active() && reply.header("x-request-id").is_none());
        assert_eq!(audited.ask(proxied(ACTIVE, "default")).await.status, 200);
        assert_eq!(audited.ask(at("GET", "/v1/providers")).await.status, 200);
    }
    assert_eq!(audited.text().await, "");
}

#[tokio::test]
async fn invalid_requests_are_not_audited() {
    let audited = Audited::start().await;
    for ask in [
        Ask::form("token="),
        Ask::form("token=a&token=a"),
        Ask::form("token=a").header("content-type", "text/plain"),
        Ask::form("token=a&provider=none"),
        Ask::form("").to("GET", "/introspect"),
        Ask::form("").to("GET", "/nowhere"),
        at("GET", "/v1/cache/purge"),
        at("GET", "/v1/other"),
    ] {
        assert!(audited.ask(ask).await.status >= 400);
    }
    assert_eq!(audited.text().await, "");
}

#[tokio::test]
async fn inactive_token_is_audited_with_its_reason() {
    let audited = Audited::start().await;
    let second = |offset: i64| Timestamp::from_seconds(START + offset).unwrap();
    let bank = &audited.bench.bank;
    bank.knows("b_over", Token::new(Status::Good, Expiry::At(second(0))));
    bank.knows("b_gone", Token::new(Status::Revoked, Expiry::Never));
    bank.knows(
        "b_early",
        Token {
            nbf: Some(second(10)),
            ..good()
        },
    );
    bank.knows("b_odd", Token::new(Status::Unknown, Expiry::Never));
    for (token, provider, reason) in [
        ("b_over", json!("bank"), "expired"),
        ("b_gone", json!("bank"), "revoked"),
        ("b_early", json!("bank"), "not_yet_valid"),
        ("b_odd", json!("bank"), "unknown"),
        (UNKNOWN, json!("bank"), "inactive"),
        ("of-no-provider", Value::Null, "no_provider"),
    ] {
        let entry = audited.entry(Ask::token(token)).await;
        assert_eq!(
            (&entry["provider"], &entry["reason"]),
            (&provider, &json!(reason)),
            "{token}"
        );
        assert_eq!(
            (&entry["event"], &entry["call"]),
            (&json!("refused"), &json!("introspect"))
        );
        assert_eq!(
            (&entry["caller"], &entry["outcome"]),
            (&json!("operator"), &json!("inactive"))
        );
        let entry = audited.entry(proxied(token, "default")).await;
        assert_eq!(
            (&entry["provider"], &entry["reason"]),
            (&provider, &json!(reason)),
            "{token}"
        );
        assert_eq!(
            (&entry["event"], &entry["call"]),
            (&json!("refused"), &json!("forward_auth"))
        );
        assert_eq!(
            (&entry["policy"], &entry["outcome"]),
            (&json!("default"), &json!("invalid_token"))
        );
    }
}

#[tokio::test]
async fn refused_caller_is_audited() {
    let audited = Audited::start().await;
    let unknown = json!({"event": "refused", "call": "introspect", "outcome": "invalid_client"});
    assert_eq!(
        audited.entry(Ask::token(ACTIVE).by("Bearer wrong")).await,
        unknown
    );
    let entry = audited
        .entry(at("GET", "/v1/providers").by("Bearer wrong"))
        .await;
    assert_eq!(
        (&entry["event"], &entry["call"]),
        (&json!("refused"), &json!("providers"))
    );
    let entry = audited
        .entry(Ask::token(ACTIVE).by("Bearer idle-secret"))
        .await;
    assert_eq!(
        (&entry["caller"], &entry["outcome"]),
        (&json!("idle"), &json!("access_denied"))
    );
    let entry = audited
        .entry(revoke(ACTIVE).by("Bearer operator-secret"))
        .await;
    let expected = json!({
        "event": "refused", "call": "revoke", "caller": "operator", "outcome": "access_denied",
    });
    assert_eq!(entry, expected);
    let entry = audited
        .entry(proxied(ACTIVE, "default").header("x-introspectd-caller", "Bearer wrong"))
        .await;
    assert_eq!(entry["outcome"], "invalid_client");
    let entry = audited
        .entry(proxied(ACTIVE, "default").header("x-introspectd-caller", "Bearer confined-secret"))
        .await;
    assert_eq!(
        (&entry["caller"], &entry["outcome"]),
        (&json!("confined"), &json!("access_denied"))
    );
}

#[tokio::test]
async fn denied_client_is_audited_with_what_it_lacks() {
    let audited = Audited::start().await;
    let entry = audited.entry(proxied(ACTIVE, "orders")).await;
    assert_eq!(
        (&entry["outcome"], &entry["reason"]),
        (&json!("insufficient_scope"), &json!("scope,role,aud"))
    );
    let scope = ScopeSet::from_spaced("orders.*");
    audited.bench.bank.knows(
        "b_scope",
        Token {
            scope,
            roles: vec!["clerk".to_owned()],
            ..good()
        },
    );
    assert_eq!(
        audited.entry(proxied("b_scope", "orders")).await["reason"],
        "aud"
    );
    let entry = audited.entry(proxied("a,b", "default")).await;
    assert_eq!(
        (&entry["outcome"], &entry["reason"]),
        (&json!("invalid_token"), &json!("malformed"))
    );
    let entry = audited
        .entry(proxied(ACTIVE, "default").without("authorization"))
        .await;
    assert_eq!(
        (&entry["outcome"], entry.get("fingerprint")),
        (&json!("missing_token"), None)
    );
    let entry = audited.entry(proxied(ACTIVE, "nowhere")).await;
    assert_eq!(
        (&entry["reason"], entry.get("policy")),
        (&json!("no_policy"), None)
    );
}

#[tokio::test]
async fn failed_provider_is_audited() {
    let audited = Audited::start().await;
    audited.bench.bank.fails("b_slow", Failure::Timeout);
    audited.bench.bank.fails("b_odd", BadAnswer::NotAnObject);
    let entry = audited.entry(Ask::token("b_slow")).await;
    let expected = json!({
        "event": "refused", "call": "introspect", "caller": "operator", "provider": "bank",
        "fingerprint": entry["fingerprint"], "outcome": "upstream_timeout",
        "reason": "the provider gave no answer in time",
    });
    assert_eq!(entry, expected);
    let entry = audited.entry(proxied("b_odd", "as-403")).await;
    assert_eq!(
        entry["outcome"], "upstream_error",
        "why, whatever the policy has the client get"
    );
}

#[tokio::test]
async fn non_bearer_token_is_audited_with_its_reason() {
    let audited = Audited::start().await;
    let member = |name: &str, value: Value| Members::from_iter([(name.to_owned(), value.into())]);
    let bank = &audited.bench.bank;
    bank.knows(
        "b_use",
        Token {
            extensions: member("typ", json!("Refresh")),
            ..good()
        },
    );
    bank.knows(
        "b_mac",
        Token {
            token_type: Some("mac".to_owned()),
            ..good()
        },
    );
    bank.knows(
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
        let entry = audited.entry(proxied(token, "default")).await;
        let expected = (&json!("invalid_token"), &json!(reason), &json!("bank"));
        assert_eq!(
            (&entry["outcome"], &entry["reason"], &entry["provider"]),
            expected
        );
    }
}

#[tokio::test]
async fn operator_requests_are_audited() {
    let audited = Audited::start().await;
    let mine = fingerprint(&audited, ACTIVE).await;
    assert_eq!(
        audited.entry(revoke(ACTIVE)).await,
        json!({"event": "revoked", "call": "revoke", "caller": "admin", "provider": "bank",
               "fingerprint": mine, "outcome": "done"})
    );
    audited.bench.bank.fails("b_slow", Failure::Timeout);
    let entry = audited.entry(revoke("b_slow")).await;
    assert_eq!(
        (&entry["event"], &entry["outcome"]),
        (&json!("revoked"), &json!("upstream_timeout"))
    );
    let path = "/v1/providers/bank/tokens/the-id";
    let by_id =
        json!({"caller": "admin", "provider": "bank", "token_id": "the-id", "outcome": "done"});
    let with = |event: &str, call: &str| {
        let mut expected = by_id.clone();
        (expected["event"], expected["call"]) = (json!(event), json!(call));
        expected
    };
    audited.bench.bank.knows("the-id", good());
    assert_eq!(
        audited.entry(at("GET", path)).await,
        with("looked_up", "lookup")
    );
    assert_eq!(
        audited
            .entry(Ask::form("token=the-id&token_type_hint=token_id&provider=bank").by(ADMIN))
            .await,
        with("looked_up", "lookup")
    );
    assert_eq!(
        audited.entry(at("DELETE", path)).await,
        with("revoked", "revoke")
    );
    let entry = audited.entry(purge(&json!({"provider": "bank"}))).await;
    assert_eq!(
        (&entry["selector"], &entry["value"]),
        (&json!("provider"), &json!("bank"))
    );
    let entry = audited.entry(purge(&json!({"token": ACTIVE}))).await;
    assert_eq!(
        (&entry["selector"], &entry["fingerprint"]),
        (&json!("token"), &mine)
    );
    assert_eq!(
        audited.entry(purge(&json!({"all": true}))).await["selector"],
        "all"
    );
    let explain = Ask::form(format!("token={ACTIVE}"))
        .to("POST", "/v1/explain")
        .by(ADMIN);
    let entry = audited.entry(explain.clone()).await;
    assert_eq!(
        (&entry["event"], &entry["fingerprint"]),
        (&json!("explained"), &mine)
    );
    assert_eq!(
        audited.ask(explain).await.json()["fingerprint"],
        mine,
        "by which its lines are found"
    );
    assert_eq!(
        audited.entry(purge(&json!({}))).await["outcome"],
        "invalid_request"
    );
}

#[tokio::test]
async fn abandoned_operator_request_is_audited() {
    let audited = Audited::start().await;
    let mine = fingerprint(&audited, UNKNOWN).await;
    let Audited { bench, .. } = &audited;
    bench.bank.hold();
    let identity = ListenerIdentity {
        caller: None,
        takes_caller_header: true,
    };
    let handler = bench.api.handler(&identity, &Arrival::default());
    let asking = tokio::spawn(handler.answer(revoke(UNKNOWN).request()));
    bench.bank.arrived(2).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    let entry = audited.lines().await.pop().unwrap();
    assert_eq!(
        (&entry["event"], &entry["outcome"]),
        (&json!("revoked"), &json!("abandoned"))
    );
    assert_eq!(
        (&entry["caller"], &entry["fingerprint"]),
        (&json!("admin"), &mine)
    );
}

#[tokio::test]
async fn token_in_place_of_an_id_is_not_written() {
    let audited = Audited::start().await;
    let mine = fingerprint(&audited, UNKNOWN).await;
    let path = format!("/v1/providers/bank/tokens/{UNKNOWN}");
    let entry = audited.entry(at("GET", &path)).await;
    assert_eq!(
        (&entry["outcome"], &entry["fingerprint"]),
        (&json!("not_found"), &mine)
    );
    let entry = audited.entry(at("DELETE", &path)).await;
    assert_eq!(
        (&entry["outcome"], &entry["fingerprint"]),
        (&json!("done"), &mine)
    );
    assert!(!audited.text().await.contains(UNKNOWN));
}

#[tokio::test]
async fn token_where_a_claim_belongs_in_a_purge_is_written_as_its_fingerprint() {
    let audited = Audited::start().await;
    let mine = fingerprint(&audited, UNKNOWN).await;
    for claim in ["sub", "client_id"] {
        assert_eq!(
            audited.entry(purge(&json!({claim: UNKNOWN}))).await,
            json!({"event": "purged", "call": "purge", "caller": "admin", "selector": claim,
                   "fingerprint": mine, "count": 0, "outcome": "done"})
        );
    }
    assert!(!audited.text().await.contains(UNKNOWN));
}

#[tokio::test]
async fn audit_lines_about_unknown_callers_are_limited_and_those_of_operators_are_not() {
    let audited = Audited::start().await;
    for _ in 0..600 {
        audited.ask(revoke(ACTIVE).by("Bearer wrong")).await;
        audited.ask(Ask::token(ACTIVE).by("Bearer wrong")).await;
    }
    for _ in 0..300 {
        audited.ask(purge(&json!({"all": true}))).await;
    }
    let lines = audited.lines().await;
    let count = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!((count("refused"), count("purged")), (250, 300));
    audited.bench.service.begin_second();
    let summed = audited.lines().await.pop().unwrap();
    assert_eq!(summed["event"], "refusals_left_out");
    assert_eq!(summed["outcomes"], json!({"invalid_client": 950}));
    assert_eq!(
        audited.entry(Ask::token(ACTIVE).by("Bearer wrong")).await["event"],
        "refused"
    );
}

#[tokio::test]
async fn reply_bears_the_id_of_its_audit_line() {
    let audited = Audited::start().await;
    for (ask, was_read) in [
        (Ask::token(UNKNOWN), true),
        (Ask::token(ACTIVE).by("Bearer wrong"), false),
        (revoke(ACTIVE), true),
        (revoke(ACTIVE).by("Bearer operator-secret"), false),
        (revoke(&format!("{ACTIVE}&token={ACTIVE}")), false),
        (at("GET", "/v1/providers").by("Bearer wrong"), true),
        (at("GET", "/v1/providers/bank/tokens/none"), true),
    ] {
        for (sent, taken) in [
            (Some("req-1"), was_read),
            (Some("two words"), false),
            (None, false),
        ] {
            let ask = sent.map_or(ask.clone(), |id| ask.clone().header("x-request-id", id));
            let reply = audited.ask(ask).await;
            let line = audited.lines().await.pop().unwrap();
            assert_eq!(
                line["request_id"].as_str(),
                reply.header("x-request-id"),
                "{reply:#?}"
            );
            assert_eq!(line["request_id"] == "req-1", taken);
        }
    }
}

#[tokio::test]
async fn request_id_that_reveals_a_secret_is_neither_written_nor_answered() {
    let audited = Audited::start().await;
    let admin = "admin-secret";
    for (ask, secret) in [
        (Ask::token(UNKNOWN), UNKNOWN),
        (Ask::token(ACTIVE).by("Bearer wrong"), ACTIVE),
        (Ask::token(ACTIVE).by("Bearer idle-secret"), ACTIVE),
        (proxied(UNKNOWN, "default"), UNKNOWN),
        (proxied(UNKNOWN, "default"), "operator-secret"),
        (proxied(ACTIVE, "nowhere"), ACTIVE),
        (proxied(ACTIVE, "default").by(ACTIVE), ACTIVE),
        (revoke(ACTIVE), ACTIVE),
        (revoke(ACTIVE), admin),
        (revoke(ACTIVE).by("Bearer operator-secret"), ACTIVE),
        (revoke(&format!("{ACTIVE}&token={ACTIVE}")), ACTIVE),
        (purge(&json!({"token": ACTIVE})), ACTIVE),
        (purge(&json!({"token": ACTIVE, "all": true})), ACTIVE),
        (purge(&json!({"sub": ACTIVE})), ACTIVE),
        (
            Ask::form(format!("token={ACTIVE}"))
                .to("POST", "/v1/explain")
                .by(ADMIN),
            ACTIVE,
        ),
        (
            at("GET", &format!("/v1/providers/bank/tokens/{UNKNOWN}")),
            UNKNOWN,
        ),
        (
            at("DELETE", &format!("/v1/providers/bank/tokens/{UNKNOWN}")),
            UNKNOWN,
        ),
        (
            at("DELETE", &format!("/v1/providers/plain/tokens/{UNKNOWN}")),
            UNKNOWN,
        ),
        (at("GET", "/v1/tokens"), admin),
    ] {
        for id in [secret.to_owned(), format!("trace-{secret}")] {
            let before = audited.lines().await.len();
            let reply = audited.ask(ask.clone().header("x-request-id", &id)).await;
            let lines = audited.lines().await;
            assert_eq!(lines.len(), before + 1, "{reply:#?}");
            let line = &lines[before];
            assert!(!line.to_string().contains(secret), "{line}");
            assert!(
                reply
                    .headers
                    .values()
                    .all(|value| !value.to_str().unwrap().contains(secret)),
                "{reply:#?}"
            );
        }
    }
}

/// The refusal goes to a client of somebody else, and says nothing but the decision.
#[tokio::test]
async fn refusal_through_a_proxy_bears_no_request_id() {
    let audited = Audited::start().await;
    let reply = audited
        .ask(proxied(UNKNOWN, "default").header("x-request-id", "req-1"))
        .await;
    assert_eq!((reply.status, reply.header("x-request-id")), (401, None));
    assert_eq!(audited.lines().await.pop().unwrap()["request_id"], "req-1");
}

#[tokio::test]
async fn no_secret_is_written() {
    let audited = Audited::start().await;
    audited
        .bench
        .bank
        .fails("b_failing-token", Failure::Timeout);
    let credentials = basic(&format!("edge:{EDGE_SECRET}"));
    let asks = [
        Ask::token("b_failing-token").by(&credentials),
        Ask::token(UNKNOWN),
        Ask::token(ACTIVE).by(&basic("edge:secret-of-a-stranger")),
        Ask::token(ACTIVE).by("Bearer secret-of-a-stranger"),
        revoke(ACTIVE),
        revoke("b_failing-token"),
        revoke(&format!("{ACTIVE}&provider=secret-of-a-stranger")),
        purge(&json!({"token": UNKNOWN})),
        purge(&json!({"provider": "secret-of-a-stranger"})),
        at("GET", &format!("/v1/providers/bank/tokens/{UNKNOWN}")),
        at(
            "GET",
            "/v1/providers/secret-of-a-stranger/tokens/secret-of-a-stranger",
        ),
        at("GET", &format!("/revoke?token={ACTIVE}")),
        proxied(UNKNOWN, "default"),
        proxied("secret-of-a-stranger", "orders"),
        proxied(ACTIVE, "secret-of-a-stranger"),
        proxied(UNKNOWN, "default").header("x-introspectd-caller", "Bearer secret-of-a-stranger"),
    ];
    for ask in &asks {
        audited.ask(ask.clone()).await;
        let mut http2 = http2_to(audited.bench.address).await;
        let request = ask.http2_request(audited.bench.address);
        received(http2.send_request(request).await.unwrap(), false).await;
    }
    let text = audited.text().await;
    assert!(text.lines().count() >= asks.len());
    let encoded = credentials.strip_prefix("Basic ").unwrap();
    for secret in [
        ACTIVE,
        UNKNOWN,
        "b_failing-token",
        "of-a-stranger",
        "-secret",
        EDGE_SECRET,
        encoded,
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn lost_audit_line_is_reported() {
    let fingerprints = Fingerprints::random().unwrap();
    let full = Destination::File("/dev/full".into());
    let audit = Audit::start(full, OnFailure::Exit).unwrap();
    let bench = Bench::start_audited(audit.clone(), fingerprints).await;
    let is_done = revoke(ACTIVE).at(&bench).await;
    assert_eq!(is_done.status, 200, "the answer goes out all the same");
    crate::bench::soon("the failure", audit.failed()).await;
}
