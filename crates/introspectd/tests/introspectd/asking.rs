//! The commands that ask a running server.

use introspectd_simulators::{Answer, Recorded, Simulator, Vendor};

use crate::program::{Ended, Folder, run};
use crate::server::Server;

/// One of them, with its arguments and environment.
pub(crate) struct Asking<'a> {
    command: &'static str,
    arguments: Vec<&'a str>,
    environment: Vec<(&'a str, &'a str)>,
    pub(crate) folder: Folder,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(command: &'static str) -> Self {
        Self { command, arguments: Vec::new(), environment: Vec::new(), folder: Folder::new() }
    }

    pub(crate) fn env(mut self, name: &'a str, value: &'a str) -> Self {
        self.environment.push((name, value));
        self
    }

    pub(crate) fn at(self, url: &'a str) -> Self {
        self.env("INTROSPECTD_URL", url)
    }

    pub(crate) fn edge(self) -> Self {
        self.env("INTROSPECTD_CALLER", "edge").env("INTROSPECTD_SECRET", "edge-secret")
    }

    pub(crate) fn with(mut self, arguments: &[&'a str]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    pub(crate) async fn of(self, stdin: impl AsRef<[u8]>) -> Ended {
        let mut command = self.folder.command();
        command.arg(self.command).args(&self.arguments).envs(self.environment.iter().copied());
        run(command, stdin).await
    }
}

pub(crate) fn url(server: &Server) -> String {
    format!("http://{}", server.api())
}

/// A server that is no introspectd: 200 and a page, whatever is asked.
pub(crate) async fn page() -> Simulator<impl Vendor> {
    struct Page;
    impl Vendor for Page {
        fn answer(&self, _: &Recorded) -> Answer {
            Answer::html(200)
        }
    }
    Simulator::start(Page).await.unwrap()
}
