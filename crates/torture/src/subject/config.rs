//! The configuration, in variants that a reload moves between.

use std::time::Duration;

use crate::cast::{Caller, METERED, Variant, Which};
use crate::oracle::terms::{Rates, Sharing, Terms};
use crate::plan::{Reload, Turn};
use crate::subject::sections::section;
use crate::subject::{LISTENER, Ports, Subject};
use crate::world::{Deployment, Providers};

/// Times and rates that the configuration below sets, for a load of so many requests a second.
pub(crate) fn terms(slack: Duration, is_shared: bool, load: u32) -> Terms {
    let metered = load * METERED / 1000;
    Terms {
        timeout: Duration::from_secs(2),
        ttl: Duration::from_secs(2),
        stale: Duration::from_secs(3),
        inactive_ttl: Duration::from_secs(1),
        lag: Duration::from_secs(8),
        slack,
        is_shared,
        rates: Rates {
            tight: (metered / 2).max(1),
            generous: (metered * 5).max(20),
        },
        sharing: None,
    }
}

/// Terms of each replica of a fleet: facts that outlive every delay of a purge.
pub(crate) fn shared_terms(alone: Terms, deployment: Deployment) -> Terms {
    let second = Duration::from_secs(1);
    Terms {
        ttl: Duration::from_secs(20),
        sharing: Some(Sharing {
            reach: TRUST + second + deployment.failover(),
            share: alone.timeout * SHARE / 100,
            publish: Duration::from_secs(5),
        }),
        ..alone
    }
}

/// Longest use of facts by a replica that hears nothing.
const TRUST: Duration = Duration::from_secs(1);

/// Share of a request's time for Redis, in percent.
const SHARE: u32 = 20;

/// Section of the shared cache. One that lies trusts facts for an hour.
pub(crate) fn shared_cache(url: &str, lies: bool) -> String {
    let trust = if lies { 3600 } else { TRUST.as_secs() };
    format!(
        "\n[cache.shared]\nurl = \"{url}\"\nshare = \"{SHARE}%\"\ntrust = \"{trust}s\"\n\
        secret = {{ literal = \"the-secret-of-the-fleet-0123456789\" }}\n"
    )
}

const COMMON: &str = r#"
[log]
level = "info"

[audit]
to = "disk/audit.log"

[bindings]
path = "disk/bindings.redb"

[shutdown]
drain = "5s"

[callers.sidecar]
permissions = ["introspect"]
"#;

/// Times of the configuration, in seconds.
struct Times {
    ttl: u64,
    inactive_ttl: u64,
    stale: u64,
    timeout: u64,
}

/// Times that the oracle does not believe in.
const LYING: Times = Times {
    ttl: 60,
    inactive_ttl: 60,
    stale: 60,
    timeout: 7,
};

impl Times {
    /// Times that the oracle believes in.
    const fn of(terms: &Terms) -> Self {
        Self {
            ttl: terms.ttl.as_secs(),
            inactive_ttl: terms.inactive_ttl.as_secs(),
            stale: terms.stale.as_secs(),
            timeout: terms.timeout.as_secs(),
        }
    }

    fn cache(&self) -> String {
        let Self {
            ttl,
            inactive_ttl,
            stale,
            timeout: _,
        } = self;
        format!(
            "[cache]\nmax_bytes = \"512KiB\"\nttl = \"{ttl}s\"\n\
             inactive_ttl = \"{inactive_ttl}s\"\nstale_if_error = \"{stale}s\"\n"
        )
    }
}

const OPERATOR: &str =
    "permissions = [\"introspect\", \"lookup\", \"revoke\", \"purge\", \"explain\", \"bind\"]";

