//! Signed answers (RFC 9701).

use std::path::Path;

use http::Request;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_jose::{Algorithm, JwkSet, Jws};
use introspectd_simulators::Simulator;
use introspectd_tests::{
    EDGE_SECRET, Fixture, Gateway, NOW, Reply, Rfc7662, basic, form_body, now,
};
use serde_json::{Value, json};

const ISSUER: &str = "https://introspect.example/x";
const JWT: &str = "application/token-introspection+jwt";

struct Harness {
    _provider: Simulator<<Rfc7662 as Fixture>::Server>,
    gateway: Gateway,
}

/// Private key of this name, in PEM.
fn pem(name: &str) -> String {
    let keys = include_str!("../../crates/jose/testdata/keys.json");
    let keys: Value = serde_json::from_str(keys).unwrap();
    keys[name]["pkcs8"].as_str().unwrap().to_owned()
}

fn signing(name: &str, algorithm: &str, more: &str) -> String {
    let pem = pem(name);
    format!(
        "[[signing]]\nkey = {{ literal = \"\"\"{pem}\"\"\" }}\nalgorithm = {algorithm:?}\n{more}\n"
    )
}

impl Harness {
    async fn open(signing: &str) -> Self {
        Self::open_before(signing, "").await
    }

    /// Opens it before a provider with these further keys.
    async fn open_before(signing: &str, more: &str) -> Self {
        let provider = Simulator::start(Rfc7662::server(now())).await.unwrap();
        let section = Rfc7662::section(&provider.base_url());
        let gateway = Gateway::start_bare(&format!(
            r#"
            [listen]
            api        = ["127.0.0.1:0"]
            admin      = ["127.0.0.1:0"]
            public_url = "{ISSUER}"

            [routing]
            unmatched = "sso"

            [callers.edge]
            secret = {{ literal = "{EDGE_SECRET}" }}

            {signing}

            [providers.sso]
            {section}
            timeout = "60s"
            {more}
            "#
        ))
        .await;
        Self {
            _provider: provider,
            gateway,
        }
    }

    /// Opens it with a fast key that signs first, a slow one, and a caller that wants that.
    async fn with_keys() -> Self {
        let keys = [
            signing("ed25519", "EdDSA", "kid = \"fast\""),
            signing("rsa", "PS256", ""),
        ];
        let caller = "[callers.wants]\nsecret = { literal = \"wants-secret\" }\n\
            signed_alg = \"PS256\"\naudience = \"https://orders.example/\\\"\\\\\"\n";
        Self::open(&format!("{}{caller}", keys.concat())).await
    }

    async fn ask(&self, caller: (&str, &str), accept: &str, token: &str) -> Reply {
        let request = Request::post(format!("http://{}/introspect", self.gateway.api()))
            .header(AUTHORIZATION, basic(caller.0, caller.1))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, accept)
            .body(Full::from(form_body(&[("token", token)])))
            .unwrap();
        self.gateway.send(request).await
    }

    async fn get(&self, path: &str) -> Reply {
        let request = Request::get(format!("http://{}{path}", self.gateway.api()));
        self.gateway.send(request.body("".into()).unwrap()).await
    }

    /// Claims of a signed answer, verified by the published keys, and its `kid`.
    async fn verified(&self, reply: &Reply, algorithm: Algorithm) -> (Value, String) {
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some(JWT));
        assert_eq!(reply.header("vary"), Some("accept"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let published = self.get("/jwks").await;
        let keys = JwkSet::parse(&published.body).unwrap();
        let text = std::str::from_utf8(&reply.body).unwrap();
        let jws = Jws::parse(text).unwrap();
        let verified = jws.verify(&keys, &[algorithm]).unwrap();
        assert_eq!(verified.header().typ(), Some("token-introspection+jwt"));
        let kid = verified.header().kid().unwrap().to_owned();
        (serde_json::from_slice(verified.payload()).unwrap(), kid)
    }
}

const EDGE: (&str, &str) = ("edge", EDGE_SECRET);
const WANTS: (&str, &str) = ("wants", "wants-secret");

#[tokio::test]
async fn signed_answer_holds_the_plain_one_and_nothing_else_of_the_token() {
    let harness = Harness::with_keys().await;
    let plain = harness.ask(EDGE, "*/*", Rfc7662::ACTIVE).await;
    assert_eq!(plain.header("content-type"), Some("application/json"));
    assert_eq!(plain.header("vary"), Some("accept"));
    for moment in [NOW, NOW + 5] {
        harness.gateway.clock().set(moment);
        let reply = harness.ask(EDGE, JWT, Rfc7662::ACTIVE).await;
        assert_eq!(reply.cache(), Some("hit"));
        let (claims, kid) = harness.verified(&reply, Algorithm::EdDsa).await;
        assert_eq!(kid, "fast");
        let expected = json!({
            "iss": ISSUER, "aud": "edge", "iat": moment, "token_introspection": plain.json(),
        });
        assert_eq!(claims, expected);
    }
}

#[tokio::test]
async fn inactive_token_is_that_and_nothing_else() {
    let harness = Harness::with_keys().await;
    for token in [Rfc7662::UNKNOWN, Rfc7662::REVOKED] {
        let reply = harness.ask(EDGE, JWT, token).await;
        let (claims, _) = harness.verified(&reply, Algorithm::EdDsa).await;
        assert_eq!(claims["token_introspection"], json!({ "active": false }));
    }
}

