//! Operations: each takes the caller and a request, and returns an answer or a refusal.
//!
//! Who presents them (HTTP, gRPC) authenticates the caller, checks the permission, and reads the
//! request. [`Details`](crate::Details) are filled in on the way, whatever becomes of the request.

mod bind;
mod decide;
mod detached;
mod explain;
mod introspect;
mod issue;
mod list;
mod lookup;
mod prove;
mod providers;
mod purge;
mod receive;
mod revoke;

pub use bind::{BindRequest, bind};
pub use decide::{Allowed, bearer_token, decide};
pub use explain::{Explained, Lacks, Verdict, explain};
pub use introspect::{Introspected, Subject, TokenQuery, introspect};
pub use issue::issue;
pub use list::{Page, list};
pub use lookup::{FoundRecord, lookup};
pub use providers::providers;
pub use purge::{PurgeRequest, Purged, purge};
pub use receive::{RevocationSender, log_out, receive_polled, receive_pushed, revoke_subject};
pub use revoke::{revoke, revoke_by_id};
