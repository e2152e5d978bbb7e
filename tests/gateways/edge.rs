//! Differences between gateways.

use std::path::Path;
use std::process::Command;

use crate::page::Files;

/// An API gateway, as the scenarios need to know it.
pub(crate) trait Edge: 'static {
    /// File name of its page in `docs/gateways`.
    const PAGE: &'static str;

    /// Beginnings of paths on its page that a test replaces by a folder of its own.
    const PLACES: &'static [&'static str];

    /// Set if it answers preflights itself, for the origin `https://app.example`.
    const ANSWERS_PREFLIGHTS: bool = false;

    /// Starts it, in the foreground, on the files of its page in this folder.
    fn command(folder: &Path) -> Command;

    /// Changes that a test run without root needs beyond the page, none of which affects a
    /// decision.
    fn adapted(file: &str, text: String, folder: &Path) -> String {
        let _ = (file, folder);
        text
    }

    /// Takes its patience with introspectd from seconds to a fraction of one.
    fn hurry(files: &mut Files);

    /// Has it take TLS, by `server.pem` of its folder, and ask for the certificates of
    /// `clients.pem`.
    fn over_tls(files: &mut Files);

    /// Response that its client gets.
    fn answer(refusal: Refusal) -> Answer {
        refusal.by_introspectd()
    }
}

/// Reason why a request does not reach the application.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    NoToken,
    InvalidToken,
    InsufficientScope,
    /// The provider cannot be reached.
    ProviderDown,
    /// The provider's answer is no answer.
    ProviderConfused,
    /// The provider says nothing in time.
    ProviderSilent,
    /// introspectd cannot be reached.
    IntrospectdDown,
    /// introspectd says nothing in time.
    IntrospectdSilent,
}

/// A refusal as the client sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Value of `WWW-Authenticate`.
    pub(crate) challenge: Option<String>,
    /// `error` of a JSON body; none where the body is not said to be JSON.
    pub(crate) error: Option<String>,
}

impl Refusal {
    /// Response of introspectd, or in its absence of a well-behaved gateway.
    pub(crate) fn by_introspectd(self) -> Answer {
        let (status, challenge, error) = match self {
            Self::NoToken => (401, Some("Bearer"), "missing_token"),
            Self::InvalidToken => (401, Some("Bearer error=\"invalid_token\""), "invalid_token"),
            Self::InsufficientScope => (
                403,
                Some("Bearer error=\"insufficient_scope\", scope=\"orders.read\""),
                "insufficient_scope",
            ),
            Self::ProviderDown | Self::IntrospectdDown | Self::IntrospectdSilent => {
                (503, None, "temporarily_unavailable")
            }
            Self::ProviderConfused => (502, None, "upstream_error"),
            Self::ProviderSilent => (504, None, "upstream_timeout"),
        };
        Answer {
            status,
            challenge: challenge.map(str::to_owned),
            error: Some(error.to_owned()),
        }
    }
}

impl Answer {
    /// One of the gateway's own, without a body.
    pub(crate) fn bare(status: u16) -> Self {
        Self {
            status,
            challenge: None,
            error: None,
        }
    }
}
