//! Events of other servers, signed by other libraries.

mod harness;
mod logout;
mod poll;
mod push;
mod revocation;
