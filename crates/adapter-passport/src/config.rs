use std::time::Duration;

use introspectd_settings::Section;
use introspectd_upstream::{Connection, Dialect};

/// Passport keys of a provider's section: `base_url` and the common ones.
#[derive(Debug)]
pub struct Config {
    pub(crate) connection: Connection,
}

impl Config {
    /// Deadline of each call to the provider.
    pub fn timeout(&self) -> Duration {
        self.connection.timeout()
    }

    /// Reads the vendor's keys of a provider's section; `None` if there is a problem.
    pub fn read(section: &mut Section) -> Option<Self> {
        // "Access tokens", https://docs.passportfintech.com/EN/access-tokens: credentials in a JSON
        // body.
        let connection = Connection::read(
            section,
            "base_url",
            Dialect::RestWithJsonGrant(crate::TOKENS),
        )?;
        Some(Self { connection })
    }
}
