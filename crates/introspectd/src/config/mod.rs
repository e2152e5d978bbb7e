//! The configuration, read whole: every problem at once, nothing half-valid left.

mod access;
mod audit;
mod bindings;
mod cache;
mod callers;
mod events;
mod limits;
mod listen;
mod policies;
mod proof;
mod providers;
mod reload;
mod resource;
mod routing;
mod selection;
mod shared;
mod signing;
mod trace;
mod vendor;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use introspectd_core::ProviderName;
use introspectd_resolver::{CacheLimits, Unmatched};
use introspectd_service::{Callers, Policies, SigningKey};
use introspectd_settings::{Digest, Environment, Problems, Section, Setting, resembling};
use tracing_subscriber::EnvFilter;

use crate::log::Format;
use cache::CacheConfig;

pub use audit::AuditConfig;
pub use bindings::{BindingsConfig, Stores};
pub use events::{EventsConfig, Polling};
pub use limits::Limits;
pub use listen::{CallerListener, Endpoint, Listen};
pub use providers::ProviderConfig;
pub use shared::SharedConfig;
pub use trace::TraceConfig;

/// Valid configuration.
#[derive(Debug)]
pub struct Config {
    pub listen: Listen,
    pub limits: Limits,
    /// `[log] level`, in the syntax of `RUST_LOG`.
    pub log_level: String,
    pub log_format: Format,
    pub trace: TraceConfig,
    pub audit: AuditConfig,
    pub cache: CacheLimits,
    /// Tier that is shared with other replicas.
    pub shared: Option<SharedConfig>,
    pub bindings: BindingsConfig,
    /// Handling of tokens that no provider matches.
    pub unmatched: Unmatched,
    pub callers: Callers,
    /// Keys that sign answers.
    pub signing: Vec<SigningKey>,
    pub policies: Policies,
    /// Providers in the order of their names.
    pub providers: Vec<ProviderConfig>,
    /// Transmitters of events in the order of their names.
    pub events: Vec<EventsConfig>,
    /// Limit for requests in flight after the signal to stop.
    pub drain: Duration,
    /// Interval at which files are looked at for changes; `None` for never.
    pub watch: Option<Duration>,
}

/// Configuration as it was read, with what it was read from.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// All values in force, secrets masked.
    pub settings: Vec<Setting>,
    /// Digests of secrets, by key.
    pub secrets: BTreeMap<String, Digest>,
}

/// Tables whose sections the operator names.
const NAMED: [&str; 4] = ["callers", "events", "policies", "providers"];

impl Config {
    /// Reads the file, overridden by environment variables (`INTROSPECTD__CACHE__TTL=30s`). Returns
    /// the configuration and all effective values, secrets masked.
    ///
    /// # Errors
    /// All [`Problems`] at once.
    pub fn load(file: &Path, environment: &Environment) -> Result<(Self, Vec<Setting>), Problems> {
        let (_, loaded) = Self::load_watched(file, environment);
        loaded.map(|loaded| (loaded.config, loaded.settings))
    }

    /// Loads like [`Config::load`]. Returns all files that the configuration is made of as well, as
    /// far as they are known where it has problems.
    pub fn load_watched(
        file: &Path,
        environment: &Environment,
    ) -> (BTreeSet<PathBuf>, Result<Loaded, Problems>) {
        match introspectd_settings::load_named(file, environment, &NAMED) {
            Err(problems) => ([file.to_owned()].into(), Err(problems)),
            Ok(root) => {
                let ledger = root.ledger().clone();
                ledger.file(file);
                let closed = Self::close(root);
                (ledger.files(), closed)
            }
        }
    }

    /// Reads text as the content of a configuration file called `origin`.
    ///
    /// # Errors
    /// Those of [`Config::load`].
    pub fn parse(text: &str, origin: &str, environment: &Environment) -> Result<Self, Problems> {
        let root = introspectd_settings::parse_named(text, origin, environment, &NAMED)?;
        Self::close(root).map(|loaded| loaded.config)
    }

    /// Lists the policies that let a bound token pass without a look at its key.
    pub fn unproven_policies(&self) -> impl Iterator<Item = &str> {
        let is_unproven = |name: &&str| {
            let policy = self.policies.named(name);
            policy.is_some_and(|(_, policy)| !policy.proof().binding.is_checked())
        };
        self.policies.names().filter(is_unproven)
    }

    /// Lists choices of the operator that let more in than is usual, by provider.
    pub fn weaknesses(&self) -> impl Iterator<Item = (&ProviderName, &'static str)> {
        let providers = self.providers.iter();
        providers.filter_map(|provider| Some((provider.name(), provider.weakness()?)))
    }

    fn close(mut root: Section) -> Result<Loaded, Problems> {
        let ledger = root.ledger().clone();
        let mut config = Self::read(&mut root);
        root.finish();
        let secrets = ledger.secrets();
        ledger.close().map(|settings| {
            config.note_revisions(&settings);
            Loaded {
                config,
                settings,
                secrets,
            }
        })
    }

