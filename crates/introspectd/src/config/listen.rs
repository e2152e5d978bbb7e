use std::collections::HashSet;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use introspectd_front::PublicUrl;
use introspectd_server::{
    ClientAuth, ListenAddress, Protocols, SocketAccess, Tls, TlsFiles, TlsProblem,
};
use introspectd_settings::{Entry, Section};

use super::access;

/// Settings of `[listen]`.
#[derive(Debug)]
pub struct Listen {
    /// Listeners of the HTTP API.
    pub api: Vec<CallerListener>,
    /// Listeners of Envoy's external authorization, over gRPC.
    pub grpc: Vec<CallerListener>,
    /// Listeners of `/livez` and `/readyz`.
    pub admin: Vec<Endpoint>,
    /// URL at which clients reach `api`, for the metadata that the server publishes.
    pub public_url: Option<PublicUrl>,
    /// Threads that serve callers.
    pub workers: NonZeroUsize,
    /// Age at which a connection ends.
    pub max_connection_age: Duration,
}

/// Listener for callers.
#[derive(Debug)]
pub struct CallerListener {
    pub endpoint: Endpoint,
    /// Key of its entry, such as `listen.api[0]`; empty for a plain address.
    pub(super) key: String,
    /// Caller of every connection.
    pub caller: Option<String>,
    /// Set if a proxy may authenticate with `X-Introspectd-Caller` where the connection does not
    /// identify it.
    pub takes_caller_header: bool,
}

/// Settings that every listener has.
#[derive(Debug)]
pub struct Endpoint {
    pub address: ListenAddress,
    /// Access to a Unix socket.
    pub access: SocketAccess,
    /// TLS of the listener, if it has any.
    pub tls: Option<Tls>,
    /// Set if another listener has an IPv4 address with the port of this IPv6 one.
    pub is_beside_ipv4: bool,
}

const REMEDY: &str =
    "Write \"127.0.0.1:8080\", \"[::1]:8080\" or \"unix:/run/introspectd/api.sock\".";

const PUBLIC_REMEDY: &str =
    "Write a URL such as \"https://introspect.example\"; http is for loopback only.";

const HOUR: Duration = Duration::from_secs(3600);

const MAX_WORKERS: u32 = 1024;

impl Listen {
    pub(super) fn read(root: &mut Section) -> Self {
        let mut section = root.section("listen");
        let api = read_all(
            &mut section,
            "api",
            Some("127.0.0.1:8080"),
            Protocols::Http,
            read_caller_listener,
        );
        let grpc = read_all(
            &mut section,
            "grpc",
            None,
            Protocols::Grpc,
            read_caller_listener,
        );
        let admin = read_all(
            &mut section,
            "admin",
            Some("127.0.0.1:9090"),
            Protocols::Http,
            |_, endpoint| endpoint,
        );
        let public_url = section.parsed("public_url", PUBLIC_REMEDY, PublicUrl::parse);
        let workers = read_workers(&mut section);
        let ages = Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600);
        let max_connection_age = section.duration("max_connection_age", HOUR, ages);
        if api.is_empty() && grpc.is_empty() {
            section.problem("api", "names no address to listen on", REMEDY);
        }
        let mut listen = Self {
            api,
            grpc,
            admin,
            public_url,
            workers,
            max_connection_age,
        };
        listen.find_twins(&section);
        listen.separate_families();
        section.finish();
        listen
    }

    /// Returns the URL at which clients reach `api`; empty if it is not known.
    pub(crate) fn issuer(&self) -> &str {
        self.public_url.as_ref().map_or("", PublicUrl::as_str)
    }

    /// All for callers, whatever is spoken there.
    pub(super) fn for_callers(&self) -> impl Iterator<Item = &CallerListener> {
        self.api.iter().chain(&self.grpc)
    }

    /// All there are.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.for_callers()
            .map(|listener| &listener.endpoint)
            .chain(&self.admin)
    }

    /// Returns the TLS of each listener, in the order of [`Listen::endpoints`].
    pub(crate) fn into_tls(self) -> Vec<Option<Tls>> {
        let callers = self.api.into_iter().chain(self.grpc);
        let endpoints = callers.map(|listener| listener.endpoint).chain(self.admin);
        endpoints.map(|endpoint| endpoint.tls).collect()
    }

    /// Keeps an IPv6 wildcard to IPv6 where a listener has an IPv4 address with the same port.
    fn separate_families(&mut self) {
        let port_of_ipv4 = |endpoint: &Endpoint| match endpoint.address {
            ListenAddress::Tcp(SocketAddr::V4(address)) => Some(address.port()),
            ListenAddress::Tcp(SocketAddr::V6(_)) | ListenAddress::Unix(_) => None,
        };
        let ports: HashSet<u16> = self.endpoints().filter_map(port_of_ipv4).collect();
        let callers = self
            .api
            .iter_mut()
            .chain(&mut self.grpc)
            .map(|listener| &mut listener.endpoint);
        for endpoint in callers.chain(&mut self.admin) {
            if let ListenAddress::Tcp(SocketAddr::V6(address)) = endpoint.address {
                let is_mapped = address.ip().to_ipv4_mapped().is_some();
                endpoint.is_beside_ipv4 = !is_mapped && ports.contains(&address.port());
            }
        }
    }

    /// Port 0 is a free port each time.
    fn find_twins(&self, section: &Section) {
        let mut seen = HashSet::new();
        for Endpoint { address, .. } in self.endpoints() {
            let free = matches!(address, ListenAddress::Tcp(address) if address.port() == 0);
            if !free && !seen.insert(address) {
                section.problem(
                    "",
                    format!("{address} is given twice"),
                    "Give each listener its own address.",
                );
            }
        }
    }
}

