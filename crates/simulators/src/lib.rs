//! Vendor authorization servers on loopback, with their documented answers and scripted faults.
//!
//! A [`Simulator`] serves one [`Vendor`]: [`passport::Passport`], [`tibco_asg::TibcoAsg`],
//! [`apigee::Apigee`], [`rfc7662::Rfc7662`], [`github::GitHub`], [`token_info::TokenInfo`] or a
//! [`jwt::Issuer`]. It keeps a [`Recorded`] of every request, answers a [`Fault`] where one was
//! asked for, and holds requests at a [`Gate`], so that tests need no sleeps.
//!
//! A [`Wallet`] is a client, which makes proofs that it has the key of its token.
//!
//! This crate imports none of introspectd's others: what produces an answer and what reads it must
//! not be able to be wrong together. Behaviour for which the vendor's documentation is silent is
//! marked "assumed".
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! use introspectd_simulators::{Fault, Simulator, tibco_asg::{self, TibcoAsg}};
//! let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
//! let server = Simulator::start(TibcoAsg::new(now)).await?;
//! println!("GET {}/asg/oauth2/access_token/{}", server.base_url(), tibco_asg::ACTIVE);
//! server.next(Fault::HangUp);
//! # Ok(()) }
//! ```

pub mod apigee;
pub mod github;
pub mod jwt;
pub mod passport;
pub mod rfc7662;
pub mod tibco_asg;
pub mod token_info;

mod answer;
mod authorization;
mod bearers;
mod body;
mod clock;
mod connection;
mod fault;
mod fresh;
mod gate;
mod path;
mod recorded;
mod records;
mod simulator;
mod stage;
mod wallet;

pub use answer::Answer;
pub use body::Pieces;
pub use fault::Fault;
pub use gate::Gate;
pub use recorded::Recorded;
pub use simulator::Simulator;
pub use stage::Vendor;
pub use wallet::{Draft, Wallet, hash};
