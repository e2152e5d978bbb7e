//! Stores of bindings (which record each token of a lookup-by-id provider belongs to) and of
//! revocations.
//!
//! [`StoredBindings`] keeps both in a file that survives restarts and crashes, [`MemoryBindings`]
//! until the process ends. Neither holds a token, only keyed hashes. A binding expires with its
//! token. [`Threaded`] makes either asynchronous, on a bounded number of threads.

mod blocking;
mod disk;
mod keys;
mod memory;
mod open;
mod revocation_map;
mod store;
mod stored;
mod threaded;

pub use blocking::{BlockingBindings, BlockingRevocations};
pub use memory::MemoryBindings;
pub use open::OpenFailed;
pub use stored::StoredBindings;
pub use threaded::Threaded;
