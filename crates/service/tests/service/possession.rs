//! Tokens bound to a key, and what their clients have to show.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::ask::Context;
use introspectd_core::{
    Expiry, Failure, Health, Introspection, ManualClock, Members, Provider, Selection, Status,
    Timestamp, Token, TokenValue,
};
use introspectd_resolver::ProviderEntry;
use introspectd_service::operation::{Allowed, bearer_token, decide};
use introspectd_service::refusal::{ClientFault, Inactive, Refusal};
use introspectd_service::{
    Binding, Caller, ClientRequest, Evidence, Permission, Policy, Presented, ProofFault,
    ProofRules, Requirements, Scheme, Service, Target, Thumbprint,
};
use introspectd_simulators::{Draft, Wallet, hash};
use serde_json::{Value, json};

use crate::harness::{bank, caller, service_at};

const NOW: i64 = 1_700_000_000;
const CERTIFICATE: &[u8] = b"DER of a certificate";

/// Provider whose tokens are bound as their text says.
#[derive(Debug)]
struct Vault {
    jkt: String,
}

#[async_trait]
impl Provider for Vault {
    fn health(&self) -> Health {
        Health::Good
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        let (jkt, certificate) = (&self.jkt, hash(CERTIFICATE));
        let members = match token.expose() {
            "b_free" => json!({}),
            "b_dpop" => json!({"cnf": {"jkt": jkt}}),
            "b_mtls" => json!({"cnf": {"x5t#S256": certificate}}),
            "b_both" => json!({"cnf": {"jkt": jkt, "x5t#S256": certificate}}),
            "b_method" => json!({"cnf": {"jkt": jkt, "kid": "x"}}),
            "b_wrong" => json!({"cnf": {"jkt": 7}}),
            "b_text" => json!({"cnf": "x"}),
            "b_refresh" => json!({"cnf": {"jkt": jkt}, "token_use": "refresh_token"}),
            _ => return Ok(Introspection::Inactive),
        };
        let mut token = Token::new(Status::Good, Expiry::Never);
        token.extensions = Members::from(members.as_object().unwrap().clone());
        let is_proof = token
            .extensions
            .get("cnf")
            .is_some_and(|_| members["cnf"]["jkt"].is_string());
        token.token_type = is_proof.then(|| "DPoP".to_owned());
        Ok(Introspection::Token(Box::new(token)))
    }
}

/// Evidence of a client.
#[derive(Default)]
struct Shown {
    proofs: Vec<String>,
    certificate: Option<Thumbprint>,
    is_unclear: bool,
}

impl Evidence for Shown {
    fn proof(&self) -> Result<&str, ProofFault> {
        match self.proofs.as_slice() {
            [] => Err(ProofFault::Missing),
            [one] => Ok(one),
            _ => Err(ProofFault::Repeated),
        }
    }

    fn request(&self) -> Result<ClientRequest<'_>, ProofFault> {
        if self.is_unclear {
            return Err(ProofFault::RequestUnknown);
        }
        let target = Target::of_request("https", "api.example", "/orders?page=2").unwrap();
        Ok(ClientRequest {
            method: "POST",
            target,
        })
    }

    fn certificate(&self) -> Option<Thumbprint> {
        self.certificate
    }
}

struct Lab {
    service: Service,
    caller: Caller,
    clock: Arc<ManualClock>,
    wallet: Wallet,
}

fn lab() -> Lab {
    let wallet = Wallet::generate().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW).unwrap()));
    let vault = ProviderEntry {
        provider: Arc::new(Vault {
            jkt: wallet.thumbprint(),
        }),
        ..bank()
    };
    Lab {
        service: service_at(Arc::clone(&clock), [], vec![vault]),
        caller: caller(&[Permission::Introspect], Selection::All),
        clock,
        wallet,
    }
}

fn policy(binding: Binding, nonce: Option<u64>) -> Policy {
    Policy::new(Requirements {
        proof: ProofRules {
            binding,
            nonce: nonce.map(Duration::from_secs),
            ..ProofRules::default()
        },
        ..Requirements::default()
    })
}

fn enforcing() -> Policy {
    policy(Binding::Enforce, None)
}

