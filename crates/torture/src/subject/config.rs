//! The configuration, in variants that a reload moves between.

use std::path::Path;
use std::time::Duration;

use introspectd_simulators::{apigee, passport, rfc7662, tibco_asg};

use crate::cast::{Caller, Which};
use crate::oracle::judge::Terms;
use crate::subject::Ports;
use crate::world::Providers;

/// Difference between one reload and the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant {
    /// The caller `guest` is left out.
    pub(crate) without_guest: bool,
    /// Number by which the section of `legacy` differs, so that its facts are dropped.
    pub(crate) legacy: u64,
}

/// Times that the configuration below sets.
pub(crate) fn terms(slack: Duration, is_shared: bool) -> Terms {
    Terms {
        timeout: Duration::from_secs(2),
        ttl: Duration::from_secs(2),
        stale: Duration::from_secs(3),
        inactive_ttl: Duration::from_secs(1),
        lag: Duration::from_secs(8),
        slack,
        is_shared,
    }
}

const COMMON: &str = r#"
[limits]
connections = 2000

[log]
level = "info"

[audit]
to = "disk/audit.log"

[cache]
max_bytes      = "512KiB"
ttl            = "2s"
inactive_ttl   = "1s"
stale_if_error = "3s"

[bindings]
path = "disk/bindings.redb"

[shutdown]
drain = "5s"

[policies.orders]
scope = ["orders.read"]

[callers.ops]
secret      = { literal = "ops-secret-8c1f5d" }
permissions = ["introspect", "lookup", "list", "revoke", "purge", "explain", "bind"]

[callers.sidecar]
permissions = ["introspect"]
"#;

/// The operator's secret.
pub(crate) const OPERATOR: (&str, &str) = ("ops", "ops-secret-8c1f5d");

pub(crate) fn toml(
    variant: Variant,
    ports: &Ports,
    socket: &Path,
    providers: &Providers,
) -> String {
    let Ports {
        api,
        tls,
        grpc,
        admin,
    } = ports;
    let socket = socket.display();
    let listen = format!(
        r#"
[listen]
api = [
    "{api}",
    {{ address = "unix:{socket}", caller = "sidecar" }},
    {{ address = "{tls}", tls = {{ certificate = "listener.pem", key = "listener.pem" }} }},
]
grpc = ["{grpc}"]
admin = "{admin}"
max_connection_age = "20s"
"#
    );
    let sections = Which::ALL.map(|provider| section(provider, variant, &providers.url(provider)));
    [listen, COMMON.to_owned(), callers(variant)]
        .into_iter()
        .chain(sections)
        .collect()
}

fn callers(variant: Variant) -> String {
    let caller = |caller: Caller, keys: &str| {
        format!(
            "[callers.{}]\nsecret = {{ literal = \"{}\" }}\n{keys}\n",
            caller.name(),
            caller.secret()
        )
    };
    let guest = if variant.without_guest {
        String::new()
    } else {
        caller(Caller::Guest, "")
    };
    [
        caller(Caller::Edge, ""),
        caller(Caller::Branch, "providers = [\"bank\"]"),
        caller(Caller::Metered, ""),
        caller(Caller::Clerk, "permissions = [\"lookup\"]"),
        guest,
    ]
    .concat()
}

fn section(provider: Which, variant: Variant, url: &str) -> String {
    let keys = match provider {
        Which::Bank => format!(
            "kind = \"passport\"\nbase_url = \"{url}\"\n\
            credentials = {{ type = \"bearer\", token = {{ literal = \"{}\" }} }}",
            passport::BEARER
        ),
        Which::Legacy => format!(
            "kind = \"tibco-asg\"\nbase_url = \"{url}\"\nmax_in_flight = {}\n\
            credentials = {{ type = \"basic\", username = \"{}\", \
            password = {{ literal = \"{}\" }} }}",
            1000 + variant.legacy,
            tibco_asg::CLIENT_ID,
            tibco_asg::CLIENT_SECRET
        ),
        Which::Apis => format!(
            "kind = \"apigee\"\nbase_url = \"{url}\"\norganization = \"{}\"\n\
            credentials = {{ type = \"basic\", username = \"{}\", \
            password = {{ file = \"apis-password\" }} }}",
            apigee::ORGANIZATION,
            apigee::USERNAME
        ),
        Which::Sso => format!(
            "kind = \"rfc7662\"\nintrospection_endpoint = \"{url}/introspect\"\n\
            revocation_endpoint = \"{url}/revoke\"\ntls = {{ ca = \"upstream-ca.pem\" }}\n\
            credentials = {{ type = \"client_credentials\", client_id = \"{}\", \
            client_secret = {{ literal = \"{}\" }}, token_endpoint = \"{url}/token\" }}",
            rfc7662::CLIENT_ID,
            rfc7662::CLIENT_SECRET
        ),
    };
    format!(
        "\n[providers.{}]\n{keys}\ntimeout = \"2s\"\n\
        breaker = {{ failures = \"50%\", window = \"10s\", min_requests = 20, \
        open_for = \"1s\", probes = 1 }}\nmatch = {{ prefix = \"{}\" }}\n",
        provider.name(),
        provider.prefix()
    )
}
