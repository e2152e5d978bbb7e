//! Torture of a real introspectd process: steady load through every way in, faults on every side,
//! and an oracle that judges every answer.
//!
//! The oracle (`oracle`) knows the true state of each token at each time, because the same
//! program issues, revokes and purges them. It forgives nothing that the contract does not: a wrong
//! active never, an inactive for a good token never, a failure only with the name and within the
//! bound that a fault at that time explains, a lost request only while the process is down.
//!
//! The seed decides what is done and when (`plan`); two runs with one seed make the same
//! decisions, while the machine decides in which microsecond each takes effect.

mod act;
mod cast;
mod load;
mod machine;
mod options;
mod oracle;
mod plan;
mod report;
mod run;
mod stop;
mod subject;
mod world;

pub use options::Options;
pub use report::Report;
pub use run::run;
pub use world::Deployment;