impl Lab {
    async fn ask(
        &self,
        policy: &Policy,
        scheme: Scheme,
        token: &str,
        shown: &Shown,
    ) -> Result<Allowed, ClientFault> {
        let token = bearer_token(token).unwrap();
        let presented = Presented { scheme, token };
        let context = Context::default;
        match decide(
            &self.service,
            &self.caller,
            policy,
            presented,
            shown,
            context,
        )
        .await
        {
            Ok(allowed) => Ok(allowed),
            Err(Refusal::Client(fault)) => Err(fault),
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn bearer(&self, policy: &Policy, token: &str, shown: &Shown) -> Option<ClientFault> {
        self.ask(policy, Scheme::Bearer, token, shown).await.err()
    }

    async fn dpop(&self, token: &str, proof: String) -> Option<ClientFault> {
        let asked = self
            .ask(&enforcing(), Scheme::Dpop, token, &one(proof))
            .await;
        asked.err()
    }

    fn draft(&self, jti: &str) -> Draft {
        let now = self.service.now().seconds();
        self.wallet.draft("b_dpop", jti, now)
    }
}

fn one(proof: String) -> Shown {
    Shown {
        proofs: vec![proof],
        ..Shown::default()
    }
}

fn invalid(why: Inactive) -> Option<ClientFault> {
    Some(ClientFault::InvalidToken(why))
}

fn unproved() -> Option<ClientFault> {
    invalid(Inactive::NotBearer(introspectd_core::NotBearer::Unproved))
}

fn with_certificate(der: &[u8]) -> Shown {
    Shown {
        certificate: Thumbprint::of_certificate(der),
        ..Shown::default()
    }
}

#[tokio::test]
async fn bound_token_is_no_bearer_token_and_an_unbound_one_no_other() {
    let lab = lab();
    let nothing = Shown::default();
    let enforce = enforcing();
    assert_eq!(lab.bearer(&enforce, "b_free", &nothing).await, None);
    for token in ["b_dpop", "b_both"] {
        let shown = with_certificate(CERTIFICATE);
        assert_eq!(lab.bearer(&enforce, token, &shown).await, unproved());
    }
    for token in ["b_free", "b_mtls"] {
        let proof = lab.wallet.sign(&lab.wallet.draft(token, token, NOW));
        let shown = Shown {
            certificate: Thumbprint::of_certificate(CERTIFICATE),
            ..one(proof)
        };
        let asked = lab.ask(&enforce, Scheme::Dpop, token, &shown).await;
        assert_eq!(asked.err(), invalid(Inactive::NotBound), "{token}");
    }
}

#[tokio::test]
async fn policy_may_require_a_binding_or_leave_it_to_the_application() {
    let lab = lab();
    let nothing = Shown::default();
    let require = policy(Binding::Require, None);
    let free = lab.bearer(&require, "b_free", &nothing).await;
    assert_eq!(free, invalid(Inactive::NotBound));
    let shown = with_certificate(CERTIFICATE);
    assert_eq!(lab.bearer(&require, "b_mtls", &shown).await, None);
    let pass = policy(Binding::Pass, None);
    for token in ["b_free", "b_dpop", "b_mtls", "b_both", "b_method"] {
        assert_eq!(lab.bearer(&pass, token, &nothing).await, None, "{token}");
    }
    for token in ["b_dpop", "b_method"] {
        let allowed = lab.ask(&pass, Scheme::Dpop, token, &nothing).await;
        assert_eq!(allowed.unwrap().max_age, 0, "{token}");
    }
    for token in ["b_wrong", "b_text", "b_refresh", "b_none"] {
        assert!(
            lab.bearer(&pass, token, &nothing).await.is_some(),
            "{token}"
        );
    }
}

#[tokio::test]
async fn confirmation_that_nobody_checks_is_refused() {
    let lab = lab();
    let nothing = Shown::default();
    for binding in [Binding::Enforce, Binding::Require] {
        let policy = policy(binding, None);
        let unknown = lab.bearer(&policy, "b_method", &nothing).await;
        assert_eq!(unknown, invalid(Inactive::UnknownConfirmation));
        for token in ["b_wrong", "b_text"] {
            assert_eq!(lab.bearer(&policy, token, &nothing).await, unproved());
        }
    }
}

#[tokio::test]
async fn certificate_has_to_be_the_token_s() {
    let lab = lab();
    let policy = enforcing();
    let bearer = |shown| async move { shown };
    let shown = bearer(with_certificate(CERTIFICATE)).await;
    assert_eq!(lab.bearer(&policy, "b_mtls", &shown).await, None);
    let other = with_certificate(b"another");
    let refused = lab.bearer(&policy, "b_mtls", &other).await;
    assert_eq!(refused, invalid(Inactive::OtherKey));
    let refused = lab.bearer(&policy, "b_mtls", &Shown::default()).await;
    assert_eq!(refused, invalid(Inactive::NoCertificate));
    // A token that is bound twice needs both.
    for (certificate, expected) in [
        (CERTIFICATE, None),
        (&b"another"[..], invalid(Inactive::OtherKey)),
    ] {
        let proof = lab.wallet.sign(&lab.wallet.draft("b_both", "both", NOW));
        let shown = Shown {
            certificate: Thumbprint::of_certificate(certificate),
            ..one(proof)
        };
        let asked = lab.ask(&policy, Scheme::Dpop, "b_both", &shown).await;
        assert_eq!(asked.err(), expected);
    }
}

#[tokio::test]
async fn right_proof_passes_once() {
    let lab = lab();
    let proof = lab.wallet.sign(&lab.draft("a"));
    let shown = one(proof.clone());
    let allowed = lab.ask(&enforcing(), Scheme::Dpop, "b_dpop", &shown).await;
    assert_eq!(allowed.unwrap().max_age, 0);
    let replayed = Some(ProofFault::Replayed.into());
    assert_eq!(lab.dpop("b_dpop", proof).await, replayed);
    // The same jti in another proof of the key is the same.
    let again = lab.draft("a").claim("iat", json!(NOW - 1));
    assert_eq!(lab.dpop("b_dpop", lab.wallet.sign(&again)).await, replayed);
    let next = lab.wallet.sign(&lab.draft("b"));
    assert_eq!(lab.dpop("b_dpop", next).await, None);
}

#[tokio::test]
async fn proof_that_is_wrong_in_one_way_is_refused_for_it() {
    let lab = lab();
    let draft = || lab.draft("wrong");
    let claim = |name: &str, value: Value| draft().claim(name, value);
    let mut private = draft().header["jwk"].clone();
    private["d"] = json!("AAAA");
    let secret = json!({"kty": "oct", "k": "AAAA"});
    for (case, draft, fault) in [
        ("typ", draft().header("typ", json!("JWT")), ProofFault::Type),
        ("no typ", draft().without("typ"), ProofFault::Type),
        (
            "at+jwt",
            draft().header("typ", json!("at+jwt")),
            ProofFault::Type,
        ),
        (
            "none",
            draft().header("alg", json!("none")),
            ProofFault::Malformed,
        ),
        (
            "hmac",
            draft().header("alg", json!("HS256")),
            ProofFault::Malformed,
        ),
        (
            "rs384",
            draft().header("alg", json!("RS384")),
            ProofFault::Algorithm,
        ),
        (
            "other alg",
            draft().header("alg", json!("ES384")),
            ProofFault::Signature,
        ),
        (
            "crit",
            draft().header("crit", json!(["x"])),
            ProofFault::Malformed,
        ),
        ("private", draft().header("jwk", private), ProofFault::Key),
        ("symmetric", draft().header("jwk", secret), ProofFault::Key),
        ("no key", draft().without("jwk"), ProofFault::Key),
        ("htm", claim("htm", json!("post")), ProofFault::Method),
        ("GET", claim("htm", json!("GET")), ProofFault::Method),
        ("no htm", draft().without("htm"), ProofFault::Claim),
        ("htm type", claim("htm", json!(["POST"])), ProofFault::Claim),
        (
            "htu",
            claim("htu", json!("https://api.example/other")),
            ProofFault::Url,
        ),
        (
            "http",
            claim("htu", json!("http://api.example/orders")),
            ProofFault::Url,
        ),
        ("no url", claim("htu", json!("/orders")), ProofFault::Url),
        ("no htu", draft().without("htu"), ProofFault::Claim),
        ("early", claim("iat", json!(NOW + 61)), ProofFault::Time),
        ("late", claim("iat", json!(NOW - 61)), ProofFault::Time),
        ("no iat", draft().without("iat"), ProofFault::Claim),
        (
            "iat type",
            claim("iat", json!("1700000000")),
            ProofFault::Claim,
        ),
        ("exp", claim("exp", json!(NOW)), ProofFault::Time),
        (
            "ath",
            claim("ath", json!(hash(b"b_other"))),
            ProofFault::Token,
        ),
        ("no ath", draft().without("ath"), ProofFault::Claim),
        ("no jti", draft().without("jti"), ProofFault::Claim),
        ("empty jti", claim("jti", json!("")), ProofFault::Claim),
        ("jti type", claim("jti", json!(1)), ProofFault::Claim),
    ] {
        let proof = lab.wallet.sign(&draft);
        let refused = lab.dpop("b_dpop", proof).await;
        assert_eq!(refused, Some(fault.into()), "{case}");
    }
    // None of them has used up the jti.
    assert_eq!(lab.dpop("b_dpop", lab.wallet.sign(&draft())).await, None);
}

#[tokio::test]
async fn spelling_of_the_url_and_the_edges_of_the_window_pass() {
    let lab = lab();
    for (number, (name, value)) in [
        ("htu", json!("HTTPS://API.example:443/%6frders?x#y")),
        ("htu", json!("https://api.example/x/../orders")),
        ("iat", json!(NOW - 60)),
        ("iat", json!(NOW + 60)),
        ("iat", json!(1_700_000_000.5)),
        ("nonce", json!("not asked for")),
    ]
    .into_iter()
    .enumerate()
    {
        let draft = lab.draft(&number.to_string()).claim(name, value.clone());
        let refused = lab.dpop("b_dpop", lab.wallet.sign(&draft)).await;
        assert_eq!(refused, None, "{name} {value}");
    }
}

#[tokio::test]
async fn changed_signature_and_missing_or_second_proof_are_refused() {
    let lab = lab();
    let proof = lab.wallet.sign(&lab.draft("a"));
    let forged = lab.wallet.sign(&lab.draft("b"));
    let (signed, _) = proof.rsplit_once('.').unwrap();
    let (_, signature) = forged.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{signature}");
    let refused = lab.dpop("b_dpop", forged).await;
    assert_eq!(refused, Some(ProofFault::Signature.into()));
    for (proofs, fault) in [
        (vec![], ProofFault::Missing),
        (vec![proof.clone(), proof.clone()], ProofFault::Repeated),
        (vec![String::new()], ProofFault::Malformed),
        (vec![format!("{proof},{proof}")], ProofFault::Malformed),
    ] {
        let shown = Shown {
            proofs,
            ..Shown::default()
        };
        let asked = lab.ask(&enforcing(), Scheme::Dpop, "b_dpop", &shown).await;
        assert_eq!(asked.err(), Some(fault.into()));
    }
    let shown = Shown {
        is_unclear: true,
        ..one(proof)
    };
    let asked = lab.ask(&enforcing(), Scheme::Dpop, "b_dpop", &shown).await;
    assert_eq!(asked.err(), Some(ProofFault::RequestUnknown.into()));
}

/// A thief of a token learns nothing of it by a key of its own: neither by what the answer says,
/// nor by a proof that has faults of its own.
#[tokio::test]
async fn stranger_s_key_is_answered_as_for_an_inactive_token() {
    let lab = lab();
    let stranger = Wallet::generate().unwrap();
    for token in ["b_dpop", "b_none"] {
        let draft = |jti| stranger.draft(token, jti, NOW);
        let good = lab.dpop(token, stranger.sign(&draft("a"))).await;
        let code = good.map(|fault| Refusal::from(fault).code());
        assert_eq!(code, Some("invalid_token"), "{token}");
        let late = draft("b").claim("iat", json!(NOW - 1000));
        let late = lab.dpop(token, stranger.sign(&late)).await;
        let code = late.map(|fault| Refusal::from(fault).code());
        assert_eq!(code, Some("invalid_token"), "{token}");
        let odd = lab
            .dpop(token, stranger.sign(&draft("c").without("typ")))
            .await;
        assert_eq!(odd, Some(ProofFault::Type.into()), "{token}");
    }
}

#[tokio::test]
async fn nonce_is_asked_for_taken_and_renewed() {
    let lab = lab();
    let policy = policy(Binding::Enforce, Some(300));
    let ask = async |draft: &Draft| {
        let shown = one(lab.wallet.sign(draft));
        lab.ask(&policy, Scheme::Dpop, "b_dpop", &shown).await
    };
    let Err(ClientFault::NonceNeeded { nonce }) = ask(&lab.draft("a")).await else {
        panic!("passed without a nonce")
    };
    // The refused proof is not used up.
    let with = |jti: &str, nonce: &str| lab.draft(jti).claim("nonce", json!(nonce));
    let allowed = ask(&with("a", &nonce)).await.unwrap();
    assert_eq!(allowed.nonce, None);
    lab.clock.advance(150);
    let renewed = ask(&with("b", &nonce)).await.unwrap().nonce.unwrap();
    assert_ne!(*renewed, *nonce);
    lab.clock.advance(150);
    let ended = ask(&with("c", &nonce)).await;
    assert!(matches!(ended, Err(ClientFault::NonceNeeded { .. })));
    assert!(ask(&with("d", &renewed)).await.is_ok());
    for odd in ["", "x", &format!("{renewed}A")] {
        let refused = ask(&with("e", odd)).await;
        assert!(
            matches!(refused, Err(ClientFault::NonceNeeded { .. })),
            "{odd}"
        );
    }
    let wrong = ask(&lab.draft("f").claim("nonce", json!(1))).await;
    assert_eq!(wrong.err(), Some(ProofFault::Claim.into()));
}

/// A proof is refused for as long as its time would be good.
#[tokio::test]
async fn proof_of_the_future_is_remembered_until_it_is_old() {
    let lab = lab();
    let draft = lab.draft("a").claim("iat", json!(NOW + 60));
    let proof = lab.wallet.sign(&draft);
    assert_eq!(lab.dpop("b_dpop", proof.clone()).await, None);
    for _ in 0..120 {
        lab.clock.advance(1);
        let refused = lab.dpop("b_dpop", proof.clone()).await;
        assert_eq!(refused, Some(ProofFault::Replayed.into()));
    }
    lab.clock.advance(1);
    let refused = lab.dpop("b_dpop", proof).await;
    assert_eq!(refused, Some(ProofFault::Time.into()));
}
