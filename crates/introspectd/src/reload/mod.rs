//! Reload of the configuration, whole or not at all.

mod changes;
mod watch;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use introspectd_audit::Audit;
use introspectd_core::{Bindings, Clock};
use introspectd_front::Api;
use introspectd_resolver::CacheLimits;
use introspectd_server::{Drain, Tls};
use introspectd_service::{Configured, NextProviders, Reconfiguration, Reloads, Rules, Signing};
use introspectd_settings::{Environment, Problems};
use introspectd_upstream::Outbound;
use tokio::runtime::Handle;

pub use changes::{Changes, InForce};
pub use watch::Watched;

use crate::config::{Config, Loaded, ProviderConfig};
use crate::log::Format;
use crate::shared::{self, Shared};
use crate::transmitters::Receiving;

/// Source of a configuration: its file, and the environment of the start, since that of a process
/// does not change.
#[derive(Debug, Clone)]
pub struct Source {
    pub file: PathBuf,
    pub environment: Environment,
}

/// Sources of the configuration in force: values, secrets and files.
#[derive(Debug, Default)]
pub struct Origins {
    in_force: InForce,
    watched: Watched,
    interval: Option<Duration>,
}

impl Origins {
    /// Separates the configuration from what it was read from.
    pub fn split(loaded: Loaded, files: BTreeSet<PathBuf>) -> (Config, Self) {
        let Loaded {
            config,
            settings,
            secrets,
        } = loaded;
        let origins = Self {
            in_force: InForce::new(settings, secrets),
            watched: Watched::new(files),
            interval: config.watch,
        };
        (config, origins)
    }
}

/// Parts of a running server that a changed configuration replaces.
pub(crate) struct Parts {
    pub(crate) api: Arc<Api>,
    pub(crate) audit: Option<Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bindings: Arc<dyn Bindings>,
    pub(crate) outbound: Arc<Outbound>,
    pub(crate) shared: shared::InForce,
    /// TLS of each listener, in the order of the configuration.
    pub(crate) tls: Vec<Option<Arc<Tls>>>,
    pub(crate) drain: Drain,
    pub(crate) reloads: Arc<Reloads>,
    pub(crate) receiving: Arc<Mutex<Receiving>>,
}

/// Replaces level and format of the log.
type SetLog = Box<dyn Fn(&str, Format) + Send>;

/// Reloader of a running server's configuration.
pub struct Reloader {
    source: Source,
    in_force: InForce,
    /// Interval at which files are looked at.
    interval: Option<Duration>,
    watched: Watched,
    set_log: SetLog,
    parts: Parts,
}

/// Reason why a reload was refused. Nothing has changed.
#[derive(Debug)]
pub enum Refused {
    /// Problems of the configuration.
    Invalid(Problems),
    /// Keys that differ and cannot while the process runs.
    NeedsRestart(Vec<String>),
    /// System's reason.
    System(io::Error),
}

impl Reloader {
    pub(crate) fn new(
        source: Source,
        origins: Origins,
        set_log: impl Fn(&str, Format) + Send + 'static,
        parts: Parts,
    ) -> Self {
        let set_log = Box::new(set_log);
        let Origins {
            in_force,
            watched,
            interval,
        } = origins;
        Self {
            source,
            in_force,
            interval,
            watched,
            set_log,
            parts,
        }
    }

    /// Returns the interval at which files are to be looked at; `None` for never.
    pub fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Returns true if a file of the configuration has other content than when it was last looked
    /// at. Reads files.
    pub fn sees_change(&mut self) -> bool {
        self.watched.has_changed()
    }

    /// Reads the configuration again and puts it in force, or leaves all as it was. Logs, counts,
    /// and returns true if it is in force. Reads files.
    pub fn reload(&mut self) -> bool {
        // Before they are read: a file that changes meanwhile is noticed the next time.
        self.watched.has_changed();
        let (files, loaded) = Config::load_watched(&self.source.file, &self.source.environment);
        self.watched.look_at(files, loaded.is_ok());
        let applied = loaded
            .map_err(Refused::Invalid)
            .and_then(|loaded| self.apply(loaded));
        let reloads = &self.parts.reloads;
        match applied {
            Ok(changes) => {
                let revision = self.parts.api.service().revision();
                let changed = if changes.are_none() {
                    "nothing but files".to_owned()
                } else {
                    changes.to_string()
                };
                let now = self.parts.clock.now();
                // Counted first, so that who reads the line finds it counted.
                reloads.note_applied(now, format!("applied; changed: {changed}"));
                tracing::info!(changed, revision, "configuration reloaded");
                true
            }
            Err(refused) => {
                reloads.note_refused(refused.summary());
                refused.log();
                false
            }
        }
    }

