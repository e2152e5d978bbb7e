use std::time::Duration;

use introspectd_settings::Section;
use introspectd_upstream::{Connection, Dialect};

/// A Passport's part of the configuration: `base_url` and what every provider has.
#[derive(Debug)]
pub struct Config {
    pub(crate) connection: Connection,
}

impl Config {
    /// Deadline of each call to the provider.
    pub fn timeout(&self) -> Duration {
        self.connection.timeout()
    }

    /// Reads the vendor's keys of a provider's section. `None` where there was a problem.
    pub fn read(section: &mut Section) -> Option<Self> {
        // "Access tokens", https://docs.passportfintech.com/EN/access-tokens: credentials in a JSON body.
        let connection = Connection::read(section, "base_url", Dialect::RestWithJsonGrant(crate::TOKENS))?;
        Some(Self { connection })
    }
}
