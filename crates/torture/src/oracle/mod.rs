//! The oracle: it knows the true state of each token at each time, and judges every answer.

pub(crate) mod finding;
pub(crate) mod forgetting;
pub(crate) mod judge;
pub(crate) mod moment;
pub(crate) mod seen;
pub(crate) mod tally;
pub(crate) mod token;
pub(crate) mod weather;

mod knowledge;

pub(crate) use knowledge::Oracle;
