//! Which token id a token stands for, for a provider that is asked by id alone; and which tokens were revoked.
//!
//! [`StoredBindings`] keeps both in a file, over restarts and crashes; [`MemoryBindings`] until the process ends. Neither
//! holds a token: what is kept is a keyed hash of it. Both forget a binding at the end of its token.

mod disk;
mod keys;
mod memory;
mod open;
mod remembered;
mod store;
mod stored;

pub use memory::MemoryBindings;
pub use open::OpenFailed;
pub use stored::StoredBindings;
