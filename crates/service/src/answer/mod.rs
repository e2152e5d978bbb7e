//! Answers about tokens, as they are kept in the cache: written, cut, searched and read here only.

mod claims;
mod kept;
mod record;

pub use claims::Claims;
pub use kept::{KeptAnswer, SharedAnswer};
pub use record::Record;