/// One for each processor that this process may use, by default.
fn read_workers(section: &mut Section) -> NonZeroUsize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let default = u32::try_from(processors)
        .unwrap_or(MAX_WORKERS)
        .min(MAX_WORKERS);
    let workers = section.number("workers", default, 1..=MAX_WORKERS);
    NonZeroUsize::new(workers as usize).unwrap_or(NonZeroUsize::MIN)
}

/// Reads the listeners under `key`. `read` reads the keys of an entry beside its endpoint; a plain
/// address has none.
fn read_all<T>(
    section: &mut Section,
    key: &str,
    default: Option<&str>,
    protocols: Protocols,
    read: impl Fn(Option<&mut Section>, Endpoint) -> T,
) -> Vec<T> {
    let plain = |address| {
        let access = SocketAccess::default();
        read(
            None,
            Endpoint {
                address,
                access,
                tls: None,
                is_beside_ipv4: false,
            },
        )
    };
    let (has, entries) = (section.has(key), section.entries(key));
    if let Some(default) = default.filter(|_| !has) {
        section.note_default(&format!("{key}[0]"), format!("{default:?}"));
        return ListenAddress::parse(default)
            .into_iter()
            .map(plain)
            .collect();
    }
    let mut listeners = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        match entry {
            Entry::Text(text) => match ListenAddress::parse(&text) {
                Ok(address) => {
                    access::note_default(section, &format!("{key}[{index}]."), &address);
                    listeners.push(plain(address));
                }
                Err(error) => section.item_problem(key, &text, format!("{text:?} {error}"), REMEDY),
            },
            Entry::Section(mut entry) => {
                let address = entry.required_parsed("address", REMEDY, ListenAddress::parse);
                let access = access::read(&mut entry, address.as_ref());
                let tls = read_tls(&mut entry, protocols);
                // The other keys are read, and their problems reported, even if the address is
                // invalid.
                let placeless = || ListenAddress::Unix(PathBuf::new());
                let endpoint = Endpoint {
                    address: address.clone().unwrap_or_else(placeless),
                    access,
                    tls,
                    is_beside_ipv4: false,
                };
                let listener = read(Some(&mut entry), endpoint);
                entry.finish();
                listeners.extend(address.map(|_| listener));
            }
        }
    }
    listeners
}

fn read_caller_listener(section: Option<&mut Section>, endpoint: Endpoint) -> CallerListener {
    let Some(section) = section else {
        return CallerListener {
            endpoint,
            key: String::new(),
            caller: None,
            takes_caller_header: true,
        };
    };
    let caller = section.text("caller");
    let takes_caller_header = section.flag("caller_header", caller.is_none());
    if caller.is_some() && takes_caller_header {
        let remedy = "Leave one of the two out; the listener's caller wins.";
        section.problem(
            "caller_header",
            "has no effect where the listener names the caller",
            remedy,
        );
    }
    CallerListener {
        endpoint,
        key: section.path().to_owned(),
        caller,
        takes_caller_header,
    }
}

/// Reads `client_auth`, the demand for certificates of `client_ca`.
fn read_client_auth(table: &mut Section, has_authority: bool) -> ClientAuth {
    if !has_authority {
        if table.text("client_auth").is_some() {
            let remedy = "Add client_ca = \"PATH\", or leave client_auth out.";
            table.problem("client_auth", "has no effect without client_ca", remedy);
        }
        return ClientAuth::Required;
    }
    match table.text_or("client_auth", "required").as_str() {
        "required" => ClientAuth::Required,
        "optional" => ClientAuth::Optional,
        _ => {
            let remedy = "Write \"required\" or \"optional\".";
            table.problem("client_auth", "is not a known word", remedy);
            ClientAuth::Required
        }
    }
}

fn read_tls(entry: &mut Section, protocols: Protocols) -> Option<Tls> {
    let has_tls = entry.has("tls");
    let mut table = entry.section("tls");
    if !has_tls {
        return None;
    }
    let certificate = table.required_text(
        "certificate",
        "Name a PEM file with the server's certificate and its chain.",
    );
    let key = table.required_text("key", "Name a PEM file with the certificate's key.");
    let client_ca = table.text("client_ca").map(PathBuf::from);
    let named = [certificate.as_deref(), key.as_deref()].map(|path| path.map(Path::new));
    let named = named.into_iter().chain([client_ca.as_deref()]).flatten();
    named.for_each(|path| table.ledger().file(path));
    let client_auth = read_client_auth(&mut table, client_ca.is_some());
    let loaded = certificate.zip(key).and_then(|(certificate, key)| {
        let files = TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
            client_ca,
            client_auth,
        };
        match Tls::load(files, protocols) {
            Ok(tls) => Some(tls),
            Err(TlsProblem { key, what }) => {
                table.problem(
                    key,
                    what,
                    "Name a PEM file; the key must be that of the certificate.",
                );
                None
            }
        }
    });
    table.finish();
    loaded
}
