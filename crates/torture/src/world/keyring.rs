//! Signing keys of the issuer of JWTs: each second one begins to sign, and an old one is withdrawn.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use introspectd_simulators::jwt::{Issuer, Key};
use serde_json::{Value, json};

use crate::oracle::key::KeyLife;
use crate::oracle::moment::Watch;
use crate::oracle::token::Token;
use crate::world::forge::{self, Decoys};

/// Keys of an issuer, in the order in which they sign.
pub(crate) struct Keyring {
    watch: Watch,
    issuer: Arc<Issuer>,
    decoys: Decoys,
    ring: Mutex<Ring>,
}

struct Ring {
    /// Keys that signed, the one that signs, and those that will.
    line: VecDeque<Arc<SigningKey>>,
    /// Keys out of turn that signed before they were published.
    hasty: VecDeque<Arc<SigningKey>>,
    /// Keys out of turn that are not published yet.
    unpublished: Vec<Arc<SigningKey>>,
    made: u64,
}

/// Key of the issuer.
struct SigningKey {
    key: Key,
    life: Arc<KeyLife>,
}

/// Rotations for which a key is published before it signs: more seconds than introspectd may need
/// to fetch it, so that no good token is ever signed by a key that it cannot know.
const AHEAD: usize = 12;
/// Rotations for which a key is published after it signed.
const BEHIND: usize = 25;

impl Keyring {
    /// Makes the keys of this issuer, and publishes them.
    pub(super) fn new(watch: Watch, issuer: Arc<Issuer>) -> Self {
        let line = (0..=BEHIND + AHEAD).map(|number| {
            Arc::new(SigningKey {
                key: key(u64::try_from(number).unwrap_or_default()),
                life: Arc::new(KeyLife::from_the_start()),
            })
        });
        let ring = Ring {
            line: line.collect(),
            hasty: VecDeque::new(),
            unpublished: Vec::new(),
            made: 0,
        };
        let keyring = Self {
            watch,
            issuer,
            decoys: Decoys::new(),
            ring: Mutex::new(ring),
        };
        keyring.show(&keyring.locked());
        keyring
    }

    /// Has the next key sign from now on, publishes another one, and withdraws the oldest.
    pub(crate) fn rotate(&self) {
        let mut ring = self.locked();
        let new = ring.make();
        ring.line.push_back(Arc::clone(&new));
        let mut old: Vec<_> = ring.line.pop_front().into_iter().collect();
        let too_many = ring.hasty.len().saturating_sub(BEHIND);
        old.extend(ring.hasty.drain(..too_many));
        self.replace(&ring, &[new], &old);
    }

    /// Signs a token by the key of the moment, or by one that is published later.
    pub(crate) fn sign(&self, token: &mut Token, claims: &Value, hastily: bool) {
        let key = {
            let mut ring = self.locked();
            if hastily {
                let key = ring.make();
                ring.unpublished.push(Arc::clone(&key));
                Some(key)
            } else {
                ring.signing()
            }
        };
        if let Some(SigningKey { key, life }) = key.as_deref() {
            token.value = key.sign(&json!({"typ": "at+jwt"}), claims);
            token.key = Some(Arc::clone(life));
        }
    }

    /// A token that was never good.
    pub(crate) fn forge(&self, rng: &mut Rng, wall: Duration) -> Option<Token> {
        let signing = self.locked().signing()?;
        forge::forged(rng, &signing.key, &self.decoys, wall)
    }

    /// Publishes the key of a token, if it is not.
    pub(super) fn publish(&self, token: &Token) {
        let mut ring = self.locked();
        let signed_it = |key: &Arc<SigningKey>| key.has_signed(token);
        if let Some(place) = ring.unpublished.iter().position(signed_it) {
            let key = ring.unpublished.swap_remove(place);
            ring.hasty.push_back(Arc::clone(&key));
            self.replace(&ring, &[key], &[]);
        }
    }

    /// Withdraws the key of a token at once, and so all tokens that it signed.
    pub(super) fn withdraw(&self, token: &Token) {
        let ring = self.locked();
        // One in line keeps its place, so that no other signs earlier than it should.
        let mut keys = ring.line.iter().chain(&ring.hasty);
        let key = keys.find(|key| key.has_signed(token)).cloned();
        if let Some(key) = key {
            self.replace(&ring, &[], &[key]);
        }
    }

    /// Publishes what is on the ring now, and notes what that means for some keys.
    fn replace(&self, ring: &Ring, new: &[Arc<SigningKey>], old: &[Arc<SigningKey>]) {
        let before = self.watch.at();
        for key in old {
            key.life.withdrawing(before);
        }
        self.show(ring);
        let after = self.watch.at();
        for key in old {
            key.life.withdrawn(after);
        }
        for key in new {
            key.life.published(after);
        }
    }

    fn show(&self, ring: &Ring) {
        let keys = ring.line.iter().chain(&ring.hasty);
        let good = keys.filter(|key| key.life.span().withdrawing.is_none());
        let good = good.map(|key| key.key.public());
        self.issuer
            .publish_keys(self.decoys.public().into_iter().chain(good).collect());
    }

    fn locked(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn signing(&self) -> Option<Arc<SigningKey>> {
        self.line.get(BEHIND).cloned()
    }

    fn make(&mut self) -> Arc<SigningKey> {
        self.made += 1;
        Arc::new(SigningKey {
            key: key(self.made),
            life: Arc::new(KeyLife::unpublished()),
        })
    }
}

impl SigningKey {
    fn has_signed(&self, token: &Token) -> bool {
        let key = token.key.as_ref();
        key.is_some_and(|key| Arc::ptr_eq(key, &self.life))
    }
}

/// Keys of both kinds in turn.
fn key(number: u64) -> Key {
    if number.is_multiple_of(2) {
        Key::es256()
    } else {
        Key::eddsa()
    }
}
