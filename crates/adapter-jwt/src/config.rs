use std::time::Duration;

use introspectd_discovery::{Member, Source as MetadataSource};
use introspectd_jose::Algorithm;
use introspectd_jwks::{KeyConfig, Lifetimes};
use introspectd_settings::Section;

use crate::wire::{Accepted, Expected};

/// Keys of a JWT provider's section: `issuer`, `jwks` or `discover`, `audience`, `algorithms`,
/// `type`, `clock_skew`, `jwks_max_age`, `timeout`, `headers`, `proxy` and `tls`.
#[derive(Debug)]
pub struct Config {
    pub(crate) keys: Keys,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) expected: Expected,
    pub(crate) timeout: Duration,
}

/// Keys of the issuer.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) config: KeyConfig,
    pub(crate) lifetimes: Lifetimes,
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

/// Reads where the keys are, how long they serve, and the deadline of what is read.
fn read_keys(section: &mut Section, issuer: Option<&str>) -> Option<(Keys, Duration)> {
    let of_server = |issuer| MetadataSource::of_server(issuer, Member::Jwks);
    let config = KeyConfig::read(section, issuer, of_server)?;
    let (max_age, timeout) = match &config {
        KeyConfig::Fetched { connection, .. } => {
            let bounds = Duration::from_secs(1)..=30 * DAY;
            let max_age = section.duration("jwks_max_age", DAY, bounds);
            (max_age, connection.timeout())
        }
        // Nothing is waited for.
        KeyConfig::File(_) => (DAY, Duration::from_secs(2)),
    };
    let lifetimes = Lifetimes::within(max_age);
    Some((Keys { config, lifetimes }, timeout))
}
