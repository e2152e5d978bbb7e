use std::sync::Arc;

use introspectd_core::Clock;
use introspectd_discovery::{Lifetimes, Source as MetadataSource};
use introspectd_settings::Section;
use introspectd_upstream::{Address, Connection, Issuer, Outbound, Refused, Upstream};

use crate::fetch::{Remote, Source};
use crate::file::FileKeys;
use crate::key_source::KeySource;
use crate::keys::Keys;

/// Place of an issuer's keys, as a section of the configuration names it.
#[derive(Debug)]
pub enum KeyConfig {
    /// Keys at a server.
    Fetched {
        /// Address of the set, or the metadata that names it.
        source: Box<Source>,
        /// Way to the server.
        connection: Box<Connection>,
    },
    /// Keys in a file.
    File(Box<FileKeys>),
}

const KEY: &str = "jwks";

impl KeyConfig {
    /// Reads `jwks = { url | file }` or `discover = true`, one of which is needed, and what
    /// [`Connection::read_public`] reads. `metadata` says where the issuer's metadata names the
    /// keys. `None` where there was a problem.
    pub fn read(
        section: &mut Section,
        issuer: Option<&str>,
        metadata: impl FnOnce(Issuer) -> Result<MetadataSource, Refused>,
    ) -> Option<Self> {
        let discovers = section.flag("discover", false);
        if section.has(KEY) == discovers {
            // Known keys all the same.
            section.section(KEY);
            section.flag("allow_http", false);
            section.problem(
                KEY,
                "or discover is needed, and one of them only",
                "Write jwks = { url = \"https://…\" }, { file = \"PATH\" }, or discover = true.",
            );
            return None;
        }
        if !discovers {
            return Self::read_named(section, issuer);
        }
        section.flag("allow_http", false);
        section.section(KEY);
        let remedy = "Write jwks = { url = \"…\" } in place of discover.";
        let issuer = Issuer::read(section, remedy)?;
        let address = issuer.address().clone();
        let source = Source::Metadata(metadata(issuer).ok()?);
        let connection = Connection::read_public(section, address)?;
        Some(Self::fetched(source, connection))
    }

    /// Reads `jwks = { url | file }`, which is there, and for a `url` what
    /// [`Connection::read_public`] reads. `None` where there was a problem.
    pub fn read_named(section: &mut Section, issuer: Option<&str>) -> Option<Self> {
        let allow_http = section.flag("allow_http", false);
        let mut table = section.section(KEY);
        if table.has("file") {
            let file = table.text("file");
            table.finish();
            return Self::read_file(section, issuer?, &file?);
        }
        let address = Address::read(&mut table, "url", allow_http);
        table.text("file");
        table.finish();
        let address = address?;
        let source = Source::Url(address.uri().clone());
        let connection = Connection::read_public(section, address)?;
        Some(Self::fetched(source, connection))
    }

    /// Keys that are fetched from a source over a connection that was read before.
    pub fn fetched(source: Source, connection: Connection) -> Self {
        Self::Fetched {
            source: Box::new(source),
            connection: Box::new(connection),
        }
    }

    /// Takes the headers that a server's section configures in place of its own reading of them:
    /// they go to a set of keys only where it has the origin of the server's endpoints.
    #[must_use]
    pub fn with_headers_of(self, server: &Connection) -> Self {
        match self {
            Self::Fetched { source, connection } => {
                Self::fetched(*source, connection.with_headers_of(server))
            }
            Self::File(keys) => Self::File(keys),
        }
    }

    fn read_file(section: &Section, issuer: &str, file: &str) -> Option<Self> {
        section.ledger().file(file.as_ref());
        match FileKeys::open(issuer.to_owned(), file.into()) {
            Ok(keys) => Some(Self::File(Box::new(keys))),
            Err(problem) => {
                let what = format!("cannot be used: {problem}");
                let remedy =
                    "Name a readable JWK Set (RFC 7517) with at least one key of the issuer.";
                section.problem("jwks.file", what, remedy);
                None
            }
        }
    }

    /// Creates the keys of an issuer. Those at a server are not fetched yet.
    pub fn into_source(
        self,
        issuer: String,
        clock: &Arc<dyn Clock>,
        outbound: &Outbound,
    ) -> KeySource {
        match self {
            Self::File(keys) => KeySource::File(keys),
            Self::Fetched { source, connection } => {
                let upstream = Upstream::new(*connection, Arc::clone(clock), outbound);
                let remote = Remote::new(*source, upstream);
                let lifetimes = Lifetimes::default();
                KeySource::fetched(Keys::new(issuer, remote, Arc::clone(clock), lifetimes))
            }
        }
    }
}
