use std::io;
use std::path::PathBuf;

use introspectd_audit::{Audit, Destination, OnFailure};
use introspectd_service::Fingerprints;
use introspectd_settings::Section;
use secrecy::SecretString;

/// Settings of `[audit]`.
#[derive(Debug)]
pub struct AuditConfig {
    /// Destination; `None` for no audit log.
    to: Option<Destination>,
    on_failure: OnFailure,
    /// Key of fingerprints; `None` for a random one of this process.
    key: Option<SecretString>,
}

const TO_REMEDY: &str = "Write \"none\", \"stdout\" or a path: \"/var/log/introspectd/audit.log\".";

pub(super) fn read(root: &mut Section) -> AuditConfig {
    let mut audit = root.section("audit");
    let to = match audit.text_or("to", "none").as_str() {
        "none" => None,
        "stdout" => Some(Destination::Stdout),
        path if path.contains('/') => Some(Destination::File(PathBuf::from(path))),
        _ => {
            audit.problem("to", "must be \"none\", \"stdout\" or a path", TO_REMEDY);
            None
        }
    };
    let on_failure = match audit.text_or("on_failure", "log").as_str() {
        "log" => OnFailure::Log,
        "exit" => OnFailure::Exit,
        _ => {
            audit.problem(
                "on_failure",
                "must be \"log\" or \"exit\"",
                "Write \"log\" or \"exit\".",
            );
            OnFailure::default()
        }
    };
    let key = audit.secret("key");
    audit.finish();
    AuditConfig {
        to,
        on_failure,
        key,
    }
}

impl AuditConfig {
    /// Returns the reaction to lines that cannot be written.
    pub fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    /// Creates the maker of fingerprints.
    ///
    /// # Errors
    /// The system's, if it gives no random bytes.
    pub fn fingerprints(&self) -> io::Result<Fingerprints> {
        match &self.key {
            Some(key) => Ok(Fingerprints::keyed(key)),
            None => Fingerprints::random(),
        }
    }

    /// Starts the audit log, if there is one, and creates the maker of fingerprints.
    ///
    /// # Errors
    /// Where lines cannot be written, or the system gives no random bytes.
    pub fn start(self) -> io::Result<(Fingerprints, Option<Audit>)> {
        let fingerprints = self.fingerprints()?;
        let Self { to, on_failure, .. } = self;
        let Some(to) = to else {
            return Ok((fingerprints, None));
        };
        let name = match &to {
            Destination::Stdout => "standard output".to_owned(),
            Destination::File(path) => path.display().to_string(),
        };
        let refused = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("cannot write the audit log {name}: {error}"),
            )
        };
        let audit = Audit::start(to, on_failure).map_err(refused)?;
        Ok((fingerprints, Some(audit)))
    }
}
