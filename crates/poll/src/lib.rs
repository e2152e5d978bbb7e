//! Polls transmitters for security events (RFC 8936).
//!
//! A [`Poller`] asks one transmitter, hands each token to the service, and acknowledges it with
//! the next request. A token that could not be acted upon is neither acknowledged nor refused: the
//! transmitter sends it again.

#![warn(missing_docs)]

mod poller;

pub use poller::{Current, Poller};