    /// Notes the values that each provider was configured by.
    fn note_revisions(&mut self, settings: &[Setting]) {
        for provider in &mut self.providers {
            provider.note_revision(settings);
        }
        let lives = self.providers.iter().map(|provider| provider.times());
        let lives = lives.map(|times| times.ttl.max(times.inactive_ttl));
        if let (Some(shared), Some(longest)) = (&mut self.shared, lives.max()) {
            shared.keep_for(longest);
        }
    }

    fn read(root: &mut Section) -> Self {
        let listen = Listen::read(root);
        let limits = Limits::read(root);
        let (log_level, log_format) = read_log(root);
        let trace = trace::read(root);
        let audit = audit::read(root);
        let CacheConfig {
            limits: cache,
            has_shared,
            shared,
        } = cache::read(root);
        let bindings = BindingsConfig::read(root, has_shared);
        let providers = providers::read(root, &cache.times);
        let unmatched = routing::read(root, &providers.names);
        let policies = policies::read(root, &providers);
        let signing = signing::read(root, listen.public_url.is_some());
        let known = callers::Known {
            providers: &providers.names,
            policies: &policies,
            signing: &signing,
        };
        let callers = callers::read(root, &known, &listen);
        let events = events::read(root, &providers.names);
        let drain = read_shutdown(root);
        let watch = reload::read(root);
        Self {
            listen,
            limits,
            log_level,
            log_format,
            trace,
            audit,
            cache,
            shared,
            bindings,
            unmatched,
            callers,
            signing,
            policies,
            providers: providers.valid,
            events,
            drain,
            watch,
        }
    }
}

fn read_log(root: &mut Section) -> (String, Format) {
    let mut log = root.section("log");
    let remedy = "Write a level (error, warn, info, debug, trace), or RUST_LOG syntax.";
    let level = log.text_or("level", "info");
    if let Err(error) = EnvFilter::try_new(&level) {
        log.problem("level", error.to_string(), remedy);
    }
    let format = match log.text_or("format", "auto").as_str() {
        "auto" => Format::Auto,
        "json" => Format::Json,
        "text" => Format::Text,
        _ => {
            let remedy = "Write \"auto\", \"json\" or \"text\".";
            log.problem("format", "must be \"auto\", \"json\" or \"text\"", remedy);
            Format::default()
        }
    };
    log.finish();
    (level, format)
}

fn read_shutdown(root: &mut Section) -> Duration {
    let mut shutdown = root.section("shutdown");
    let longest = Duration::from_secs(600);
    let drain = shutdown.duration("drain", Duration::from_secs(10), Duration::ZERO..=longest);
    shutdown.finish();
    drain
}

/// `Did you mean …?`, or else what is known.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match resembling(word, known.clone()) {
        Some(best) => format!("Did you mean `{best}`?"),
        None => format!("Known here: {}.", known.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_force(file: &str) -> Vec<(String, String)> {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config"));
        let environment = ["EDGE_SECRET", "ASG_PASSWORD", "SSO_SECRET"]
            .map(|name| (name.to_owned(), name.to_owned()));
        let loaded = Config::load(&folder.join(file), &environment.into());
        let (_, settings) = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        settings
            .into_iter()
            .map(|setting| (setting.key, setting.value))
            .collect()
    }

    #[test]
    fn reference_shows_the_defaults() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        let (config, defaults) = Config::load(empty.path(), &Environment::new()).unwrap();
        let reference = in_force("default.toml");
        for Setting { key, value, .. } in defaults {
            assert!(
                reference.contains(&(key.clone(), value.clone())),
                "{key} = {value}"
            );
        }
        let addresses: Vec<_> = config
            .listen
            .api
            .iter()
            .map(|listener| listener.endpoint.address.to_string())
            .collect();
        assert!(reference.contains(&("listen.api[0]".to_owned(), format!("{:?}", addresses[0]))));
        let admin = config.listen.admin[0].address.to_string();
        assert!(reference.contains(&("listen.admin[0]".to_owned(), format!("{admin:?}"))));
    }

    #[test]
    fn the_example_is_valid() {
        assert!(
            in_force("gateway.toml")
                .contains(&("providers.legacy.timeout".to_owned(), "\"2s\"".to_owned()))
        );
    }

    /// Any file is a configuration or a list of problems.
    #[test]
    fn any_file_is_read_or_refused() {
        let seeds: [&[u8]; 2] = [
            include_bytes!("../../../../config/default.toml"),
            include_bytes!("../../../../config/gateway.toml"),
        ];
        let file = tempfile::NamedTempFile::new().unwrap();
        let environment = Environment::new();
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            std::fs::write(file.path(), bytes).unwrap();
            if let Err(problems) = Config::load(file.path(), &environment) {
                assert!(!problems.to_string().is_empty());
            }
        });
    }
}