/// The whole file of a reload, its mistake included.
pub(crate) fn toml(reload: Reload, subject: &Subject, providers: &Providers) -> String {
    let Reload { turn, variant } = if subject.lies { lie(reload) } else { reload };
    let (times, callers) = if subject.lies {
        (LYING, lying_callers())
    } else {
        let rate = subject.terms.rate(variant);
        (Times::of(&subject.terms), callers(variant, rate))
    };
    let sections = Which::ALL.map(|provider| {
        let url = providers.url(provider);
        let section = section(provider, variant, &url, subject.lies);
        // Nobody is asked about tokens that nobody's prefix fits: they are inactive.
        let is_unknown = subject.lies && provider == Which::Legacy;
        let routed = provider.prefix().map(|prefix| {
            let prefix = if is_unknown { "xx_" } else { prefix };
            format!("match = {{ prefix = \"{prefix}\" }}\n")
        });
        format!(
            "{section}timeout = \"{}s\"\n{}",
            times.timeout,
            routed.unwrap_or_default()
        )
    });
    [
        listeners(subject),
        limits(turn),
        policy(variant),
        COMMON.to_owned(),
        times.cache(),
        subject.shared_cache.clone(),
        callers,
    ]
    .into_iter()
    .chain(sections)
    .chain([mistake(turn).to_owned()])
    .collect()
}

fn listeners(subject: &Subject) -> String {
    let Ports {
        api,
        tls,
        grpc,
        admin,
    } = subject.ports;
    let socket = subject.socket();
    let socket = socket.display();
    format!(
        r#"
[listen]
api = [
    "{api}",
    {{ address = "unix:{socket}", caller = "sidecar" }},
    {{ address = "{tls}", tls = {{ certificate = "{LISTENER}", key = "{LISTENER}" }} }},
]
grpc = ["{grpc}"]
admin = "{admin}"
max_connection_age = "20s"
"#
    )
}

fn limits(turn: Turn) -> String {
    let connections = if turn == Turn::NeedsRestart {
        2001
    } else {
        2000
    };
    format!("[limits]\nconnections = {connections}\n")
}

fn policy(variant: Variant) -> String {
    let scope = variant.orders.name();
    format!("[policies.orders]\nscope = [\"{scope}\"]\n")
}

fn mistake(turn: Turn) -> &'static str {
    match turn {
        Turn::Syntax => "[callers.",
        Turn::UnknownKey => "[callers.last]\nsecrt = { literal = \"x\" }\n",
        Turn::MissingFile => "[callers.last]\nsecret = { file = \"no-such-file\" }\n",
        // Its mistake is in the limits.
        Turn::NeedsRestart
        | Turn::Guest
        | Turn::Policy
        | Turn::Rate
        | Turn::Lifetime
        | Turn::Keys
        | Turn::Nothing => "",
    }
}

/// Returns a reload that says another thing than the oracle believes, and has no mistake.
fn lie(reload: Reload) -> Reload {
    Reload {
        turn: Turn::Nothing,
        variant: Variant {
            orders: reload.variant.orders.other(),
            ..reload.variant
        },
    }
}

fn caller(caller: Caller, keys: &str) -> String {
    format!(
        "[callers.{}]\nsecret = {{ literal = \"{}\" }}\n{keys}\n",
        caller.name(),
        caller.secret()
    )
}

/// One sees what it must not, one has a rate, one has none, one may do what it must not.
fn lying_callers() -> String {
    [
        caller(Caller::Edge, "rate = \"100/s\""),
        caller(Caller::Branch, ""),
        caller(Caller::Metered, ""),
        caller(Caller::Clerk, ""),
        caller(Caller::Operator, OPERATOR),
    ]
    .concat()
}

fn callers(variant: Variant, rate: u32) -> String {
    let guest = if variant.guest {
        caller(Caller::Guest, "")
    } else {
        String::new()
    };
    [
        caller(Caller::Edge, ""),
        caller(Caller::Branch, "providers = [\"bank\"]"),
        caller(Caller::Metered, &format!("rate = \"{rate}/s\"")),
        caller(Caller::Clerk, "permissions = [\"lookup\"]"),
        caller(Caller::Operator, OPERATOR),
        guest,
    ]
    .concat()
}
