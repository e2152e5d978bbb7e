use std::time::Duration;

use introspectd_settings::Section;
use introspectd_upstream::{Connection, Dialect};

/// Apigee keys of a provider's section: `base_url`, `organization`, `cascade` and the common ones.
#[derive(Debug)]
pub struct Config {
    pub(crate) connection: Connection,
    /// Letters, digits, `-` and `_`, as it is not escaped in the path.
    pub(crate) organization: String,
    /// Revokes the refresh token along with the access token.
    pub(crate) cascade: bool,
}

impl Config {
    /// Deadline of each call to the provider.
    pub fn timeout(&self) -> Duration {
        self.connection.timeout()
    }

    /// Reads the vendor's keys of a provider's section; `None` if there is a problem.
    pub fn read(section: &mut Section) -> Option<Self> {
        let connection = Connection::read(section, "base_url", Dialect::Rest);
        let cascade = section.flag("cascade", false);
        let remedy = "Write the organization's name, as in the management API's path /v1/o/NAME.";
        let organization = section.required_text("organization", remedy)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if organization.is_empty() || !organization.chars().all(plain) {
            section.problem("organization", "is not an organization name", remedy);
            return None;
        }
        Some(Self {
            connection: connection?,
            organization,
            cascade,
        })
    }
}
