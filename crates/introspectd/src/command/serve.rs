use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use introspectd::{App, Bound, Config, log};
use introspectd_core::SystemClock;
use introspectd_front::Stop;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, Outcome, Stopped, environment};

/// Run the server until SIGTERM or SIGINT, then let requests under way end.
#[derive(Args)]
pub(crate) struct Serve {
    /// The TOML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    pub(crate) fn run(self) -> Outcome {
        let loaded = Config::load(&self.config, &environment());
        let (config, _) = loaded.map_err(|problems| Stopped::usage(problems.to_string()))?;
        log::start(&config.log_level);
        warn_of_the_unusual(&config);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Stopped::unreachable(error.to_string()))?;
        runtime.block_on(serve(config)).map_err(|error| Stopped::usage(error.to_string()))?;
        Ok(Exit::Fine)
    }
}

async fn serve(config: Config) -> io::Result<()> {
    let bound = App::new(config, Arc::new(SystemClock::default()))?.bind().await?;
    announce(&bound);
    let (end, stop) = Stop::new();
    let serving = tokio::spawn(bound.run(stop));
    wait_for_the_end().await?;
    tracing::info!("stopping: requests under way may end");
    let _ = end.send(true);
    let all_ended = serving.await.map_err(io::Error::other)?;
    if all_ended {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped with requests under way, since [shutdown] drain is over");
    }
    Ok(())
}

fn announce(bound: &Bound) {
    for address in bound.api_addresses() {
        tracing::info!(listener = "api", %address, "listening");
    }
    for address in bound.admin_addresses() {
        tracing::info!(listener = "admin", %address, "listening");
    }
}

fn warn_of_the_unusual(config: &Config) {
    if config.providers.is_empty() {
        tracing::warn!("no provider is configured: every token is inactive");
    }
    if config.callers.is_empty() {
        tracing::warn!("no caller is configured: nobody may ask");
    }
}

async fn wait_for_the_end() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            // Its default would end the process, and with it every answer.
            _ = hang_up.recv() => tracing::warn!("SIGHUP: this version cannot reload; restart it"),
        }
    }
}
