//! Tokens bound to a key: the same proofs, certificates and faults by both ways.

use introspectd_simulators::{Wallet, hash};
use introspectd_tests::{EDGE_SECRET, NOW, Reply};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::differential::{forward_auth, is_the_same};
use crate::envoy::{Client, Envoy, Harness, Seen};

const POLICIES: &str = r#"
    [policies.bound]
    request = { method = "X-Forwarded-Method", url = [
        "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"
    ] }
    certificate = "Client-Cert"
    [policies.bound-scope]
    scope = ["more"]
    request = { method = "X-Forwarded-Method", url = [
        "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"
    ] }
    [policies.nonce]
    nonce = "5m"
    request = { method = "X-Original-Method", url = ["X-Original-Url"] }
    [policies.required]
    binding = "require"
    certificate = "X-Forwarded-Client-Cert"
    request = { method = "X-Forwarded-Method", url = [
        "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"
    ] }
    [policies.proofs]
    binding = "require"
    request = { method = "X-Forwarded-Method", url = [
        "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"
    ] }
    [policies.passing]
    binding = "pass"
    [policies.kept]
    cache = "private"
"#;

const ALGS: &str = "algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"";

struct Lab {
    harness: Harness,
    envoy: Envoy,
    wallet: Wallet,
    /// DER, which nothing reads.
    certificate: &'static [u8],
}

impl Lab {
    async fn open() -> Self {
        let harness = Harness::open_at(r#"["127.0.0.1:0"]"#, POLICIES).await;
        let envoy = harness.envoy().await;
        let wallet = Wallet::generate().unwrap();
        let certificate = b"a certificate in DER";
        let put = |token: &str, confirmation: Option<Value>| {
            let mut record = json!({"active": true, "exp": NOW + 1000, "sub": "alice"});
            if let Some(confirmation) = confirmation {
                record["cnf"] = confirmation;
            }
            harness.server.vendor().put(token, record);
        };
        let jkt = wallet.thumbprint();
        put("free", None);
        put("dpop", Some(json!({ "jkt": jkt })));
        put("mtls", Some(json!({"x5t#S256": hash(certificate)})));
        put("other", Some(json!({"kid": "x"})));
        Self {
            harness,
            envoy,
            wallet,
            certificate,
        }
    }

    fn proof(&self, jti: &str) -> String {
        self.wallet.sign(&self.wallet.draft("dpop", jti, NOW))
    }

    fn with_proof(&self, jti: &str) -> Client {
        showing("DPoP dpop").with("dpop", &self.proof(jti))
    }

    /// Asks over HTTP alone.
    async fn http(&self, policy: &str, client: &Client) -> Reply {
        let callers = [format!("Bearer {EDGE_SECRET}")];
        forward_auth(&self.harness, &callers, Some(policy), client).await
    }

    /// Asks both ways, by requests that differ in the id of a proof alone.
    async fn ask(&self, policy: &str, clients: [Client; 2]) -> Reply {
        let [first, second] = clients;
        let case = format!("{policy} {first:?}");
        let reply = self.http(policy, &asked(first)).await;
        is_the_same(
            &reply,
            self.envoy.check(policy, &asked(second)).await,
            &case,
        );
        reply
    }
}

fn showing(authorization: &str) -> Client {
    Client::default().with("authorization", authorization)
}

/// The request `POST https://api.example/orders?page=2`, as the proxy tells of it in both ways.
fn asked(client: Client) -> Client {
    let mut client = client
        .with("x-forwarded-method", "POST")
        .with("x-forwarded-proto", "https")
        .with("x-forwarded-host", "api.example")
        .with("x-forwarded-uri", "/orders?page=2")
        .with("x-original-method", "POST")
        .with("x-original-url", "https://api.example/orders?page=2");
    let seen = client.seen.take().unwrap_or_default();
    client.seen = Some(Seen {
        method: "POST",
        scheme: "https",
        host: "api.example",
        path: "/orders?page=2",
        ..seen
    });
    client
}

fn challenges(reply: &Reply) -> Vec<String> {
    let values = reply.headers.get_all("www-authenticate").iter();
    values.map(|it| it.to_str().unwrap().to_owned()).collect()
}

fn dpop(error: &str) -> String {
    if error.is_empty() {
        format!("DPoP {ALGS}")
    } else {
        format!("DPoP error=\"{error}\", {ALGS}")
    }
}

#[tokio::test]
async fn proof_passes_once_and_its_decision_is_not_kept() {
    let lab = Lab::open().await;
    let clients = || [lab.with_proof("a"), lab.with_proof("b")];
    let reply = lab.ask("bound", clients()).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["x-auth-subject"], "alice");
    assert_eq!(reply.headers["x-introspectd-max-age"], "0");
    let reply = lab.ask("bound", clients()).await;
    assert_eq!(reply.status, 401);
    assert_eq!(challenges(&reply), [dpop("invalid_dpop_proof")]);
    // Each request is new, and the proof is not.
    let mixed = [lab.with_proof("b"), lab.with_proof("a")];
    assert_eq!(lab.ask("bound", mixed).await.status, 401);
}

