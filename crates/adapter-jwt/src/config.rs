use std::path::PathBuf;
use std::time::Duration;

use introspectd_discovery::{Member, Source as MetadataSource};
use introspectd_jose::Algorithm;
use introspectd_jwks::{FileKeys, Lifetimes, Source};
use introspectd_settings::Section;
use introspectd_upstream::{Address, Connection, Issuer};

use crate::wire::{Accepted, Expected};

/// Keys of a JWT provider's section: `issuer`, `jwks` or `discover`, `audience`, `algorithms`,
/// `type`, `clock_skew`, `jwks_max_age`, `timeout` and `tls`.
#[derive(Debug)]
pub struct Config {
    pub(crate) keys: KeyConfig,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) expected: Expected,
    pub(crate) timeout: Duration,
}

/// Origin of the issuer's keys.
#[derive(Debug)]
pub(crate) enum KeyConfig {
    Fetched {
        source: Box<Source>,
        connection: Box<Connection>,
        lifetimes: Lifetimes,
    },
    File(Box<FileKeys>),
}

/// Algorithms where the configuration names none.
const DEFAULT_ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Rs256,
    Algorithm::Ps256,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

/// Longest clock skew. More would accept a token well before its server means it to start.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Word for audiences of any kind.
const ANY: &str = "any";

impl Config {
    /// Deadline of judging a token, the fetch of keys included.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Issuer of the tokens.
    pub fn issuer(&self) -> &str {
        &self.expected.issuer
    }

    /// Returns true if tokens for any audience are accepted.
    pub fn accepts_any_audience(&self) -> bool {
        matches!(self.expected.audience, Accepted::Any)
    }

    /// Reads the section of a provider; `None` if there is a problem.
    pub fn read(section: &mut Section) -> Option<Self> {
        let before = section.ledger().problem_count();
        let issuer = section.required_text(
            "issuer",
            "Write the `iss` of its tokens, to the letter: \"https://as.example\".",
        );
        let issuer = issuer.filter(|issuer| {
            if issuer.is_empty() {
                section.problem("issuer", "is empty", "Write the `iss` of its tokens.");
            }
            !issuer.is_empty()
        });
        let audience = read_audience(section);
        let algorithms = read_algorithms(section);
        let requires_type = read_type(section);
        let skew = section.duration(
            "clock_skew",
            Duration::ZERO,
            Duration::ZERO..=MAX_CLOCK_SKEW,
        );
        let keys = read_keys(section, issuer.as_deref());
        if section.ledger().problem_count() > before {
            return None;
        }
        let (keys, timeout) = keys?;
        Some(Self {
            keys,
            algorithms,
            expected: Expected {
                issuer: issuer?,
                audience,
                requires_type,
                // Times are whole seconds: rounded down, the skew is never more than configured.
                clock_skew: u32::try_from(skew.as_secs()).unwrap_or_default(),
            },
            timeout,
        })
    }
}

fn read_audience(section: &mut Section) -> Accepted {
    let audience = section.texts_or_text("audience").unwrap_or_default();
    let remedy = "Write what its tokens name our callers by: audience = [\"https://api.example\"]. \
        \"any\" accepts tokens for everybody.";
    match audience.as_slice() {
        [only] if only == ANY => return Accepted::Any,
        [] => section.problem("audience", "is missing or empty", remedy),
        some if some.iter().any(|it| it == ANY || it.is_empty()) => {
            let what = "has \"any\" or an empty text among others";
            section.problem("audience", what, remedy);
        }
        _ => {}
    }
    Accepted::OneOf(audience)
}

fn read_algorithms(section: &mut Section) -> Vec<Algorithm> {
    const KEY: &str = "algorithms";
    let Some(names) = section.texts(KEY) else {
        let names = DEFAULT_ALGORITHMS.map(Algorithm::name);
        section.note_default(KEY, format!("{names:?}"));
        return DEFAULT_ALGORITHMS.to_vec();
    };
    let known = Algorithm::ALL.map(Algorithm::name).join(", ");
    if names.is_empty() {
        section.problem(KEY, "is empty", format!("Write some of {known}."));
    }
    let mut algorithms = Vec::new();
    for name in names {
        match Algorithm::parse(&name) {
            Some(algorithm) => algorithms.push(algorithm),
            None => {
                let what = format!("has {name:?}, which is not known, or proves nothing");
                section.item_problem(KEY, &name, what, format!("Write some of {known}."));
            }
        }
    }
    algorithms
}

fn read_type(section: &mut Section) -> bool {
    match section.text_or("type", "accept").as_str() {
        "accept" => false,
        "require" => true,
        _ => {
            let remedy = "Write \"require\" if all its access tokens have the type at+jwt.";
            section.problem("type", "must be \"accept\" or \"require\"", remedy);
            true
        }
    }
}

/// Reads `jwks = { url | file }` or `discover = true`, and the deadline of what is read.
fn read_keys(section: &mut Section, issuer: Option<&str>) -> Option<(KeyConfig, Duration)> {
    let discovers = section.flag("discover", false);
    let allow_http = section.flag("allow_http", false);
    let has_jwks = section.has("jwks");
    let mut jwks = section.section("jwks");
    if has_jwks == discovers {
        section.problem(
            "jwks",
            "or discover is needed, and one of them only",
            "Write jwks = { url = \"https://…\" }, { file = \"PATH\" }, or discover = true.",
        );
        return None;
    }
    let (source, address) = if discovers {
        discovery(section)?
    } else if jwks.has("file") {
        let file = jwks.text("file").map(PathBuf::from);
        jwks.finish();
        return read_file(section, issuer?, file?);
    } else {
        let address = Address::read(&mut jwks, "url", allow_http);
        jwks.text("file");
        jwks.finish();
        let address = address?;
        (Source::Url(address.uri().clone()), address)
    };
    let max_age = section.duration("jwks_max_age", DAY, Duration::from_secs(1)..=30 * DAY);
    let connection = Connection::read_public(section, address)?;
    let timeout = connection.timeout();
    let keys = KeyConfig::Fetched {
        source: Box::new(source),
        connection: Box::new(connection),
        lifetimes: Lifetimes::within(max_age),
    };
    Some((keys, timeout))
}

fn discovery(section: &mut Section) -> Option<(Source, Address)> {
    let remedy = "Write jwks = { url = \"…\" } in place of discover.";
    let issuer = Issuer::read(section, remedy)?;
    let address = issuer.address().clone();
    let source = MetadataSource::of_server(issuer, Member::Jwks);
    Some((Source::Metadata(source.ok()?), address))
}

fn read_file(section: &Section, issuer: &str, file: PathBuf) -> Option<(KeyConfig, Duration)> {
    section.ledger().file(&file);
    match FileKeys::open(issuer.to_owned(), file) {
        // Nothing is waited for.
        Ok(keys) => Some((KeyConfig::File(Box::new(keys)), Duration::from_secs(2))),
        Err(problem) => {
            section.problem(
                "jwks.file",
                format!("cannot be used: {problem}"),
                "Name a readable JWK Set (RFC 7517) with at least one key of the issuer.",
            );
            None
        }
    }
}
