use std::time::Duration;

use introspectd_discovery::{Member, Source};
use introspectd_settings::Section;
use introspectd_upstream::{Address, Connection, Dialect};

use crate::signed::config::{self as signed_config, SignedConfig};
use crate::wire::MissingExp;

/// RFC 7662 keys of a provider's section: `introspection_endpoint`, `revocation_endpoint`,
/// `parameters`, `missing_exp`, `answer` and the common ones.
#[derive(Debug)]
pub struct Config {
    pub(crate) connection: Connection,
    /// Metadata that names the endpoints (`discover = true`).
    pub(crate) source: Option<Source>,
    /// RFC 7009 endpoint; without it tokens cannot be revoked there.
    pub(crate) revocation_endpoint: Option<Address>,
    /// Further fields of each form.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) missing_exp: MissingExp,
    /// Signed answers; `None` for JSON.
    pub(crate) signed: Option<SignedConfig>,
}

const REVOCATION: &str = "revocation_endpoint";

impl Config {
    /// Deadline of each call to the provider.
    pub fn timeout(&self) -> Duration {
        self.connection.timeout()
    }

    /// Reads the vendor's keys of a provider's section; `None` if there is a problem.
    pub fn read(section: &mut Section) -> Option<Self> {
        Self::read_with(section, MissingExp::default())
    }

    /// Reads the section of a server that is asked about tokens whose end is known otherwise.
    pub fn read_of_ending_tokens(section: &mut Section) -> Option<Self> {
        Self::read_with(section, MissingExp::Accept)
    }

    fn read_with(section: &mut Section, missing_exp: MissingExp) -> Option<Self> {
        let read = Connection::read_with_other(
            section,
            "introspection_endpoint",
            Some(REVOCATION),
            Dialect::FormEndpoint,
        );
        let remedy =
            "Write \"refuse\", or \"accept\" if the server's tokens never expire by design.";
        let read_missing_exp = section.parsed("missing_exp", remedy, |text| match text {
            "refuse" => Ok(MissingExp::Refuse),
            "accept" => Ok(MissingExp::Accept),
            _ => Err("must be \"refuse\" or \"accept\""),
        });
        let parameters = read_parameters(section);
        let connection = read.as_ref().map(|(connection, _)| connection);
        let signed = signed_config::read(section, connection);
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
        let issuer = connection.discovers.clone();
        let source = issuer.map(|issuer| Source::of_server(issuer, Member::Introspection));
        let Ok(source) = source.transpose() else {
            section.problem("issuer", "is too long for a URL", "Write a shorter one.");
            return None;
        };
        Some(Self {
            connection,
            source,
            revocation_endpoint: revocation,
            parameters,
            missing_exp: read_missing_exp.unwrap_or(missing_exp),
            signed: signed?,
        })
    }
}

/// Fields that are written here, or by the credentials. A server reads either of two.
const TAKEN: [&str; 5] = [
    "token",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// Reads `parameters = { NAME = "…" }`.
fn read_parameters(section: &mut Section) -> Vec<(String, String)> {
    let mut table = section.section("parameters");
    let mut parameters = Vec::new();
    for name in table.keys() {
        let value = table.text(&name);
        if name.is_empty() {
            table.problem(&name, "is a field without a name", "Name the field.");
        } else if TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(&name)) {
            let remedy = "Remove it: the token and `credentials` are what is sent under this name.";
            table.problem(&name, "is a field of each request already", remedy);
        } else {
            parameters.extend(value.map(|value| (name, value)));
        }
    }
    table.finish();
    parameters
}
