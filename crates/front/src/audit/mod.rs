//! Log lines and audit log of the decisions that matter.

mod event;
mod line;
mod request_id;
mod telling;
mod trace;

pub(crate) use event::{Call, Note, Outcome};
pub(crate) use telling::{Asked, Told};
pub use trace::REFUSALS;
