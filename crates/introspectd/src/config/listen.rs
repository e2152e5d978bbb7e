use std::num::NonZeroUsize;

use introspectd_front::ListenAddress;
use introspectd_settings::{Entry, Section};

/// Where to listen.
#[derive(Debug)]
pub struct Listen {
    /// For callers.
    pub api: Vec<ApiListener>,
    /// For `/livez` and `/readyz`.
    pub admin: Vec<ListenAddress>,
    /// Threads that serve callers.
    pub workers: NonZeroUsize,
}

/// A listener for callers.
#[derive(Debug)]
pub struct ApiListener {
    /// Where.
    pub address: ListenAddress,
    /// Who everybody is that comes in here.
    pub caller: Option<String>,
    /// Whether, without `caller`, a proxy may show who it is in the header `X-Introspectd-Caller`.
    pub takes_caller_header: bool,
}

impl ApiListener {
    fn plain(address: ListenAddress) -> Self {
        Self { address, caller: None, takes_caller_header: true }
    }
}

const REMEDY: &str = "Write \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/introspectd/api.sock\".";

const MAX_WORKERS: u32 = 1024;

impl Listen {
    pub(super) fn read(root: &mut Section) -> Self {
        let mut section = root.section("listen");
        let api = read_listeners(&mut section, "api", "127.0.0.1:8080");
        let admin = read_listeners(&mut section, "admin", "127.0.0.1:9090");
        let workers = read_workers(&mut section);
        if api.is_empty() {
            section.problem("api", "names no address to listen on", REMEDY);
        }
        for listener in admin.iter().filter(|listener| listener.caller.is_some()) {
            let what = format!("{} names a caller", listener.address);
            section.problem("admin", what, "The admin listener knows no callers. Leave it out.");
        }
        find_twins(&section, &api, &admin);
        section.finish();
        Self { api, admin: admin.into_iter().map(|listener| listener.address).collect(), workers }
    }
}

/// One for each processor that this process may use, by default.
fn read_workers(section: &mut Section) -> NonZeroUsize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let default = u32::try_from(processors).unwrap_or(MAX_WORKERS).min(MAX_WORKERS);
    let workers = section.number("workers", default, 1..=MAX_WORKERS);
    NonZeroUsize::new(workers as usize).unwrap_or(NonZeroUsize::MIN)
}

fn read_listeners(section: &mut Section, key: &str, default: &str) -> Vec<ApiListener> {
    if !section.has(key) {
        section.entries(key);
        section.note_default(&format!("{key}[0]"), format!("{default:?}"));
        return ListenAddress::parse(default).into_iter().map(ApiListener::plain).collect();
    }
    let mut listeners = Vec::new();
    for entry in section.entries(key) {
        match entry {
            Entry::Text(text) => match ListenAddress::parse(&text) {
                Ok(address) => listeners.push(ApiListener::plain(address)),
                Err(error) => section.problem(key, format!("{text:?} {error}"), REMEDY),
            },
            Entry::Section(mut entry) => {
                let address = entry.required_parsed("address", REMEDY, ListenAddress::parse);
                let caller = entry.text("caller");
                let takes_caller_header = entry.flag("caller_header", caller.is_none());
                if caller.is_some() && takes_caller_header {
                    let remedy = "What the listener says wins. Leave one of the two out.";
                    entry.problem(
                        "caller_header",
                        "is of no use where the listener names the caller",
                        remedy,
                    );
                }
                entry.finish();
                listeners.extend(address.map(|address| ApiListener { address, caller, takes_caller_header }));
            }
        }
    }
    listeners
}

/// Port 0 is a free port each time.
fn find_twins(section: &Section, api: &[ApiListener], admin: &[ApiListener]) {
    let mut seen = std::collections::HashSet::new();
    for ApiListener { address, .. } in api.iter().chain(admin) {
        let free = matches!(address, ListenAddress::Tcp(address) if address.port() == 0);
        if !free && !seen.insert(address) {
            section.problem("", format!("{address} is given twice"), "Give each listener its own address.");
        }
    }
}
