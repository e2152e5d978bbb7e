use clap::Args;
use http::Method;

use super::{Exit, Outcome, Stopped, block_on, complain};
use crate::client::{Ask, Server};

/// Check the health of a running server at its admin listener, for containers without a shell.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Health {
    /// Address of the admin listener: HOST:PORT or unix:PATH
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    admin: String,
    /// Check readiness: alive, and not shutting down
    #[arg(long)]
    ready: bool,
}

const EXAMPLES: &str = "\
Examples:
  introspectd health
  introspectd health --ready --admin unix:/run/introspectd/admin.sock

Exits with 0 if the server is alive (with --ready: ready), 3 if it is not.";

impl Health {
    pub fn run(self) -> Outcome {
        let url = match self.admin.starts_with("unix:") {
            true => self.admin,
            false => format!("http://{}", self.admin),
        };
        let server = Server::parse(&url).map_err(Stopped::usage)?;
        let path = if self.ready { "/readyz" } else { "/livez" };
        block_on(async {
            let answer = server
                .ask(Ask {
                    method: Method::GET,
                    path,
                    ..Ask::default()
                })
                .await?;
            if answer.status.is_success() {
                return Ok(Exit::Fine);
            }
            complain(&format!("the server answers {}", answer.status));
            Ok(Exit::Unreachable)
        })
    }
}
