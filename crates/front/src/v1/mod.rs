//! Operators' endpoints: list, look up, revoke, purge, bind, issue, explain, providers.

mod bind;
mod explain;
mod issue;
mod list;
mod lookup;
mod providers;
mod purge;
mod revoke;

pub(crate) use bind::bind;
pub(crate) use explain::explain;
pub(crate) use issue::issue;
pub(crate) use list::list;
pub(crate) use lookup::lookup;
pub(crate) use providers::providers;
pub(crate) use purge::purge;
pub(crate) use revoke::{revoke, revoke_by_id};
