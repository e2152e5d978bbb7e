use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use introspectd_jose::{Algorithm, Jwk, JwkSet, Signer};
use ring::signature::Ed25519KeyPair;
use serde_json::{Value, json};

/// Keys that `testdata/mint.py` made, by name.
pub(crate) static KEYS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../testdata/keys.json")).unwrap());

/// Key and the algorithms that it verifies.
pub(crate) const NAMES: [(&str, &[Algorithm]); 4] = [
    (
        "rsa",
        &[
            Algorithm::Rs256,
            Algorithm::Rs384,
            Algorithm::Rs512,
            Algorithm::Ps256,
            Algorithm::Ps384,
            Algorithm::Ps512,
        ],
    ),
    ("p256", &[Algorithm::Es256]),
    ("p384", &[Algorithm::Es384]),
    ("ed25519", &[Algorithm::EdDsa]),
];

/// Payload of [`mint`]ed tokens.
pub(crate) const PAYLOAD: &[u8] = br#"{"iss":"https://issuer.example"}"#;

/// Name of the key that verifies this algorithm.
pub(crate) fn key_of(algorithm: Algorithm) -> &'static str {
    let mut names = NAMES.iter();
    names.find(|(_, all)| all.contains(&algorithm)).unwrap().0
}

pub(crate) fn public(name: &str) -> Value {
    KEYS[name]["public"].clone()
}

pub(crate) fn private(name: &str) -> Value {
    KEYS[name]["private"].clone()
}

pub(crate) fn jwk(value: &Value) -> Jwk {
    Jwk::parse(value.to_string().as_bytes()).unwrap()
}

pub(crate) fn set(keys: &[Value]) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// Set of all public keys.
pub(crate) fn all() -> JwkSet {
    set(&NAMES.map(|(name, _)| public(name)))
}

pub(crate) fn signer(algorithm: Algorithm) -> Signer {
    let key = private(key_of(algorithm)).to_string();
    Signer::from_jwk(key.as_bytes(), algorithm).unwrap()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Signs any header by the Ed25519 key, so that nothing else is wrong with the token.
pub(crate) fn mint(header: &str) -> String {
    mint_with(header, PAYLOAD)
}

pub(crate) fn mint_with(header: &str, payload: &[u8]) -> String {
    sign(&format!("{}.{}", encode(header), encode(payload)))
}

/// Adds the signature to header and payload, whatever they are.
pub(crate) fn sign(signed: &str) -> String {
    let key = private("ed25519");
    let part = |name: &str| decode(key[name].as_str().unwrap());
    let pair = Ed25519KeyPair::from_seed_and_public_key(&part("d"), &part("x")).unwrap();
    format!("{signed}.{}", encode(pair.sign(signed.as_bytes())))
}
