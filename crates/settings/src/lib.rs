//! Typed reading of a configuration tree that reports every problem at once.
//!
//! A [`Section`] is one table. The owner of a part of the configuration reads typed values from its
//! section; a value that is missing, of the wrong type or out of bounds is recorded in the
//! [`Ledger`] with its file, line, key and remedy, and reading goes on. A key that no owner read is
//! a problem too, reported with the nearest known key. Values read, defaults included, are recorded
//! as well: `introspectd check` prints them, with secrets masked.

#![warn(missing_docs)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the values of `config` have eleven kinds, of which a reader wants one"
)]

mod document;
mod environment;
mod ledger;
mod load;
mod overlay;
mod read;
mod secret;
mod section;
mod value;

pub use environment::Environment;
pub use ledger::{Digest, Ledger, Problem, Problems, Setting};
pub use load::{load, load_named, parse_named};
pub use secret::{CallerSecret, Secret};
pub use section::{Entry, Section, resembling};
pub use value::AnyValue;