#[tokio::test]
async fn challenges_name_what_the_policy_takes() {
    let lab = Lab::open().await;
    let bearer = "Bearer error=\"invalid_token\"".to_owned();
    let invalid = dpop("invalid_token");
    let both = vec![bearer.clone(), invalid.clone()];
    for (policy, client, expected) in [
        (
            "bound",
            Client::default(),
            vec!["Bearer".to_owned(), dpop("")],
        ),
        ("proofs", Client::default(), vec![dpop("")]),
        ("passing", Client::default(), vec!["Bearer".to_owned()]),
        ("default", Client::default(), vec!["Bearer".to_owned()]),
        ("bound", showing("Bearer dpop"), both.clone()),
        ("bound", showing("Bearer none"), both.clone()),
        (
            "bound",
            showing("DPoP none").with("dpop", &lab.proof("a")),
            both.clone(),
        ),
        ("default", showing("Bearer dpop"), both.clone()),
        ("default", showing("Bearer none"), vec![bearer.clone()]),
        ("default", showing("Bearer other"), vec![bearer.clone()]),
        ("required", showing("Bearer free"), both.clone()),
        ("proofs", showing("Bearer free"), vec![invalid.clone()]),
        (
            "bound",
            showing("DPoP dpop"),
            vec![dpop("invalid_dpop_proof")],
        ),
        ("nonce", lab.with_proof("n"), vec![dpop("use_dpop_nonce")]),
    ] {
        println!("{policy} {client:?}");
        let reply = lab.ask(policy, [client.clone(), client]).await;
        assert_eq!(reply.status, 401);
        assert_eq!(challenges(&reply), expected);
        assert_eq!(reply.headers.get("x-introspectd-max-age"), None);
        assert_eq!(reply.headers["cache-control"], "no-store");
    }
    let clients = [lab.with_proof("c"), lab.with_proof("d")];
    let reply = lab.ask("bound-scope", clients).await;
    assert_eq!(reply.status, 403);
    let expected = "DPoP error=\"insufficient_scope\", scope=\"more\"";
    assert_eq!(challenges(&reply), [expected]);
}

#[tokio::test]
async fn certificate_of_the_named_header_or_of_envoy_passes() {
    let lab = Lab::open().await;
    let der = lab.certificate;
    let sequence = |der: &[u8]| format!(":{}:", base64(der));
    let pem = |der: &[u8]| {
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            base64(der)
        );
        utf8_percent_encode(&pem, NON_ALPHANUMERIC).to_string()
    };
    let client = |der: &[u8]| Client {
        seen: Some(Seen {
            certificate: pem(der),
            ..Seen::default()
        }),
        ..showing("Bearer mtls")
            .with("client-cert", &sequence(der))
            .with("x-forwarded-client-cert", &format!("Cert=\"{}\"", pem(der)))
    };
    for policy in ["bound", "required"] {
        let reply = lab.ask(policy, [client(der), client(der)]).await;
        assert_eq!(reply.status, 200, "{policy}");
        assert_eq!(reply.headers["x-introspectd-max-age"], "0");
        let other = || client(b"another");
        assert_eq!(lab.ask(policy, [other(), other()]).await.status, 401);
        let none = || showing("Bearer mtls");
        assert_eq!(lab.ask(policy, [none(), none()]).await.status, 401);
    }
    // No header counts that the policy does not name, and none over gRPC.
    for (policy, name, value) in [
        (
            "bound",
            "x-forwarded-client-cert",
            format!("Cert=\"{}\"", pem(der)),
        ),
        ("required", "client-cert", sequence(der)),
        ("default", "client-cert", sequence(der)),
    ] {
        let forged = || showing("Bearer mtls").with(name, &value);
        let reply = lab.ask(policy, [forged(), forged()]).await;
        assert_eq!(reply.status, 401, "{policy} {name}");
    }
    let forged = asked(showing("Bearer mtls").with("client-cert", &sequence(der)));
    let denied = crate::envoy::denied(lab.envoy.check("bound", &forged).await);
    assert_eq!(denied.status.unwrap().code, 401);
    // Two of them: one may be the client's own.
    let twice = client(der).with("client-cert", &sequence(der));
    assert_eq!(lab.http("bound", &twice).await.status, 401);
}