#[tokio::test]
async fn hit_is_signed_anew_for_each_caller_by_its_algorithm() {
    let harness = Harness::with_keys().await;
    let first = harness.ask(EDGE, JWT, Rfc7662::ACTIVE).await;
    assert_eq!(first.cache(), Some("miss"));
    let other = harness.ask(WANTS, JWT, Rfc7662::ACTIVE).await;
    assert_eq!(other.cache(), Some("hit"));
    let (mut claims, kid) = harness.verified(&other, Algorithm::Ps256).await;
    assert_eq!(claims["aud"], "https://orders.example/\"\\");
    assert_ne!(kid, "fast");
    let (of_first, _) = harness.verified(&first, Algorithm::EdDsa).await;
    claims["aud"] = "edge".into();
    assert_eq!(claims, of_first);
}

#[tokio::test]
async fn all_keys_are_published_and_only_their_public_parts() {
    let harness = Harness::with_keys().await;
    let published = harness.get("/jwks").await;
    let media_type = published.header("content-type");
    assert_eq!(media_type, Some("application/jwk-set+json"));
    let control = published.header("cache-control");
    assert_eq!(control, Some("public, max-age=300"));
    let keys = published.json()["keys"].clone();
    let of_each: Vec<_> = (0..2)
        .map(|place| {
            let key = keys[place].as_object().unwrap();
            for private in ["d", "p", "q", "dp", "dq", "qi"] {
                assert!(!key.contains_key(private), "{private}");
            }
            (key["alg"].clone(), key["use"].clone())
        })
        .collect();
    let used = |algorithm: &str| (json!(algorithm), json!("sig"));
    assert_eq!(of_each, [used("EdDSA"), used("PS256")]);
    let metadata = harness.get("/.well-known/oauth-authorization-server").await;
    let metadata = metadata.json();
    assert_eq!(metadata["jwks_uri"], format!("{ISSUER}/jwks"));
    let algorithms = &metadata["introspection_signing_alg_values_supported"];
    assert_eq!(*algorithms, json!(["EdDSA", "PS256"]));
}

#[tokio::test]
async fn refusal_of_who_wants_a_signed_answer_is_json() {
    let harness = Harness::with_keys().await;
    let refused = harness.ask(("edge", "wrong"), JWT, Rfc7662::ACTIVE).await;
    refused.assert_problem(401, "invalid_client", None);
    let refused = harness.ask(EDGE, JWT, "").await;
    refused.assert_problem(400, "invalid_request", None);
}

#[tokio::test]
async fn without_a_key_who_insists_is_refused_and_all_others_get_json() {
    let harness = Harness::open("").await;
    let refused = harness.ask(EDGE, JWT, Rfc7662::ACTIVE).await;
    refused.assert_problem(406, "not_acceptable", None);
    for accept in ["application/json", &format!("{JWT}, */*;q=0.1")] {
        let reply = harness.ask(EDGE, accept, Rfc7662::ACTIVE).await;
        assert_eq!(reply.json()["active"], true, "{accept}");
    }
    assert_eq!(harness.get("/jwks").await.status, 404);
    let metadata = harness.get("/.well-known/oauth-authorization-server").await;
    let metadata = metadata.json();
    for absent in ["jwks_uri", "introspection_signing_alg_values_supported"] {
        assert!(metadata.get(absent).is_none(), "{absent}");
    }
}

/// The provider never signs.
#[tokio::test]
async fn json_of_a_provider_that_has_to_sign_is_a_failure_and_no_inactive_token() {
    const KEYS: &str = "issuer = \"https://sso.example\"\n\
        jwks = { url = \"http://127.0.0.1:9/jwks\" }\n";
    let answer = |form: &str| format!("answer = {form:?}\n{KEYS}");
    let harness = Harness::open_before("", &answer("jwt_required")).await;
    for token in [Rfc7662::ACTIVE, Rfc7662::UNKNOWN] {
        let refused = harness.ask(EDGE, "*/*", token).await;
        refused.assert_problem(502, "upstream_error", None);
    }
    let harness = Harness::open_before("", &answer("jwt")).await;
    let reply = harness.ask(EDGE, "*/*", Rfc7662::ACTIVE).await;
    assert_eq!(reply.json()["active"], true);
    harness
        .ask(EDGE, "*/*", Rfc7662::UNKNOWN)
        .await
        .assert_inactive();
}

fn key_in(file: &Path) -> String {
    format!("[[signing]]\nkey = {{ file = {file:?} }}\nalgorithm = \"EdDSA\"\n")
}

#[tokio::test]
async fn key_in_a_file_is_renewed_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signing.pem");
    let pair = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    std::fs::write(&file, pair().serialize_pem()).unwrap();
    let harness = Harness::open(&key_in(&file)).await;
    let kid = async || {
        let reply = harness.ask(EDGE, JWT, Rfc7662::ACTIVE).await;
        let (_, kid) = harness.verified(&reply, Algorithm::EdDsa).await;
        kid
    };
    let first = kid().await;
    // Of another length, so that a coarse clock of the file system hides no change.
    std::fs::write(&file, format!("# renewed\n{}", pair().serialize_pem())).unwrap();
    let renewed = kid().await;
    assert_ne!(renewed, first, "its thumbprint");
    std::fs::write(&file, "no key").unwrap();
    assert_eq!(kid().await, renewed, "the former one holds");
}
