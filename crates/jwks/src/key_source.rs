use introspectd_discovery::Refreshing;
use introspectd_jose::{Algorithm, Jws, Verified};
use tokio::runtime::Handle;

use crate::file::FileKeys;
use crate::keys::Keys;
use crate::status::{NotVerified, Status};

/// Keys of one issuer, wherever they come from.
#[derive(Debug)]
pub enum KeySource {
    /// Keys at a server.
    Fetched {
        /// Keys, which are fetched when they are needed.
        keys: Keys,
        /// Refresh in the background.
        refreshing: Option<Refreshing>,
    },
    /// Keys in a file.
    File(Box<FileKeys>),
}

impl KeySource {
    /// Keys at a server, which are fetched when they are needed.
    pub fn fetched(keys: Keys) -> Self {
        let refreshing = None;
        Self::Fetched { keys, refreshing }
    }

    /// Has the keys of a server fetched in the background, where there is a runtime.
    #[must_use]
    pub fn refreshed(self, runtime: Option<&Handle>) -> Self {
        match self {
            Self::Fetched { keys, .. } => Self::Fetched {
                refreshing: runtime.map(|runtime| keys.refresh_on(runtime)),
                keys,
            },
            Self::File(keys) => Self::File(keys),
        }
    }

    /// Fetches the keys of a server in the background until this is dropped; `None` for a file.
    pub fn refresh_on(&self, runtime: &Handle) -> Option<Refreshing> {
        match self {
            Self::Fetched { keys, .. } => Some(keys.refresh_on(runtime)),
            Self::File(_) => None,
        }
    }

    /// Verifies a signature. Waits for a fetch where a newer set may help and is due.
    ///
    /// # Errors
    /// [`NotVerified`].
    pub async fn verify<'a>(
        &self,
        jws: &'a Jws<'a>,
        allowed: &[Algorithm],
    ) -> Result<Verified<'a>, NotVerified> {
        match self {
            Self::Fetched { keys, .. } => keys.verify(jws, allowed).await,
            Self::File(keys) => keys.verify(jws, allowed).await,
        }
    }

    /// State of the keys.
    pub fn status(&self) -> Status {
        match self {
            Self::Fetched { keys, .. } => keys.status(),
            Self::File(keys) => keys.status(),
        }
    }

    /// Reason why the latest fetch of keys failed, in words for an operator.
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::Fetched { keys, .. } => keys.failure().map(|reason| reason.to_string()),
            Self::File(_) => None,
        }
    }
}
