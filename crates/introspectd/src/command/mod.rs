//! Commands of the server, one file each. Those that ask a running server are in `introspectd_cli`.

pub(crate) mod answer;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod hash_secret;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod serve;
pub(crate) mod try_out;

use introspectd_settings::Environment;

pub(crate) use introspectd_cli::{
    Exit, Outcome, Stopped, block_on, complain, complaint, environment, print, read_secret, say,
};

/// Variables from which many HTTP clients take a proxy. Ours takes it from a provider's section
/// alone: a proxy sees tokens over plain HTTP, and the variables are often set for the whole
/// machine.
const PROXIES: [&str; 6] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Returns the proxy variables that are set.
pub(crate) fn proxies(environment: &Environment) -> Vec<&'static str> {
    PROXIES
        .into_iter()
        .filter(|name| environment.get(*name).is_some_and(|it| !it.is_empty()))
        .collect()
}