#[tokio::test]
async fn nonce_is_offered_taken_and_renewed_both_ways() {
    let lab = Lab::open().await;
    let first = lab
        .ask("nonce", [lab.with_proof("a"), lab.with_proof("a")])
        .await;
    assert_eq!(first.status, 401);
    let nonce = first.headers["dpop-nonce"].to_str().unwrap().to_owned();
    let client = |jti: &str, seconds: i64| {
        let draft = lab.wallet.draft("dpop", jti, NOW + seconds);
        let proof = lab.wallet.sign(&draft.claim("nonce", json!(nonce)));
        showing("DPoP dpop").with("dpop", &proof)
    };
    let taken = lab.ask("nonce", [client("b", 0), client("c", 0)]).await;
    assert_eq!((taken.status, taken.headers.get("dpop-nonce")), (200, None));
    lab.harness.gateway.clock().advance(200);
    let renewed = lab.http("nonce", &asked(client("d", 200))).await;
    assert_eq!(renewed.status, 200);
    assert_ne!(renewed.headers["dpop-nonce"].to_str().unwrap(), nonce);
    let response = lab.envoy.check("nonce", &asked(client("e", 200))).await;
    let ok = crate::envoy::ok(response);
    let added = crate::envoy::headers(&ok.response_headers_to_add);
    assert_eq!(added[0].0, "dpop-nonce");
}

/// A proof is not judged without the request that the proxy saw, nor with one that is not clear.
#[tokio::test]
async fn proof_is_refused_where_the_client_s_request_is_not_known() {
    let lab = Lab::open().await;
    let unnamed = lab.http("default", &asked(lab.with_proof("a"))).await;
    assert_eq!(
        (unnamed.status, challenges(&unnamed)),
        (401, vec![dpop("invalid_dpop_proof")])
    );
    let missing = lab.http("bound", &lab.with_proof("b")).await;
    assert_eq!(
        (missing.status, challenges(&missing)),
        (401, vec![dpop("invalid_dpop_proof")])
    );
    let twice = asked(lab.with_proof("c")).with("x-forwarded-host", "api.example");
    assert_eq!(lab.http("bound", &twice).await.status, 401);
    let other = |seen: Seen| Client {
        seen: Some(seen),
        ..lab.with_proof("d")
    };
    let right = asked(Client::default()).seen.unwrap();
    for seen in [
        Seen {
            method: "GET",
            ..right.clone()
        },
        Seen {
            scheme: "http",
            ..right.clone()
        },
        Seen {
            host: "evil.example",
            ..right.clone()
        },
        Seen {
            path: "/orders/1",
            ..right.clone()
        },
        Seen {
            path: "",
            ..right.clone()
        },
        Seen {
            host: "",
            ..right.clone()
        },
    ] {
        let denied = crate::envoy::denied(lab.envoy.check("bound", &other(seen)).await);
        assert_eq!(denied.status.unwrap().code, 401);
    }
    let passes = crate::envoy::ok(lab.envoy.check("bound", &other(right)).await);
    assert!(passes.response_headers_to_add.is_empty());
}

#[tokio::test]
async fn application_that_checks_itself_gets_bound_tokens() {
    let lab = Lab::open().await;
    for authorization in ["Bearer dpop", "DPoP dpop", "Bearer mtls", "Bearer other"] {
        let client = || showing(authorization);
        let reply = lab.ask("passing", [client(), client()]).await;
        assert_eq!(reply.status, 200, "{authorization}");
        assert_eq!(reply.headers["x-introspectd-max-age"], "0");
    }
    let client = || showing("Bearer free");
    let reply = lab.ask("passing", [client(), client()]).await;
    assert_ne!(reply.headers["x-introspectd-max-age"], "0");
}

#[tokio::test]
async fn private_cache_is_told_how_long_and_whom_it_serves() {
    let lab = Lab::open().await;
    let client = || showing("Bearer free");
    let reply = lab.http("kept", &client()).await;
    assert_eq!(reply.headers["vary"], "authorization, dpop");
    let seconds = reply.headers["x-introspectd-max-age"].to_str().unwrap();
    let expected = format!("private, max-age={seconds}");
    assert_eq!(reply.headers["cache-control"], expected);
    let denied = lab.http("kept", &showing("Bearer none")).await;
    assert_eq!(denied.headers["cache-control"], "no-store");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
