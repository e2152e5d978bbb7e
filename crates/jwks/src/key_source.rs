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
    /// Keys at a server, which are fetched again in the background where there is a runtime.
    pub fn refreshed(keys: Keys, runtime: Option<&Handle>) -> Self {
        let refreshing = runtime.map(|runtime| keys.refresh_on(runtime));
        Self::Fetched { keys, refreshing }
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
