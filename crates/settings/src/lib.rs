//! Reads a configuration tree into valid types and reports every problem at once.
//!
//! A [`Section`] is one table. Whoever owns a part of the configuration asks its section for typed
//! values; a value that is missing, of the wrong type or out of bounds is noted in the [`Ledger`]
//! with its file, key and remedy, and reading goes on. A key that nobody asked for is a problem too,
//! with the nearest key that somebody did. What was read, defaults included, is noted as well: that
//! is what `introspectd check` prints, with secrets masked.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the values of `config` have eleven kinds, of which a reader wants one"
)]

mod ledger;
mod overlay;
mod read;
mod secret;
mod section;
mod tree;

pub use ledger::{Ledger, Problem, Problems, Setting};
pub use secret::{CallerSecret, Secret};
pub use section::{Entry, Section, resembling};
pub use tree::{Environment, load, load_named, parse_named};
