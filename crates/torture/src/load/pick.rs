//! The next request: which way, as whom, about which token. Decided by the seed alone.

use std::sync::Arc;

use fastrand::Rng;

use crate::cast::{Caller, Replica, Which};
use crate::load::Way;
use crate::oracle::judge::Question;
use crate::oracle::token::Token;
use crate::world::Stock;

/// A request to send.
pub(crate) struct Request {
    pub(crate) way: Way,
    /// Value of the token.
    pub(crate) value: String,
    pub(crate) question: Question,
}

/// Shares of the ways, in percent.
const WAYS: [(u8, Way); 5] = [
    (40, Way::Introspect),
    (55, Way::Unix),
    (65, Way::Tls),
    (85, Way::ForwardAuth),
    (100, Way::Grpc),
];

/// Shares of the callers, in percent. The Unix socket has its own.
const CALLERS: [(u8, Caller); 6] = [
    (66, Caller::Edge),
    (78, Caller::Branch),
    (90, Caller::Guest),
    (94, Caller::Metered),
    (97, Caller::Clerk),
    (100, Caller::Stranger),
];

/// Share of tokens that nobody ever issued, in percent.
const MADE_UP: u8 = 4;
/// The same of JWTs, each of which names a key that may be a new one.
const MADE_UP_JWTS: u8 = 12;

/// Decides by numbers of its own, so that the tokens that there are move no later decision.
pub(crate) fn next(rng: &mut Rng, stock: &Stock, replicas: usize) -> Request {
    request(&mut rng.fork(), stock, replicas)
}

fn request(rng: &mut Rng, stock: &Stock, replicas: usize) -> Request {
    let way = by_share(rng, &WAYS).unwrap_or(Way::Introspect);
    let caller = match way {
        Way::Unix => Caller::Sidecar,
        Way::Introspect | Way::Tls | Way::ForwardAuth | Way::Grpc => {
            by_share(rng, &CALLERS).unwrap_or(Caller::Edge)
        }
    };
    let provider = Which::ALL
        .get(rng.usize(..Which::ALL.len()))
        .copied()
        .unwrap_or(Which::Sso);
    let made_up = if provider.is_local() {
        MADE_UP_JWTS
    } else {
        MADE_UP
    };
    let token: Option<Arc<Token>> = if rng.u8(..100) < made_up {
        None
    } else {
        stock.any(rng, provider)
    };
    let value = match &token {
        Some(token) => token.value.clone(),
        None => Stock::made_up(rng, provider),
    };
    let replica = Replica(rng.usize(..replicas.max(1)));
    Request {
        way,
        value,
        question: Question {
            replica,
            caller,
            decides: matches!(way, Way::ForwardAuth | Way::Grpc),
            provider,
            token,
        },
    }
}

fn by_share<T: Copy>(rng: &mut Rng, shares: &[(u8, T)]) -> Option<T> {
    let place = rng.u8(..100);
    let share = shares.iter().find(|(upper, _)| place < *upper);
    share.map(|(_, of)| *of)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cast::METERED;
    use crate::plan::stream;

    fn decisions(seed: u64, stock: &Stock) -> Vec<(Way, Caller, Which)> {
        let mut rng = stream(seed, "load");
        let requests = std::iter::repeat_with(|| next(&mut rng, stock, 3));
        let decision = |it: Request| (it.way, it.question.caller, it.question.provider);
        requests.map(decision).take(1000).collect()
    }

    #[test]
    fn seed_repeats_all_decisions_whatever_tokens_there_are() {
        let (empty, full) = (Stock::default(), Stock::default());
        let mut rng = Rng::with_seed(1);
        for provider in Which::ALL.into_iter().cycle().take(100) {
            let (token, _) = crate::world::new_token(&mut rng, provider, Duration::ZERO);
            full.add(&Arc::new(token));
        }
        assert_eq!(decisions(7, &empty), decisions(7, &full));
        assert_ne!(decisions(7, &empty), decisions(8, &empty));
    }

    #[test]
    fn metered_caller_sends_its_share() {
        let metered = decisions(7, &Stock::default());
        let metered = metered.iter().filter(|it| it.1 == Caller::Metered).count();
        assert!(
            (15..60).contains(&metered),
            "{metered} in 1000, for {METERED}"
        );
    }
}
