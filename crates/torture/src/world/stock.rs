//! Tokens to ask about: live ones, ended ones, and values that no provider ever gave.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use fastrand::Rng;

use crate::cast::Which;
use crate::oracle::token::Token;
use crate::world::issue;

/// Tokens in circulation, by provider.
#[derive(Default)]
pub(crate) struct Stock {
    shelves: [RwLock<Shelf>; 5],
}

#[derive(Default)]
struct Shelf {
    /// Newest last.
    tokens: VecDeque<Arc<Token>>,
}

/// Tokens of each provider. What is older leaves, ended or not.
const CIRCULATING: usize = 240;
/// The same for JWTs: forged ones are among them, and keys are withdrawn after a while.
const CIRCULATING_JWTS: usize = 480;

impl Stock {
    /// Puts a token into circulation, and returns the one that leaves for it.
    pub(crate) fn add(&self, token: &Arc<Token>) -> Option<Arc<Token>> {
        let mut shelf = self
            .shelf(token.provider)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shelf.tokens.push_back(Arc::clone(token));
        let most = if token.provider.is_local() {
            CIRCULATING_JWTS
        } else {
            CIRCULATING
        };
        (shelf.tokens.len() > most)
            .then(|| shelf.tokens.pop_front())
            .flatten()
    }

    /// Any token of this provider; newer ones more often.
    pub(crate) fn any(&self, rng: &mut Rng, provider: Which) -> Option<Arc<Token>> {
        let shelf = self
            .shelf(provider)
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let count = shelf.tokens.len();
        let age = rng.usize(..count.max(1)).min(rng.usize(..count.max(1)));
        shelf.tokens.get(count.checked_sub(age + 1)?).cloned()
    }

    /// A value with the form of this provider's tokens that is none of them. Some are asked about
    /// again and again.
    pub(crate) fn made_up(rng: &mut Rng, provider: Which) -> String {
        if rng.bool() {
            return issue::value(rng, provider);
        }
        issue::value(&mut Rng::with_seed(rng.u64(..50)), provider)
    }

    fn shelf(&self, provider: Which) -> &RwLock<Shelf> {
        let [bank, legacy, apis, sso, corp] = &self.shelves;
        match provider {
            Which::Bank => bank,
            Which::Legacy => legacy,
            Which::Apis => apis,
            Which::Sso => sso,
            Which::Corp => corp,
        }
    }
}
