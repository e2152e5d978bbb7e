//! Servers that are described and not programmed: each section of `docs/providers` with `kind =
//! "http"`, run against a simulator of the server's documented answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod lifetime;
mod lookup;
mod pages;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_simulators::{Simulator, Vendor};
use introspectd_tests::{Gateway, OPS_SECRET, PRELUDE, Reply, basic, form_body};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/providers");

/// Gateway with the section of a page, before the server's simulator.
struct Described {
    server: Simulator<Arc<dyn Vendor>>,
    gateway: Gateway,
}

impl Described {
    /// Opens one with this section, and further lines at its end.
    async fn open_with(
        section: &str,
        address: &str,
        server: Arc<dyn Vendor>,
        secrets: &[(&str, &str)],
        more: &str,
    ) -> Self {
        let server = Simulator::start(server).await.unwrap();
        assert!(section.contains(address), "{address} does not stand there");
        let section = section.replace(address, &server.base_url());
        let name = name(&section);
        // The tokens of simulators have forms of their own.
        let section = section
            .lines()
            .filter(|line| !line.starts_with("match "))
            .map(|line| format!("{line}\n"))
            .collect::<String>();
        let faults = "retry = \"off\"\nbreaker = \"off\"\ntimeout = \"60s\"\n";
        let head = format!("[providers.{name}]\n");
        let section = section.replacen(&head, &format!("{head}{faults}"), 1);
        let environment: HashMap<_, _> = secrets
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let toml = format!("{PRELUDE}[routing]\nunmatched = \"{name}\"\n{section}\n{more}");
        let gateway = Gateway::start_in(&environment, &toml).await;
        Self { server, gateway }
    }

    async fn ask(&self, token: &str) -> Reply {
        self.gateway.post_introspect(&[("token", token)]).await
    }

    async fn revoke(&self, token: &str) -> Reply {
        let request = Request::post(format!("http://{}/revoke", self.gateway.api()))
            .header(AUTHORIZATION, basic("ops", OPS_SECRET))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let form = form_body(&[("token", token)]);
        self.gateway
            .send(request.body(Full::from(form)).unwrap())
            .await
    }
}

/// Provider's part of the configuration on a page.
fn section(page: &str) -> String {
    let text = text(page);
    let (_, block) = text.split_once("```toml introspectd.toml\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let begin = block.find("[providers.").unwrap();
    block.split_at(begin).1.to_owned()
}

fn name(section: &str) -> String {
    let name = section.strip_prefix("[providers.").unwrap();
    let (name, _) = name.split_once(']').unwrap();
    name.to_owned()
}

fn text(page: &str) -> String {
    fs::read_to_string(Path::new(FOLDER).join(page)).unwrap()
}

/// Pages whose section describes a server.
fn described_pages() -> Vec<String> {
    let names = fs::read_dir(FOLDER).unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    let is_described = |name: &String| {
        let text = text(name);
        let section = text.split_once("```toml introspectd.toml\n");
        section.is_some_and(|(_, rest)| rest.contains("= \"http\"\n"))
    };
    let mut names: Vec<_> = names.filter(is_described).collect();
    names.sort();
    names
}
