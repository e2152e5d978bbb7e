use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use introspectd_core::{Clock, ProviderName, Selection};
use introspectd_discovery::{Member, Source as MetadataSource};
use introspectd_jwks::KeyConfig;
use introspectd_poll::{Current, Poller};
use introspectd_service::{Expected, SecretDigest, Transmitter};
use introspectd_settings::Section;
use introspectd_upstream::{Connection, Dialect, Outbound, Upstream};
use secrecy::ExposeSecret;

use super::selection;

/// Valid section `[events.NAME]`.
#[derive(Debug)]
pub struct EventsConfig {
    name: String,
    expected: Expected,
    keys: KeyConfig,
    providers: Selection<ProviderName>,
    falls_back: bool,
    authorization: Option<SecretDigest>,
    poll: Option<PollConfig>,
}

/// Polling of a transmitter (RFC 8936).
#[derive(Debug)]
struct PollConfig {
    connection: Connection,
    interval: Duration,
}

/// Values that must differ between transmitters, with the section of each.
#[derive(Default)]
struct Taken {
    issuers: HashMap<String, String>,
    authorizations: Vec<(SecretDigest, String)>,
}

const SECOND: Duration = Duration::from_secs(1);

/// Name of a transmitter's metadata (SSF 1.0 section 7.2.1).
const METADATA: &str = "ssf-configuration";

pub(super) fn read(root: &mut Section, providers: &[ProviderName]) -> Vec<EventsConfig> {
    let mut taken = Taken::default();
    let mut valid = Vec::new();
    for (name, mut section) in root.sections("events") {
        valid.extend(read_one(name, &mut section, providers, &mut taken));
        section.finish();
    }
    valid
}

fn read_one(
    name: String,
    section: &mut Section,
    providers: &[ProviderName],
    taken: &mut Taken,
) -> Option<EventsConfig> {
    let before = section.ledger().problem_count();
    let remedy = "Write its issuer as its tokens have it: \"https://idp.example\".";
    let issuer = section.required_text("issuer", remedy);
    let keys = KeyConfig::read(section, issuer.as_deref(), |issuer| {
        MetadataSource::well_known(issuer, METADATA, Member::Jwks)
    });
    let audience = section.texts("audience").unwrap_or_default();
    if audience.is_empty() {
        let remedy =
            "Write what its tokens name us by: audience = [\"https://introspect.example\"].";
        section.problem("audience", "is missing or empty", remedy);
    }
    let providers = selection::read_providers(section, "providers", providers);
    let falls_back = match section.text_or("fallback", "none").as_str() {
        "none" => false,
        "provider" => true,
        _ => {
            let remedy = "Write \"none\" or \"provider\".";
            section.problem("fallback", "must be \"none\" or \"provider\"", remedy);
            false
        }
    };
    let authorization = section.secret("authorization");
    let authorization = authorization.map(|it| SecretDigest::of(it.expose_secret()));
    let poll = section.has("poll").then(|| read_poll(section));
    if let Some(issuer) = &issuer {
        taken.take_issuer(section, issuer, &name);
    }
    if let Some(authorization) = &authorization {
        taken.take_authorization(section, authorization, &name);
    }
    if section.ledger().problem_count() > before {
        return None;
    }
    let (keys, issuer) = (keys?, issuer?);
    Some(EventsConfig {
        name,
        expected: Expected { issuer, audience },
        keys,
        providers,
        falls_back,
        authorization,
        poll: poll.flatten(),
    })
}

fn read_poll(section: &mut Section) -> Option<PollConfig> {
    let mut table = section.section("poll");
    let connection = Connection::read(&mut table, "url", Dialect::JsonEndpoint);
    let interval = table.duration("interval", 5 * SECOND, SECOND / 10..=3600 * SECOND);
    table.finish();
    Some(PollConfig {
        connection: connection?,
        interval,
    })
}

impl Taken {
    fn take_issuer(&mut self, section: &Section, issuer: &str, name: &str) {
        if let Some(other) = self.issuers.insert(issuer.to_owned(), name.to_owned()) {
            let what = format!("is that of events.{other}, too");
            section.problem("issuer", what, "Describe each transmitter in one section.");
        }
    }

    fn take_authorization(&mut self, section: &Section, digest: &SecretDigest, name: &str) {
        let mut others = self.authorizations.iter();
        if let Some((_, other)) = others.find(|(known, _)| known.matches(digest)) {
            let what = format!("is that of events.{other}, too");
            section.problem(
                "authorization",
                what,
                "Give each transmitter one of its own.",
            );
        }
        self.authorizations.push((*digest, name.to_owned()));
    }
}

