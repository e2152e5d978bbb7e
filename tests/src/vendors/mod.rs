//! Differences between vendors: one file each, all with the same parts.

mod apigee;
mod described;
mod jwt;
mod passport;
mod rfc7662;
mod tibco_asg;

use std::net::SocketAddr;
use std::time::SystemTime;

use http::header::CONTENT_TYPE;
use http::{Request, request};
use introspectd_simulators::{Answer, Vendor};
use serde_json::Value;

use crate::Sent;

pub use apigee::Apigee;
pub use described::Described;
pub use jwt::Jwt;
pub use passport::Passport;
pub use rfc7662::Rfc7662;
pub use tibco_asg::TibcoAsg;

/// Lines of a provider's section with which each fault is seen as it is.
const SINGLE_FAULTS: &str = "retry = \"off\"\nbreaker = \"off\"";

/// One vendor, as the tests of all vendors need to know it.
///
/// An identifier is what a client has in hand: a token, or for a vendor that is asked by id, an id.
pub trait Fixture: Send + Sync + 'static {
    /// Simulator of the vendor.
    type Server: Vendor;

    /// The name that its provider is given.
    const PROVIDER: &'static str;
    /// The documented sample, alive.
    const ACTIVE: &'static str;
    /// Past its end, and still in a good state.
    const STALE: &'static str;
    /// Revoked token.
    const REVOKED: &'static str;
    /// Token that never existed.
    const UNKNOWN: &'static str;
    /// Tokens in other states that are not good.
    const NOT_GOOD: &'static [&'static str];
    /// Members of the record without which it is no answer.
    const REQUIRED: &'static [&'static str];
    /// Members that decide, so that none may stand twice.
    const DECIDING: &'static [&'static str];
    /// Members without which, or with null in their place, the answer says less.
    const OPTIONAL: &'static [&'static str];
    /// Members of the record in which an echo of the presented token must be dropped.
    const ECHOES: &'static [&'static str];
    /// Members that hold secrets.
    const SECRETS: &'static [&'static str];
    /// Our credential with this vendor.
    const CREDENTIAL: &'static str;
    /// True if tokens are judged before the server is asked, so that no other text is sent.
    const JUDGES: bool = false;

    /// A simulator whose clock starts there.
    fn server(now: SystemTime) -> Self::Server;

    /// The provider's section of the configuration, but for its heading.
    fn section(base_url: &str) -> String;

    /// The form that asks the gateway.
    fn form(identifier: &str) -> Vec<(&str, &str)>;

    /// Exact request of the gateway for an identifier that is fit to be sent.
    fn question(identifier: &str) -> Sent;

    /// The call of the gateway's that takes it back: with a form, unless its vendor is asked by id.
    fn revoke(gateway: SocketAddr, identifier: &str) -> request::Builder {
        let _ = identifier;
        Request::post(format!("http://{gateway}/revoke"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
    }

    /// Exact request of an adapter to revoke a token.
    fn revocation(identifier: &str) -> Sent;

    /// Keeps showing tokens as before after their revocation is confirmed.
    fn show_revoked(server: &Self::Server);

    /// Documented answers to that which mean that it is done, be it long ago.
    fn revoked() -> Vec<Answer>;

    /// Answers of its own to that which do not.
    fn not_revoked() -> Vec<Answer>;

    /// The record of [`Self::ACTIVE`].
    fn record() -> Value;

    /// Response of the gateway to that record.
    fn active() -> Value;

    /// A record of [`Self::ACTIVE`] with nothing that is not needed, which ends there.
    fn minimal(end: i64) -> Value;

    /// Response of the gateway to that record.
    fn minimal_active(end: i64) -> Value;

    /// Members of a wrong type or without possible meaning, each enough to make a record no answer.
    fn wrong() -> Vec<(&'static str, Value)>;

    /// Records that are not about [`Self::ACTIVE`]. None where nothing in an answer says which it
    /// is about.
    fn about_another() -> Vec<Value>;

    /// Answers of its own that say nothing about the token.
    fn undocumented() -> Vec<Answer>;
}
