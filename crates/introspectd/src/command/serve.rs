use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use introspectd::log::Log;
use introspectd::reload::Origins;
use introspectd::{App, Bound, Config, Reloader, Source, descriptors};
use introspectd_core::SystemClock;
use introspectd_server::{Activation, Stop, Workers};
use introspectd_settings::Environment;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Exit, Outcome, Stopped, complaint, environment, proxies};
use crate::allocator::return_freed_memory;

/// Run the server until SIGTERM or SIGINT, then drain requests in flight.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  introspectd serve --config introspectd.toml
  INTROSPECTD__LOG__LEVEL=debug introspectd serve --config introspectd.toml

Logs go to standard error. Exits with 2 if the configuration is invalid, an address is in use or the
audit log cannot be written at the start, and with 3 if it cannot be written later and is configured
to end the process. Supports systemd's socket activation, Type=notify and Type=notify-reload.

SIGHUP reloads the configuration: whole, or not at all where it has problems or changes what needs a
restart.";

/// Deadline of a notification, after which start and drain go on without it.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(1);

impl Serve {
    pub(crate) fn run(self) -> Outcome {
        let source = Source {
            file: self.config,
            environment: environment(),
        };
        let (files, loaded) = Config::load_watched(&source.file, &source.environment);
        let loaded = loaded.map_err(|problems| Stopped::usage(problems.to_string()))?;
        let (config, origins) = Origins::split(loaded, files);
        let log = Log::start(&config.log_level, config.log_format)
            .map_err(|error| Stopped::unreachable(error.to_string()))?;
        let outcome = Self::serve(config, source, origins, log.clone());
        // The reader of standard error may have stalled; the process ends anyway.
        match outcome {
            Ok(exit) => {
                log.finish("");
                Ok(exit)
            }
            Err(Stopped { exit, message }) => {
                log.finish(&complaint(&message));
                Err(Stopped {
                    exit,
                    message: String::new(),
                })
            }
        }
    }

    fn serve(config: Config, source: Source, origins: Origins, log: Log) -> Outcome {
        descriptors::raise();
        warn_of_the_unusual(&config, &source.environment);
        // For listeners and signals; connections are with the workers.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| Stopped::unreachable(error.to_string()))?;
        let served = runtime.block_on(serve(config, source, origins, log));
        // To drop it would wait for threads that ask the bindings, past any drain.
        runtime.shutdown_background();
        match served.map_err(|error| Stopped::usage(error.to_string()))? {
            Why::Signal => Ok(Exit::Fine),
            Why::Audit => Err(Stopped::unreachable(AUDIT_FAILED)),
        }
    }
}

/// Reason of the shutdown.
#[derive(Clone, Copy)]
enum Why {
    Signal,
    /// Audit entries are lost, and `[audit] on_failure` is `exit`.
    Audit,
}

const AUDIT_FAILED: &str = "stopped: the audit log cannot be written and [audit] on_failure is \
    \"exit\"; see the log for the cause";

async fn serve(config: Config, source: Source, origins: Origins, log: Log) -> io::Result<Why> {
    let workers = config.listen.workers;
    let passed = Activation::take()?;
    // Before anything announces the process: an earlier signal would end it without a drain.
    let (signals, hang_up) = (Signals::new()?, signal(SignalKind::hangup())?);
    let bound = App::new(config, Arc::new(SystemClock::default()))?
        .bind(passed)
        .await?;
    announce(&bound);
    let (end, stop) = Stop::new();
    let workers = Workers::start(workers)?;
    let audit_failed = bound.audit_failed();
    let reloader = bound.reloader(source, origins, move |level, format| log.set(level, format));
    let serving = tokio::spawn(bound.run(workers, stop));
    tokio::spawn(return_freed_memory());
    notify(&[NotifyState::Ready]).await;
    let reloading = tokio::spawn(reload_when_due(hang_up, reloader));
    let why = tokio::select! {
        () = signals.end() => Why::Signal,
        () = audit_failed => Why::Audit,
    };
    reloading.abort();
    notify(&[NotifyState::Stopping]).await;
    tracing::info!("shutting down; draining in-flight requests");
    let _ = end.send(true);
    let all_ended = serving.await.map_err(io::Error::other)?;
    if all_ended {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped with requests in flight; [shutdown] drain has passed");
    }
    Ok(why)
}

fn announce(bound: &Bound) {
    for address in bound.api_addresses() {
        tracing::info!(listener = "api", %address, "listening");
    }
    for address in bound.grpc_addresses() {
        tracing::info!(listener = "grpc", %address, "listening");
    }
    for address in bound.admin_addresses() {
        tracing::info!(listener = "admin", %address, "listening");
    }
}

/// Notifies the service manager of a unit with `Type=notify`. Waits for at most [`NOTIFY_TIMEOUT`].
async fn notify(states: &[NotifyState<'static>]) {
    let name = states.first().map(ToString::to_string);
    let states = states.to_vec();
    // On a thread: a manager that reads nothing blocks the sender.
    let sent = tokio::task::spawn_blocking(move || sd_notify::notify(&states));
    let result = match tokio::time::timeout(NOTIFY_TIMEOUT, sent).await {
        Ok(sent) => sent.map_err(io::Error::other).flatten(),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    if let Err(error) = result {
        tracing::warn!(%error, state = name, "cannot notify the service manager");
    }
}

fn warn_of_the_unusual(config: &Config, environment: &Environment) {
    let proxies = proxies(environment);
    if !proxies.is_empty() {
        let variables = proxies.join(", ");
        tracing::warn!(
            variables,
            "proxy variables ignored; connecting to providers directly"
        );
    }
    for (provider, weakness) in config.weaknesses() {
        tracing::warn!(%provider, "{weakness}");
    }
    if config.providers.is_empty() {
        tracing::warn!("no providers configured; every token is inactive");
    }
    if config.callers.is_empty() {
        tracing::warn!("no callers configured; every request will be rejected");
    }
    for policy in config.unproven_policies() {
        tracing::warn!(%policy, "binding is \"pass\"; keys of bound tokens are not checked here");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves once the process is to end.
    async fn end(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Reloads the configuration at each SIGHUP, and where a watched file was changed. One at a time,
/// on a thread that serves no caller, since files are read.
async fn reload_when_due(mut hang_up: Signal, mut reloader: Reloader) {
    loop {
        let interval = reloader.interval();
        let is_due = async {
            match interval {
                Some(interval) => tokio::time::sleep(interval).await,
                None => std::future::pending().await,
            }
        };
        let is_ordered = tokio::select! {
            _ = hang_up.recv() => true,
            () = is_due => false,
        };
        if is_ordered {
            notify_of_reload().await;
        }
        let work = tokio::task::spawn_blocking(move || {
            if is_ordered || reloader.sees_change() {
                reloader.reload();
            }
            reloader
        });
        let done = work.await;
        if is_ordered {
            // A refused reload has ended, too.
            notify(&[NotifyState::Ready]).await;
        }
        match done {
            Ok(idle) => reloader = idle,
            Err(_) => {
                tracing::error!("reload panicked; restart to apply a changed configuration");
                return;
            }
        }
    }
}

/// Notifies the service manager of a unit with `Type=notify-reload` that a reload begins
/// (sd_notify(3)).
async fn notify_of_reload() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]).await,
        Err(error) => tracing::warn!(%error, "cannot notify the service manager"),
    }
}
