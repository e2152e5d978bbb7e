//! Authorization servers written by others.

mod bound;
mod canaille;
mod django_oauth_toolkit;
mod oidc_provider;
mod scenarios;
mod server;
mod signed;
mod signed_client;
mod trial;

/// Pages of `docs/providers` whose sections are run here.
pub(crate) const PAGES: &[&str] = &[
    <canaille::Canaille as server::Server>::PAGE,
    <django_oauth_toolkit::DjangoOauthToolkit as server::Server>::PAGE,
    <oidc_provider::OidcProvider as server::Server>::PAGE,
];
