use std::hint::black_box;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use introspectd_core::{Clock, SystemClock};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};

use crate::answer::{BOUND, BOUND_POLICY, BOUND_URL, Endpoint};
use crate::client::Plan;
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Key, Ledger, Load, Metric};
use crate::running::Running;
use crate::subject::Subject;

/// Clients, each with a key and a token of its own.
const CLIENTS: usize = 32;
/// Requests of each, within what is remembered of one key.
const REQUESTS: usize = 600;
const PLAIN: u64 = 1_000;

/// Decisions about tokens that are bound to a key, each with a proof that is made beforehand, and
/// beside them plain decisions and bare verifications of the same signatures.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    (0..lab.rounds).try_for_each(|round| one_round(lab, round, ledger))
}

/// Client with a key.
struct Client {
    key: EcdsaKeyPair,
    token: String,
}

/// Proof, and what its signature is of.
struct Proof {
    shown: String,
    signed: String,
    signature: Vec<u8>,
    client: usize,
}

fn one_round(lab: &Lab, round: usize, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let policy = format!(
        "[policies.{BOUND_POLICY}]\nrequest = {{ method = \"X-Method\", url = [\"X-Url\"] }}\n"
    );
    let running = Running::start_with(lab, authority.port, &policy)?;
    let prefix = lab.prefix();
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|number| Client::create(&format!("{prefix}{number}")))
        .collect::<Result<_>>()?;
    // The first of each client fills the cache.
    let proofs = proofs(&clients, round)?;
    let (first, rest) = proofs.split_at(CLIENTS);
    drive(&running, Endpoint::Bound, first.len(), &|at| {
        shown(first, at)
    })?;
    let bound = drive(&running, Endpoint::Bound, rest.len(), &|at| shown(rest, at))?;

    let plain = |at: u64| crate::answer::token(&prefix, at % PLAIN);
    drive(&running, Endpoint::ForwardAuth, CLIENTS * REQUESTS, &plain)?;
    let plain = drive(&running, Endpoint::ForwardAuth, CLIENTS * REQUESTS, &plain)?;

    let bare = verify(&clients, rest)?;
    crate::output::print_status(&format!(
        "  DPoP {bound:.1} µs, plain {plain:.1} µs, bare verification {bare:.1} µs"
    ));
    let mut add = |load, value| {
        ledger.add(Key(Subject::Introspectd, load, Metric::Value), value);
    };
    add(Load::Bound, bound);
    add(Load::BoundAtLeast, plain + bare);
    Ok(())
}

fn shown(proofs: &[Proof], at: u64) -> String {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    proofs
        .get(at)
        .map_or_else(String::new, |proof| proof.shown.clone())
}

/// CPU time of the server for each request, in microseconds. Every answer has to let pass.
fn drive(
    running: &Running,
    endpoint: Endpoint,
    requests: usize,
    token: &dyn Fn(u64) -> String,
) -> Result<f64> {
    let plan = Plan {
        port: running.port,
        endpoint,
        connections: 16,
        requests: requests as u64,
        rate: None,
        timeout: Duration::from_secs(50),
        token,
    };
    let spent = running.cpu();
    let report = plan.run()?;
    let spent = running.cpu().saturating_sub(spent);
    report
        .all_active(requests as u64)
        .map_err(|why| Failure::new(format!("a decision was refused: {why}")))?;
    Ok(spent.as_secs_f64() * 1e6 / requests as f64)
}

/// Time of a verification by ring alone, in microseconds.
fn verify(clients: &[Client], proofs: &[Proof]) -> Result<f64> {
    let begun = Instant::now();
    for proof in proofs {
        let client = clients.get(proof.client);
        let client = client.ok_or_else(|| Failure::new("a proof of nobody"))?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, client.key.public_key());
        let verified = key.verify(proof.signed.as_bytes(), black_box(&proof.signature));
        verified.map_err(|_| Failure::new("a signature is wrong"))?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / proofs.len() as f64)
}

fn proofs(clients: &[Client], round: usize) -> Result<Vec<Proof>> {
    let now = SystemClock::default().now().seconds();
    let all = (0..REQUESTS).flat_map(|turn| (0..clients.len()).map(move |client| (turn, client)));
    all.filter_map(|(turn, place)| Some((turn, place, clients.get(place)?)))
        .map(|(turn, place, client)| client.proof(place, &format!("{round}-{turn}"), now))
        .collect()
}

impl Client {
    fn create(name: &str) -> Result<Self> {
        let failed = |_| Failure::new("no key");
        let (curve, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(curve, &random).map_err(failed)?;
        let key = EcdsaKeyPair::from_pkcs8(curve, pkcs8.as_ref(), &random);
        let key = key.map_err(|_| Failure::new("no key"))?;
        let (x, y) = coordinates(&key);
        let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let token = format!("{name}{BOUND}{}", hash(jwk.as_bytes()));
        Ok(Self { key, token })
    }

    fn proof(&self, client: usize, jti: &str, now: i64) -> Result<Proof> {
        let (x, y) = coordinates(&self.key);
        let ath = hash(self.token.as_bytes());
        let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#);
        let claims = format!(
            r#"{{"jti":"{jti}","htm":"GET","htu":"{BOUND_URL}","iat":{now},"ath":"{ath}"}}"#
        );
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| Failure::new("no signature"))?;
        let signature = signature.as_ref().to_vec();
        let encoded = URL_SAFE_NO_PAD.encode(&signature);
        Ok(Proof {
            shown: format!("{}\r\nDPoP: {signed}.{encoded}", self.token),
            signed,
            signature,
            client,
        })
    }
}

fn coordinates(key: &EcdsaKeyPair) -> (String, String) {
    // Uncompressed: 4, x, y.
    let point = key.public_key().as_ref();
    let (x, y) = point.split_at(point.len().div_ceil(2));
    let x = x.strip_prefix(&[4]).unwrap_or(x);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}
