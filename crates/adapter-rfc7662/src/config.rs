use std::time::Duration;

use http::Uri;
use introspectd_settings::Section;
use introspectd_upstream::{Connection, Dialect};

use crate::wire::{MissingExp, Reading};

/// RFC 7662 keys of a provider's section: `introspection_endpoint`, `revocation_endpoint`,
/// `missing_exp`, `clock_skew` and the common ones.
#[derive(Debug)]
pub struct Config {
    pub(crate) connection: Connection,
    pub(crate) endpoint: Uri,
    /// RFC 7009 endpoint; without it tokens cannot be revoked there.
    pub(crate) revocation_endpoint: Option<Uri>,
    pub(crate) reading: Reading,
}

/// Longest clock skew. More would accept a token well before its server means it to start.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

const REVOCATION: &str = "revocation_endpoint";

impl Config {
    /// Deadline of each call to the provider.
    pub fn timeout(&self) -> Duration {
        self.connection.timeout()
    }

    /// Reads the vendor's keys of a provider's section; `None` if there is a problem.
    pub fn read(section: &mut Section) -> Option<Self> {
        let read = Connection::read_with_other(
            section,
            "introspection_endpoint",
            Some(REVOCATION),
            Dialect::FormEndpoint,
        );
        let remedy =
            "Write \"refuse\", or \"accept\" if the server's tokens never expire by design.";
        let missing_exp = section.parsed("missing_exp", remedy, |text| match text {
            "refuse" => Ok(MissingExp::Refuse),
            "accept" => Ok(MissingExp::Accept),
            _ => Err("must be \"refuse\" or \"accept\""),
        });
        let skew = section.duration(
            "clock_skew",
            Duration::ZERO,
            Duration::ZERO..=MAX_CLOCK_SKEW,
        );
        let (connection, revocation) = read?;
        // The introspection endpoint would answer 200 to every revocation, and revoke nothing.
        if revocation
            .as_ref()
            .is_some_and(|it| it.is_same_place(&connection.address))
        {
            section.problem(
                REVOCATION,
                "is the introspection endpoint",
                "Write the server's endpoint of RFC 7009.",
            );
            return None;
        }
        let endpoint = connection.address.uri().clone();
        let revocation_endpoint = revocation.map(|address| address.uri().clone());
        // Times are whole seconds: rounded down, the skew is never more than configured.
        let clock_skew = u32::try_from(skew.as_secs()).unwrap_or_default();
        let reading = Reading {
            missing_exp: missing_exp.unwrap_or_default(),
            clock_skew,
        };
        Some(Self {
            connection,
            endpoint,
            revocation_endpoint,
            reading,
        })
    }
}
