//! Tokens, scopes, providers and their failures: meaning, without IO or wire formats.
//!
//! All other crates use these types: a [`Provider`] is asked about a [`TokenValue`] (or a
//! [`TokenId`]) and returns either a definite [`Introspection`] or a [`Failure`], which says
//! nothing about the token. The two are different types, so that a failure can never be read as
//! "inactive".

#![warn(missing_docs)]

mod aside;
pub mod ask;
mod clock;
mod doubt;
mod failure;
mod health;
mod json;
mod listing;
mod name;
mod priority;
mod provider;
mod redact;
mod scope;
mod secret;
mod selection;
mod selector;
mod tally;
pub mod text;
mod token;
pub mod trace;
mod usage;
mod window;

pub use aside::Aside;
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use doubt::{Doubt, DoubtHandler};
pub use failure::{
    BadAnswer, BindingsFailed, Failure, Outage, ProxyFault, SignedFault, Unreachable,
};
pub use health::{Health, HealthRecord};
pub use json::{Json, Members, RawMembers, whole_seconds};
pub use listing::{Batch, Filters, Instant, Listing, Order, Position, User};
pub use name::{InvalidName, ProviderName};
pub use priority::{give_way, run_while_idle};
pub use provider::{
    Binding, Bindings, Bound, Capabilities, Found, Issuance, Issued, Kept, Lists, Provider,
    Records, Remembered, Revocation, RevocationById, Revocations, Revoked,
};
pub use scope::{Scope, ScopeSet};
pub use secret::{TokenId, TokenRejected, TokenValue};
pub use selection::Selection;
pub use selector::{Selector, Target};
pub use tally::{Count, PerThread};
pub use token::{Audience, Expiry, Introspection, Object, State, Status, Token, Validity};
pub use usage::{NotBearer, decides_use};
pub use window::{CreationKey, Window};
