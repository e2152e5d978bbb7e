use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use introspectd_adapter_http as described;
use introspectd_adapter_jwt as jwt;
use introspectd_adapter_rfc7662 as rfc7662;
use introspectd_core::{Bindings, Clock, ProviderName};
use introspectd_keys::Key;
use introspectd_resolver::{CacheTimes, Match, ProviderEntry};
use introspectd_settings::{Section, Setting};
use introspectd_upstream::Outbound;
use regex::Regex;

use super::vendor::{KINDS, Vendor};
use super::{cache, nearest};

/// Valid section of a provider.
#[derive(Debug)]
pub struct ProviderConfig {
    name: ProviderName,
    kind: &'static str,
    vendor: Vendor,
    matching: Option<Match>,
    issuer: Option<String>,
    clock_skew: Duration,
    times: CacheTimes,
    /// Digest of all values of the section but secrets.
    revision: [u8; 16],
}

/// Longest clock skew. More would accept a token well before its server means it to start.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

impl ProviderConfig {
    /// Unique name.
    pub fn name(&self) -> &ProviderName {
        &self.name
    }

    /// Longest time by which `nbf` of its tokens may lie ahead of our clock.
    pub fn clock_skew(&self) -> Duration {
        self.clock_skew
    }

    /// Choice of the operator that lets more in than is usual, to be told.
    pub fn weakness(&self) -> Option<&'static str> {
        self.vendor.weakness()
    }

    /// Issuer of its tokens, if it is configured.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Times of its facts.
    pub fn times(&self) -> CacheTimes {
        self.times
    }

    /// Notes the values of the section, by which replicas know if they have the same.
    pub(super) fn note_revision(&mut self, settings: &[Setting]) {
        let section = format!("providers.{}.", self.name);
        let own = settings
            .iter()
            .filter(|setting| setting.key.starts_with(&section));
        // Not secret: a digest of what the configuration says.
        let mut parts = Key::derive("introspectd fleet: revision of a provider", b"").parts();
        for Setting { key, value, .. } in own {
            parts = parts.field(key.as_bytes()).field(value.as_bytes());
        }
        self.revision = parts.end().truncated();
    }

    /// The adapter's own part, where it is an RFC 7662 server.
    pub fn into_rfc7662(self) -> Option<rfc7662::Config> {
        self.vendor.into_rfc7662()
    }

    /// The adapter's own part, where its tokens are judged here.
    pub fn into_jwt(self) -> Option<jwt::Config> {
        self.vendor.into_jwt()
    }

    /// The adapter's own part, where it is a described server.
    pub fn into_described(self) -> Option<described::Config> {
        self.vendor.into_described()
    }

    /// Kind of provider, as the configuration names it.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Builds the adapter, whose connections are driven by `outbound`.
    pub fn into_entry(
        self,
        clock: Arc<dyn Clock>,
        bindings: &Arc<dyn Bindings>,
        outbound: &Outbound,
    ) -> ProviderEntry {
        let Self {
            name,
            kind,
            vendor,
            matching,
            issuer,
            clock_skew,
            times,
            revision,
        } = self;
        let timeout = vendor.timeout();
        let provider = vendor.into_provider(&name, clock, bindings, outbound);
        ProviderEntry {
            name,
            kind,
            provider,
            matching,
            issuer,
            clock_skew,
            timeout,
            times: Some(times),
            revision,
        }
    }
}

/// Providers of the configuration: all names, so that other sections can refer to one with problems
/// of its own, and those without any.
pub(super) struct Providers {
    pub(super) names: Vec<ProviderName>,
    pub(super) valid: Vec<ProviderConfig>,
}

pub(super) fn read(root: &mut Section, times: &CacheTimes) -> Providers {
    let mut providers = Providers {
        names: Vec::new(),
        valid: Vec::new(),
    };
    let mut taken = HashMap::new();
    for (name, section) in root.sections("providers") {
        match ProviderName::parse(&name) {
            Ok(name) => {
                providers.names.push(name.clone());
                providers
                    .valid
                    .extend(read_provider(name, section, &mut taken, times));
            }
            Err(error) => section.problem("", error.to_string(), "Rename the provider."),
        }
    }
    providers
}

