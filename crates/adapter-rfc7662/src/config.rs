use http::Uri;
use introspectd_settings::Section;
use introspectd_upstream::{Connection, Dialect};

use crate::wire::MissingExp;

/// An RFC 7662 server's part of the configuration: `introspection_endpoint`, `missing_exp` and what
/// every provider has.
#[derive(Debug)]
pub struct Config {
    pub(crate) connection: Connection,
    pub(crate) endpoint: Uri,
    pub(crate) missing_exp: MissingExp,
}

impl Config {
    /// Reads the vendor's keys of a provider's section. `None` where there was a problem.
    pub fn read(section: &mut Section) -> Option<Self> {
        let connection = Connection::read(section, "introspection_endpoint", Dialect::FormEndpoint);
        let remedy = "Write \"refuse\", or \"accept\" where the server's tokens are meant to live for ever.";
        let missing_exp = section.parsed("missing_exp", remedy, |text| match text {
            "refuse" => Ok(MissingExp::Refuse),
            "accept" => Ok(MissingExp::Accept),
            _ => Err("is no way to read a missing exp"),
        });
        let connection = connection?;
        let endpoint = connection.address.uri().ok()?;
        Some(Self { connection, endpoint, missing_exp: missing_exp.unwrap_or_default() })
    }
}
