//! Budget of file descriptors: a connection each, and what the process needs besides.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections that are open at once on the admin listeners.
pub(crate) const ADMIN_CONNECTIONS: usize = 64;

/// Descriptors for listeners, logs, files and signals.
const OWN: usize = 48;

/// Descriptors of a worker: its poll of the kernel and what wakes it.
const WORKER: usize = 4;

/// Descriptors for connections to providers, at most: a quarter of all where there are few.
const PROVIDERS: usize = 4096;

/// Raises the soft limit of descriptors to the hard one.
pub fn raise() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of file descriptors");
    }
}

/// Returns the number of connections, at most `wanted`, that fit the limit of descriptors. Logs a
/// lower number.
pub(crate) fn connections(wanted: u32, workers: NonZeroUsize) -> usize {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let limit = getrlimit(Resource::Nofile)
        .current
        .and_then(|limit| usize::try_from(limit).ok());
    let Some(limit) = limit else { return wanted };
    let connections = fitting(wanted, limit, workers);
    if connections < wanted {
        tracing::warn!(
            connections,
            wanted,
            descriptors = limit,
            "[limits] connections lowered to fit the limit of file descriptors; raise it (ulimit \
                -Hn, LimitNOFILE=)"
        );
    }
    connections
}

fn fitting(wanted: usize, limit: usize, workers: NonZeroUsize) -> usize {
    let providers = PROVIDERS.min(limit / 4);
    let kept = OWN + WORKER * workers.get() + ADMIN_CONNECTIONS + providers;
    wanted.min(limit.saturating_sub(kept)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_kept_whatever_is_wanted() {
        let two = NonZeroUsize::new(2).unwrap();
        assert_eq!(fitting(16_384, 1 << 20, two), 16_384);
        assert_eq!(fitting(16_384, 20_000, two), 20_000 - 4096 - 120);
        assert_eq!(fitting(16_384, 256, two), 72);
        assert_eq!(fitting(50, 256, two), 50);
        assert_eq!(fitting(16_384, 100, two), 1);
    }
}
