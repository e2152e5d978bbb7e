//! Authorization servers whose answers nobody here wrote.

mod oidc_provider;
mod scenarios;
mod server;

/// Pages of `docs/providers` whose sections are run here.
pub(crate) const PAGES: &[&str] = &[<oidc_provider::OidcProvider as server::Server>::PAGE];
