//! The files of `config/`, moved from the root of a machine into a folder of their own.

use std::path::{Path, PathBuf};

use introspectd_simulators::Simulator;
use introspectd_simulators::rfc7662::{CLIENT_SECRET, Rfc7662};
use tokio::process::Command;

use crate::program::{Folder, command};
use crate::server::Server;
use crate::vendors::sso;

/// Places of the sockets in `config/sidecar.toml`; its secret and provider follow.
pub(crate) const RUN: &str = "/run/introspectd/";
pub(crate) const SECRETS: &str = "/run/secrets/introspectd/";
const ENDPOINT: &str = "https://sso.example/introspect";

/// `config/sidecar.toml` before a simulator of its provider.
pub(crate) struct Deployment {
    pub(crate) folder: Folder,
    pub(crate) sso: Simulator<Rfc7662>,
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Deployment {
    pub(crate) async fn new() -> Self {
        let (folder, sso) = (Folder::new(), sso().await);
        folder.write("sso", format!("{CLIENT_SECRET}\n"));
        let deployment = Self { folder, sso };
        let config = deployment.moved(&read("config/sidecar.toml"));
        deployment.folder.write("introspectd.toml", config);
        deployment
    }

    /// Replaces the places in a text of the documentation by those of the test.
    pub(crate) fn moved(&self, text: &str) -> String {
        let here = self.folder.path("").display().to_string();
        text.replace(ENDPOINT, &format!("{}/introspect", self.sso.base_url()))
            .replace(SECRETS, &here)
            .replace(RUN, &here)
            .replace("/etc/introspectd/", &here)
    }

    /// The program with documented arguments.
    pub(crate) fn command(&self, arguments: &[String]) -> Command {
        let mut command = command(&self.folder.path(""));
        command.args(arguments.iter().map(|argument| self.moved(argument)));
        command
    }

    /// Serves with these arguments.
    pub(crate) async fn serve(
        self,
        arguments: &[String],
        environment: &[(String, String)],
    ) -> Running {
        let mut command = self.command(arguments);
        command.envs(environment.iter().cloned());
        let Self { folder, sso } = self;
        Running {
            server: Server::start_as(folder, &mut command).await,
            sso,
        }
    }
}

/// A deployment that serves.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) sso: Simulator<Rfc7662>,
}

impl Running {
    pub(crate) fn socket(&self) -> PathBuf {
        self.server.folder.path("api.sock")
    }

    /// The sockets' documented places, moved.
    pub(crate) fn moved(&self, text: &str) -> String {
        text.replace(RUN, &self.server.folder.path("").display().to_string())
    }
}
