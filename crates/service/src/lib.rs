//! Operations on tokens, without HTTP: who may ask, what is answered, why a request is refused.
//!
//! A presentation (HTTP, gRPC) authenticates a caller, reads a request, and calls an [`operation`].
//! What comes back is an answer or a [`refusal`], grouped by who is at fault. What happened is
//! published once, as an [`Event`], to every [`Observer`].

#![warn(missing_docs)]

mod access;
mod answer;
mod classify;
mod event;
mod fingerprint;
mod identity;
mod line_limit;
mod log;
mod observer;
pub mod operation;
mod page_token;
mod parameters;
mod proof;
mod proposed;
pub mod refusal;
mod reloads;
mod request_id;
mod seen;
mod service;
mod signing;
mod spans;
mod tally;
mod transmitter;

pub use access::{
    Caller, Callers, CertificateName, DEFAULT_POLICY, InvalidCertificateName, InvalidRate, KeptBy,
    MAX_BURST, Permission, Permissions, Policies, Policy, Rate, Requirements, Resource, Rules,
    SecretDigest, Unavailable, certificate_names,
};
pub use answer::{Claims, KeptAnswer, Record, SharedAnswer};
pub use event::{Details, Event, Headline, Operation, Outcome, RequestContext};
pub use fingerprint::{Fingerprint, Fingerprints};
pub use identity::{Begun, Identity};
pub use introspectd_core::Selection;
pub use introspectd_events::{Expected, Fault};
pub use introspectd_jose::{Algorithm, Refusal as KeyRefusal};
pub use introspectd_resolver::{
    Account, Answer, Configured, Fact, Held, Lookup, NextProviders, NotAsked, PoolStatus,
    ProviderStatus, Resolution, Rule, Source,
};
pub use line_limit::LeftOut;
pub use log::{Log, REFUSALS};
pub use observer::{Observed, Observer, Pending, Published};
pub use parameters::{LIST_PARAMETERS, Parameters};
pub use proof::{
    ALGORITHMS, Binding, CertificateHeader, ClientRequest, Evidence, NoEvidence, Presented,
    ProofFault, ProofRules, RequestHeaders, Scheme, Target, Thumbprint, UrlHeaders,
};
pub use proposed::RequestIds;
pub use refusal::Refusal;
pub use reloads::Reloads;
pub use service::{Reconfiguration, Service};
pub use signing::{SignedAs, Signing, SigningKey};
pub use tally::{CacheUse, CallerTally, EndpointName, OutcomeClass};
pub use transmitter::{Consequence, Transmitter, TransmitterRecord, Transmitters};