impl EventsConfig {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Builds the transmitter, whose keys are not fetched yet, and what polls it.
    pub fn into_transmitter(
        self,
        clock: &Arc<dyn Clock>,
        outbound: &Outbound,
    ) -> (Arc<Transmitter>, Option<Polling>) {
        let issuer = self.expected.issuer.clone();
        let keys = self.keys.into_source(issuer, clock, outbound);
        let transmitter = Arc::new(Transmitter {
            name: self.name,
            expected: self.expected,
            keys: Arc::new(keys),
            providers: self.providers,
            falls_back: self.falls_back,
            authorization: self.authorization,
            is_polled: self.poll.is_some(),
            record: Arc::default(),
        });
        let polling = self.poll.map(|poll| Polling {
            uri: poll.connection.address.uri().clone(),
            upstream: Upstream::new(poll.connection, Arc::clone(clock), outbound),
            interval: poll.interval,
        });
        (transmitter, polling)
    }
}

/// Way to poll a transmitter.
pub struct Polling {
    uri: Uri,
    upstream: Upstream,
    interval: Duration,
}

impl Polling {
    /// Creates the poller of a transmitter.
    pub fn into_poller(self, transmitter: Arc<Transmitter>, service: Current) -> Poller {
        let Self {
            uri,
            upstream,
            interval,
        } = self;
        Poller::new(transmitter, upstream, uri, interval, service)
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use introspectd_settings::Environment;

    const GOOD: &str = r#"
issuer = "https://idp.example"
audience = ["us"]
jwks = { url = "https://idp.example/jwks" }
"#;

    /// Names of the transmitters, or all problems.
    fn parse(sections: &str) -> Result<Vec<String>, String> {
        let config = Config::parse(sections, "x.toml", &Environment::new());
        let config = config.map_err(|problems| problems.to_string())?;
        let names = config.events.iter().map(|events| events.name().to_owned());
        Ok(names.collect())
    }

    #[test]
    fn transmitters_are_read_with_all_keys() {
        assert_eq!(parse("").unwrap(), Vec::<String>::new());
        assert_eq!(parse(&format!("[events.idp]{GOOD}")).unwrap(), ["idp"]);
        let discovered = GOOD.replace(
            "jwks = { url = \"https://idp.example/jwks\" }",
            "discover = true",
        );
        let more = r#"
providers = ["*"]
fallback = "provider"
authorization = { literal = "Bearer x" }
timeout = "5s"
poll = { url = "https://idp.example/poll?stream=1", interval = "1s", credentials = { type = "none" } }
"#;
        assert_eq!(
            parse(&format!("[events.a]{discovered}{more}")).unwrap(),
            ["a"]
        );
        let local = GOOD.replace("https://idp.example/jwks", "http://127.0.0.1:1/jwks");
        assert_eq!(parse(&format!("[events.a]{local}")).unwrap(), ["a"]);
    }

    #[test]
    fn each_problem_is_named() {
        let open = GOOD.replace("https://idp.example/jwks", "http://idp.example/jwks");
        let other = GOOD.replace("idp.example\"", "other.example\"");
        let shown = "authorization = { literal = \"x\" }\n";
        for (sections, problem) in [
            ("[events.a]\n".to_owned(), "events.a.issuer: is missing"),
            (
                format!("[events.a]{GOOD}discover = true\n"),
                "jwks: or discover is needed, and one of them only",
            ),
            (
                "[events.a]\nissuer = \"urn:x\"\naudience = [\"us\"]\ndiscover = true\n".to_owned(),
                "is no https URL",
            ),
            (
                "[events.a]\nissuer = \"http://x.example\"\naudience = [\"us\"]\ndiscover = true\n"
                    .to_owned(),
                "is no https URL",
            ),
            (format!("[events.a]{open}"), "is plain http"),
            (
                format!("[events.a]{}", GOOD.replace("[\"us\"]", "[]")),
                "is missing or empty",
            ),
            (
                format!("[events.a]{GOOD}fallback = \"all\"\n"),
                "must be \"none\" or \"provider\"",
            ),
            (
                format!("[events.a]{GOOD}providers = [\"x\"]\n"),
                "not a known provider",
            ),
            (
                format!("[events.a]{GOOD}poll = {{ url = \"https://x.example\" }}\n"),
                "are missing",
            ),
            (format!("[events.a]{GOOD}isuer = 1\n"), "is not a known key"),
            (
                format!("[events.a]{GOOD}[events.b]{GOOD}"),
                "is that of events.a, too",
            ),
            (
                format!("[events.a]{GOOD}{shown}[events.b]{other}{shown}"),
                "authorization: is that of events.a, too",
            ),
        ] {
            let problems = parse(&sections).unwrap_err();
            assert!(problems.contains(problem), "{problem}: {problems}");
        }
    }
}
