//! `/openapi.json` says what is served, and nothing else; and clients find us by our metadata (RFC 8414).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod metadata;
mod routes;
mod scene;
mod schemathesis;

/// Paths that the document has and the server has not yet: no test asks for them. Empty it as they come.
const NOT_SERVED_YET: &[&str] =
    &["/v1/explain", "/v1/providers/{provider}/bindings", "/v1/providers/{provider}/tokens", "/v1/tokens"];
