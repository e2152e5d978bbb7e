//! Troubles of a fleet's Redis and of the ways to it.

use std::time::Duration;

use fastrand::Rng;
use introspectd_redis_lab::State;

use crate::cast::Replica;
use crate::plan::{Step, deal, millis};
use crate::world::Trouble;

/// State of one replica's way to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) replica: Replica,
    pub(crate) state: State,
}

impl Way {
    pub(crate) const fn title(self) -> &'static str {
        match self.state {
            State::Whole => "whole",
            State::Slow(_) => "slow",
            State::Hanging => "hanging",
            State::Deaf => "deaf",
            State::Cut => "cut",
        }
    }
}

/// States in which a way is not well: slower than the share of a request, or not much slower than
/// usual, or closed.
const STATES: [State; 5] = [
    State::Slow(Duration::from_millis(20)),
    State::Slow(Duration::from_millis(500)),
    State::Hanging,
    State::Deaf,
    State::Cut,
];

/// Troubles of Redis itself, each kind once before any comes again.
pub(crate) fn troubles(mut rng: Rng) -> impl Iterator<Item = Step<Trouble>> + Send {
    let mut deck = Vec::new();
    std::iter::repeat_with(move || Step {
        pause: millis(&mut rng, 1500..5000),
        what: deal(&mut rng, &mut deck, &Trouble::ALL).unwrap_or(Trouble::Hang),
        hold: millis(&mut rng, 500..4000),
    })
}

/// States of the ways of so many replicas, each once before any comes again.
pub(crate) fn ways(mut rng: Rng, replicas: usize) -> impl Iterator<Item = Step<Way>> + Send {
    let all = move || {
        let one = |replica| move |state| Way { replica, state };
        (0..replicas).flat_map(move |number| STATES.map(one(Replica(number))))
    };
    let all: Vec<Way> = all().collect();
    let mut deck = Vec::new();
    std::iter::from_fn(move || {
        Some(Step {
            pause: millis(&mut rng, 100..1500),
            what: deal(&mut rng, &mut deck, &all)?,
            hold: millis(&mut rng, 500..4000),
        })
    })
}