    /// Puts a configuration in force. All that can fail comes first, and changes nothing.
    fn apply(&mut self, loaded: Loaded) -> Result<Changes, Refused> {
        let Loaded {
            config,
            settings,
            secrets,
        } = loaded;
        let in_force = InForce::new(settings, secrets);
        let changes = self.in_force.changes(&in_force);
        let needing_restart = changes.needing_restart();
        if !needing_restart.is_empty() {
            let keys = needing_restart.into_iter().map(str::to_owned);
            return Err(Refused::NeedsRestart(keys.collect()));
        }
        let before = self.parts.api.service();
        let has_other_key = changes.are_in("audit.key");
        let fingerprints = has_other_key.then(|| config.audit.fingerprints());
        let signing = Signing::new(config.listen.issuer(), config.signing);
        let signing = signing.map_err(Refused::System)?;
        let (tls, drain, watch) = (config.listen.into_tls(), config.drain, config.watch);
        let (level, format) = (config.log_level, config.log_format);
        let on_failure = config.audit.on_failure();
        let joining = match &config.shared {
            Some(shared) if changes.are_in("cache.shared") => {
                let shared = Shared::prepare(shared, Arc::clone(&self.parts.clock));
                Some(shared.map_err(Refused::System)?)
            }
            Some(_) | None => None,
        };
        let bindings = joining
            .as_ref()
            .and_then(|shared| config.bindings.shared_by(shared.fleet()));
        let providers = match &joining {
            Some(shared) => {
                let bindings = bindings.as_ref().unwrap_or(&self.parts.bindings);
                self.rejoined(config.providers, shared, bindings, config.cache)
            }
            None => {
                let providers = config.providers.into_iter();
                let providers = providers.map(|provider| self.configured(provider, &changes));
                NextProviders::Reconfigured(providers.collect())
            }
        };
        let Parts {
            clock, outbound, ..
        } = &self.parts;
        let receiving = Arc::clone(&self.parts.receiving);
        let mut receiving = receiving.lock().unwrap_or_else(PoisonError::into_inner);
        let is_changed = |name: &str| changes.are_in(&format!("events.{name}"));
        let prepared = receiving.prepare(config.events, is_changed, clock, outbound);
        let change = Reconfiguration {
            rules: Rules {
                callers: config.callers,
                policies: config.policies,
            },
            transmitters: prepared.transmitters(),
            signing,
            providers,
            unmatched: config.unmatched,
            times: config.cache.times,
            fingerprints: fingerprints.transpose().map_err(Refused::System)?,
        };
        let next = before.reconfigured(change).map_err(Refused::System)?;
        let next = Arc::new(next);

        for (current, other) in self.parts.tls.iter().zip(&tls) {
            if let (Some(current), Some(other)) = (current, other) {
                current.replace(other);
            }
        }
        self.parts.api.replace(Arc::clone(&next));
        if let Ok(runtime) = Handle::try_current() {
            receiving.start(prepared, &self.parts.api, &runtime);
        }
        before.retire_for(&next);
        if let Some(shared) = joining {
            shared.start(next.replica());
            shared::replace(&self.parts.shared, shared);
        }
        if let Some(bindings) = bindings {
            self.parts.bindings = bindings;
        }
        if let Some(audit) = &self.parts.audit {
            audit.react(on_failure);
        }
        self.parts.drain.set(drain);
        (self.set_log)(&level, format);
        self.interval = watch;
        self.in_force = in_force;
        Ok(changes)
    }

    /// Providers of another fleet, or of another secret: each begins without facts.
    fn rejoined(
        &self,
        providers: Vec<ProviderConfig>,
        shared: &Shared,
        bindings: &Arc<dyn Bindings>,
        limits: CacheLimits,
    ) -> NextProviders {
        let Parts {
            clock, outbound, ..
        } = &self.parts;
        let entry =
            |provider: ProviderConfig| provider.into_entry(Arc::clone(clock), bindings, outbound);
        NextProviders::Rejoined {
            entries: providers.into_iter().map(entry).collect(),
            limits,
            fleet: Arc::clone(shared.fleet()),
        }
    }

    fn configured(&self, provider: ProviderConfig, changes: &Changes) -> Configured {
        if changes.are_in(&format!("providers.{}", provider.name())) {
            let Parts {
                clock,
                bindings,
                outbound,
                ..
            } = &self.parts;
            Configured::New(provider.into_entry(Arc::clone(clock), bindings, outbound))
        } else {
            Configured::Kept(provider.name().clone(), provider.times())
        }
    }
}

impl Refused {
    /// Logs each problem.
    fn log(&self) {
        const REFUSED: &str = "configuration not reloaded; everything stays as it was";
        match self {
            Self::Invalid(problems) => {
                for problem in &problems.0 {
                    let (origin, key) = (&problem.origin, &problem.key);
                    let (problem, remedy) = (&problem.what, &problem.remedy);
                    tracing::error!(%origin, %key, %problem, %remedy, "{REFUSED}");
                }
            }
            Self::NeedsRestart(keys) => {
                let keys = keys.join(", ");
                tracing::error!(keys, "{REFUSED}: these keys need a restart");
            }
            Self::System(error) => tracing::error!(%error, "{REFUSED}"),
        }
    }

    fn summary(&self) -> String {
        match self {
            Self::Invalid(problems) => {
                format!("refused: {} problems, see the log", problems.0.len())
            }
            Self::NeedsRestart(keys) => format!("refused: {} need a restart", keys.join(", ")),
            Self::System(error) => format!("refused: {error}"),
        }
    }
}
