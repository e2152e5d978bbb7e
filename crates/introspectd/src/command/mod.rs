//! One file a command. Those that ask a running server are `introspectd_cli`'s, as is what all of them share.

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod hash_secret;
pub(crate) mod man;
pub(crate) mod serve;
pub(crate) mod try_out;

use introspectd_settings::Environment;

pub(crate) use introspectd_cli::{
    Exit, Outcome, Stopped, block_on, complain, complaint, environment, print, read_secret, say,
};

/// Variables that many HTTP clients take a proxy from. Ours asks providers directly: a proxy would see tokens, and which
/// hosts it is for is often set for the whole machine.
const PROXIES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// Those of them that are set.
pub(crate) fn proxies(environment: &Environment) -> Vec<&'static str> {
    PROXIES.into_iter().filter(|name| environment.get(*name).is_some_and(|it| !it.is_empty())).collect()
}
