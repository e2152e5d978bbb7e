//! An issuer of JWT access tokens (RFC 9068), with its keys (RFC 7517) and metadata (RFC 8414).
//!
//! | request | answer |
//! |---|---|
//! | `GET /jwks` | the keys that are published |
//! | `GET /.well-known/oauth-authorization-server` | `issuer` and `jwks_uri` |
//! | `GET /.well-known/openid-configuration` | the same |
//!
//! It signs by ES256 with keys of its own, which it makes, publishes and takes back as it is told.

#![allow(
    clippy::expect_used,
    reason = "its tokens are for tests, where to panic is to fail"
)]

mod key;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

pub use key::{Key, compact};

use crate::stage::locked;
use crate::{Answer, Recorded, Vendor, fresh, path};

/// Audience of the sample.
pub const AUDIENCE: &str = "https://api.example.com";
/// Subject of the sample.
pub const SUBJECT: &str = "248289761001";

/// Issuer of JWT access tokens.
pub struct Issuer {
    state: Mutex<State>,
    served: AtomicU64,
}

struct State {
    issuer: String,
    /// Newest last.
    keys: Vec<Key>,
    published: Vec<Value>,
}

impl Issuer {
    /// Creates an issuer with one key, which is published.
    ///
    /// # Panics
    /// Panics if the system has no random bytes.
    pub fn new(issuer: &str) -> Self {
        let made = Self {
            state: Mutex::new(State {
                issuer: issuer.to_owned(),
                keys: Vec::new(),
                published: Vec::new(),
            }),
            served: AtomicU64::new(0),
        };
        made.rotate();
        made
    }

    /// Changes the issuer, in metadata and samples from now on.
    pub fn rename(&self, issuer: &str) {
        issuer.clone_into(&mut self.state().issuer);
    }

    /// Signs by a new key from now on, which is published, and the others no more.
    ///
    /// # Panics
    /// Panics if the system has no random bytes.
    pub fn rotate(&self) {
        self.renew();
        self.publish();
    }

    /// Signs by a new key from now on, which is not published.
    ///
    /// # Panics
    /// Panics if the system has no random bytes.
    pub fn renew(&self) {
        let key = Key::es256();
        self.state().keys.push(key);
    }

    /// Publishes the newest key alone.
    pub fn publish(&self) {
        let mut state = self.state();
        state.published = state.keys.last().map(Key::public).into_iter().collect();
    }

    /// Publishes the two newest keys, as an issuer does while it replaces one.
    pub fn publish_both(&self) {
        let mut state = self.state();
        let newest = state.keys.iter().rev().take(2);
        state.published = newest.map(Key::public).collect();
    }

    /// Publishes exactly these keys.
    pub fn publish_keys(&self, keys: Vec<Value>) {
        self.state().published = keys;
    }

    /// Returns how often the keys were given to whoever asked for them.
    pub fn served(&self) -> u64 {
        self.served.load(Relaxed)
    }

    /// Returns the JWK Set that is published.
    pub fn jwks(&self) -> Value {
        json!({"keys": self.state().published})
    }

    /// Claims of an access token that was issued at this moment.
    pub fn claims(&self, issued: i64) -> Value {
        json!({
            "iss": self.state().issuer,
            "aud": AUDIENCE,
            "sub": SUBJECT,
            "client_id": "shop",
            "scope": "read write",
            "iat": issued,
            "exp": issued + 3600,
            "jti": fresh::hex(16),
            "tenant": "blue",
        })
    }

    /// Signs these claims by the newest key, as an access token.
    ///
    /// # Panics
    /// Panics if the system has no random bytes.
    pub fn mint(&self, claims: &Value) -> String {
        self.mint_as(&json!({"typ": "at+jwt"}), claims)
    }

    /// Signs these claims by the newest key, with these members of the header besides `alg` and
    /// `kid`. Null removes one.
    ///
    /// # Panics
    /// Panics if the system has no random bytes, or the header is no object.
    pub fn mint_as(&self, header: &Value, claims: &Value) -> String {
        let state = self.state();
        let key = state.keys.last().expect("one key at least");
        key.sign(header, claims)
    }

    /// Signs these claims by a key that nobody knows, under the `kid` of the newest key.
    ///
    /// # Panics
    /// Panics if the system has no random bytes.
    pub fn forge(&self, claims: &Value) -> String {
        let kid = self.state().keys.last().map(|key| key.kid().to_owned());
        let forger = Key::es256().named(&kid.expect("one key at least"));
        forger.sign(&json!({"typ": "at+jwt"}), claims)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl Vendor for Issuer {
    fn answer(&self, request: &Recorded) -> Answer {
        let segments = path::resolved(request.path());
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if request.method != "GET" {
            return Answer::empty(405).with_header("allow", "GET");
        }
        match segments.as_slice() {
            ["jwks"] => {
                self.served.fetch_add(1, Relaxed);
                Answer::json(200, self.jwks())
            }
            [
                ".well-known",
                "oauth-authorization-server" | "openid-configuration",
            ] => {
                let issuer = self.state().issuer.clone();
                let jwks = format!("{issuer}/jwks");
                Answer::json(200, json!({"issuer": issuer, "jwks_uri": jwks}))
            }
            _ => Answer::html(404),
        }
    }
}