fn read_provider(
    name: ProviderName,
    mut section: Section,
    taken: &mut HashMap<(&'static str, String), ProviderName>,
    times: &CacheTimes,
) -> Option<ProviderConfig> {
    let issuer = section.text("issuer");
    let bounds = Duration::ZERO..=MAX_CLOCK_SKEW;
    let clock_skew = section.duration("clock_skew", Duration::ZERO, bounds);
    let matching = read_match(&mut section, &name, taken);
    let times = cache::read_own(&mut section, times);
    let kinds = KINDS.map(|(name, _)| name).join(", ");
    let kind = section.required_text("kind", &format!("Kinds: {kinds}."))?;
    let Some((kind, read)) = KINDS.into_iter().find(|(name, _)| *name == kind) else {
        let known = KINDS.iter().map(|(name, _)| *name);
        section.problem("kind", "is not a kind of provider", nearest(&kind, known));
        return None;
    };
    let has_match = section.has("match");
    let vendor = read(&mut section);
    let own = vendor.as_ref().and_then(Vendor::matching);
    let own = own.filter(|_| !has_match);
    if let Some(Match::JwtIssuer(issuer)) = &own {
        section.note_default("match.jwt_issuer", format!("{issuer:?}"));
        take(&section, "issuer", ("jwt_issuer", issuer), &name, taken);
    }
    section.finish();
    let vendor = vendor?;
    let times = CacheTimes {
        without_end: vendor.without_end(),
        ..times
    };
    Some(ProviderConfig {
        name,
        kind,
        vendor,
        matching: matching.or(own),
        issuer,
        clock_skew,
        times,
        revision: [0; 16],
    })
}

/// `match = { prefix | regex | jwt_issuer = "…" }`. Two providers with the same one are a mistake:
/// which of them was meant?
fn read_match(
    section: &mut Section,
    name: &ProviderName,
    taken: &mut HashMap<(&'static str, String), ProviderName>,
) -> Option<Match> {
    if !section.has("match") {
        section.section("match");
        return None;
    }
    let mut table = section.section("match");
    let given: Vec<_> = ["prefix", "regex", "jwt_issuer"]
        .into_iter()
        .filter_map(|key| Some((key, table.text(key)?)))
        .collect();
    let matching = match given.as_slice() {
        [(key, text)] => read_one(&table, key, text),
        [] | [..] => {
            let remedy = "Write one of prefix, regex and jwt_issuer.";
            table.problem(
                "",
                "needs exactly one of prefix, regex and jwt_issuer",
                remedy,
            );
            None
        }
    };
    if let (Some(_), [(key, text)]) = (&matching, given.as_slice()) {
        take(&table, key, (key, text), name, taken);
    }
    table.finish();
    matching
}

/// Notes a rule of this provider. One of another provider is a problem with `place`.
fn take(
    section: &Section,
    place: &str,
    (key, text): (&'static str, &str),
    name: &ProviderName,
    taken: &mut HashMap<(&'static str, String), ProviderName>,
) {
    if let Some(other) = taken.insert((key, text.to_owned()), name.clone()) {
        let what = format!("is that of providers.{other}, too");
        section.problem(
            place,
            what,
            "Make the two differ, or remove match from one and request it by name.",
        );
    }
}

fn read_one(table: &Section, key: &str, text: &str) -> Option<Match> {
    if text.is_empty() {
        table.problem(
            key,
            "is empty, and so fits every token",
            "Write what distinguishes this provider's tokens.",
        );
        return None;
    }
    match key {
        "prefix" => Some(Match::Prefix(text.to_owned())),
        "jwt_issuer" => Some(Match::JwtIssuer(text.to_owned())),
        _ => match Regex::new(text) {
            Ok(regex) => Some(Match::Regex(regex)),
            Err(error) => {
                let error = error.to_string();
                let reason = error
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ");
                table.problem(
                    key,
                    format!("is not a regular expression: {reason}"),
                    "Correct the expression.",
                );
                None
            }
        },
    }
}
