use std::fmt;
use std::path::{Path, PathBuf};

use introspectd_files::{START, read};
use introspectd_jose::{Algorithm, JwkSet, Jws, Verified};
use introspectd_upstream::Renewed;

use crate::keys::{Keys, log_new};
use crate::status::{NotVerified, Presence, Status};
use crate::turns::Turns;

/// Keys in a file that the operator provides, read again when it changes. While a changed file is
/// invalid, the former keys hold.
pub struct FileKeys {
    set: Renewed<JwkSet>,
    turns: Turns,
}

impl FileKeys {
    /// Reads the keys of an issuer, whose name the log shows.
    ///
    /// # Errors
    /// Why the file cannot be read, or has no key that may be used.
    pub fn open(issuer: String, path: PathBuf) -> Result<Self, String> {
        let file = path.clone();
        let make = move || {
            let set = read_set(&file)?;
            log_new(&issuer, &set);
            Ok(set)
        };
        let set = read_set(&path)?;
        if set.keys().is_empty() {
            return Err(match set.left_out().first() {
                Some(left_out) => format!("it has no key that may be used: {}", left_out.reason),
                None => "it has no key".to_owned(),
            });
        }
        Ok(Self {
            set: Renewed::new("keys", set, [path], make),
            turns: Turns::default(),
        })
    }

    /// Verifies a signature like [`Keys::verify`], without a fetch.
    ///
    /// # Errors
    /// [`NotVerified`].
    pub async fn verify<'a>(
        &self,
        jws: &'a Jws<'a>,
        allowed: &[Algorithm],
    ) -> Result<Verified<'a>, NotVerified> {
        let set = self.set.get();
        if set.keys().is_empty() {
            let retry_after = Keys::PAUSE;
            return Err(NotVerified::Later { retry_after });
        }
        let verified = self.turns.verify(jws, &set, allowed).await;
        verified.map_err(NotVerified::Refused)
    }

    /// State of the keys, whose age is unknown.
    pub fn status(&self) -> Status {
        let keys = self.set.get().keys().len();
        Status {
            keys,
            age: None,
            presence: if keys == 0 {
                Presence::Missing
            } else {
                Presence::Present
            },
        }
    }
}

fn read_set(path: &Path) -> Result<JwkSet, String> {
    let content = read(path, JwkSet::MAX_BYTES, START).map_err(|error| error.to_string())?;
    JwkSet::parse(&content).map_err(|error| error.to_string())
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKeys").finish_non_exhaustive()
    }
}
