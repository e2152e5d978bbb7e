//! Issuer of JWTs: mints them, and publishes its keys.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

use crate::answer::{AUDIENCE, SCOPE};
use crate::failure::{Failure, Result, Tried};
use crate::ledger::Signature;

/// `iss` of all its tokens.
pub(crate) const ISSUER: &str = "https://issuer.example.org";

/// RSA key of 2048 bits: ring makes none.
const RSA: &[u8] = include_bytes!("rsa.pk8");

/// Keys of the issuer.
pub(crate) struct Issuer {
    p256: EcdsaKeyPair,
    rsa: RsaKeyPair,
    random: SystemRandom,
    /// Text that makes each answer as long as all others.
    pub(crate) padding: usize,
}

impl Issuer {
    pub(crate) fn new() -> Result<Self> {
        let random = SystemRandom::new();
        let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let failed = |_| Failure::new("cannot make keys");
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(curve, &random).map_err(failed)?;
        let p256 = EcdsaKeyPair::from_pkcs8(curve, pkcs8.as_ref(), &random);
        let rsa = RsaKeyPair::from_pkcs8(RSA);
        Ok(Self {
            p256: p256.map_err(|why| Failure::new(why.to_string()))?,
            rsa: rsa.map_err(|why| Failure::new(why.to_string()))?,
            random,
            padding: 0,
        })
    }

    /// Returns its keys as a JWK Set.
    pub(crate) fn jwks(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = self.p256.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at(32);
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        format!(
            r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"ES256","x":"{}","y":"{}"}},{{"kty":"RSA","kid":"RS256","n":"{}","e":"{}"}}]}}"#,
            encode(x),
            encode(y),
            encode(&n),
            encode(&e)
        )
    }

    /// Writes the set into this folder, and returns the section of a provider that reads it.
    pub(crate) fn section(&self, folder: &Path) -> Result<String> {
        let file = folder.join("jwks.json");
        std::fs::write(&file, self.jwks()).tried(file.display())?;
        Ok(section(&format!("{{ file = \"{}\" }}", file.display())))
    }

    /// Mints the token of this number, under this `kid` in place of its own.
    pub(crate) fn mint(&self, by: Signature, number: u64, kid: Option<&str>) -> Result<String> {
        #[allow(
            clippy::disallowed_methods,
            reason = "the measured process has the system's clock"
        )]
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let (name, padding) = (by.name(), "x".repeat(self.padding));
        let kid = kid.unwrap_or(name);
        let header = format!(r#"{{"alg":"{name}","kid":"{kid}","typ":"at+jwt"}}"#);
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"user-{number:010}","client_id":"s6BhdRkqt3","scope":"{SCOPE}","iat":{now},"exp":{},"jti":"{number:016x}","pad":"{padding}"}}"#,
            now + 6 * 60 * 60
        );
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let failed = |_| Failure::new("cannot sign");
        let signature = match by {
            Signature::Es256 => {
                let signature = self.p256.sign(&self.random, signed.as_bytes());
                signature.map_err(failed)?.as_ref().to_vec()
            }
            Signature::Rs256 => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa
                    .sign(
                        &RSA_PKCS1_SHA256,
                        &self.random,
                        signed.as_bytes(),
                        &mut signature,
                    )
                    .map_err(failed)?;
                signature
            }
        };
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Verifies a token by ring, and does nothing else with it.
    pub(crate) fn verify(&self, by: Signature, token: &str) -> Result<()> {
        let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
        let signature = URL_SAFE_NO_PAD.decode(signature).tried("a signature")?;
        let verified = match by {
            Signature::Es256 => {
                let key = self.p256.public_key();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
                    .verify(signed.as_bytes(), &signature)
            }
            Signature::Rs256 => PublicKeyComponents::<Vec<u8>>::from(self.rsa.public()).verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed.as_bytes(),
                &signature,
            ),
        };
        verified.map_err(|_| Failure::new("a token that was just minted is not verified"))
    }
}

/// Encodes a part of a token.
pub(crate) fn encode(part: &str) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// Section of a provider that takes its keys from there.
pub(crate) fn section(jwks: &str) -> String {
    format!(
        "[providers.issuer]\nkind = \"jwt\"\nissuer = \"{ISSUER}\"\naudience = [\"{AUDIENCE}\"]\n\
         jwks = {jwks}\n"
    )
}

/// Server of the keys, which counts how often it is asked. It ends with the process.
pub(crate) struct KeyServer {
    pub(crate) port: u16,
    asked: Arc<AtomicU64>,
}

impl KeyServer {
    pub(crate) fn start(jwks: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).tried("a port")?;
        let port = listener.local_addr().tried("a port")?.port();
        let asked = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&asked);
        std::thread::spawn(move || {
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{jwks}",
                jwks.len()
            );
            for mut stream in listener.incoming().flatten() {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                let mut head = [0; 4096];
                if matches!(stream.read(&mut head), Ok(1..)) {
                    counted.fetch_add(1, Relaxed);
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
        });
        Ok(Self { port, asked })
    }

    /// Number of requests so far.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }
}
