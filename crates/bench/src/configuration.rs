//! Configuration of the measured introspectd.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::answer::{
    AUDIENCE, CALLER, OPERATOR, OPERATOR_SECRET, POLICY, PROVIDER, RECORDS, SCOPE, SECRET,
};
use crate::failure::{Result, Tried};
use crate::lab::Lab;
use crate::room::Room;
use crate::tls::TlsListener;

/// Rate of the caller, which makes each request pay for the limiter and refuses none.
const RATE: &str = "1000000/s";

/// Listeners beside the plain one.
#[derive(Clone, Copy, Default)]
pub(crate) struct Beside<'a> {
    pub(crate) tls: Option<&'a TlsListener>,
    pub(crate) grpc: Option<u16>,
    /// Port for operators; 0 takes a free one.
    pub(crate) admin: u16,
}

/// Configuration: limits, queue, retries and breaker are those by default, and metrics are always
/// counted.
pub(crate) fn text(port: u16, authority: u16, room: Room, beside: Beside<'_>) -> String {
    let Room {
        mebibytes,
        operated,
        piped: _,
        tls: _,
        grpc: _,
        provider: more,
    } = room;
    let Beside { tls, grpc, admin } = beside;
    let grpc = grpc.map_or_else(String::new, |port| {
        format!("grpc = [\"127.0.0.1:{port}\"]\n")
    });
    let tls = tls.map_or_else(String::new, |TlsListener { port, certificate, key }| {
        format!(
            ", {{ address = \"127.0.0.1:{port}\", tls = {{ certificate = \"{}\", key = \"{}\" }} \
                }}",
            certificate.display(),
            key.display()
        )
    });
    let operator = if operated {
        format!(
            "[callers.{OPERATOR}]\nsecret = {{ literal = \"{OPERATOR_SECRET}\" }}\n\
             permissions = [\"revoke\", \"purge\"]\nrate = \"{RATE}\"\n\
             [providers.{RECORDS}]\nkind = \"passport\"\nbase_url = \
             \"http://127.0.0.1:{authority}\"\n\
             credentials = {{ type = \"none\" }}\n"
        )
    } else {
        String::new()
    };
    format!(
        "[listen]\napi = [\"127.0.0.1:{port}\"{tls}]\n{grpc}admin = \
            \"127.0.0.1:{admin}\"\nworkers = 2\n\
         public_url = \"http://127.0.0.1:{port}\"\n\
         [cache]\nttl = \"30m\"\nmax_bytes = \"{mebibytes}MiB\"\n\
         [routing]\nunmatched = \"{PROVIDER}\"\n\
         [callers.{CALLER}]\nsecret = {{ literal = \"{SECRET}\" }}\nrate = \"{RATE}\"\n\
         [policies.{POLICY}]\nscope = [\"{SCOPE}\"]\naud = [\"{AUDIENCE}\"]\n\
         {}{operator}",
        provider(PROVIDER, authority, more),
    )
}

/// Section of a provider that asks this authority, with more keys.
pub(crate) fn provider(name: &str, authority: u16, more: &str) -> String {
    format!(
        "[providers.{name}]\nkind = \"rfc7662\"\n\
         introspection_endpoint = \"http://127.0.0.1:{authority}/facts\"\n\
         credentials = {{ type = \"client_secret_basic\", client_id = \"{CALLER}\", \
         client_secret = {{ literal = \"{SECRET}\" }} }}\n{more}"
    )
}

/// Writes a configuration into this folder, in place of the one that may be there.
pub(crate) fn write(folder: &Path, configuration: &str) -> Result<()> {
    let file = folder.join(FILE);
    fs::write(&file, configuration).tried(file.display())
}

const FILE: &str = "introspectd.toml";

/// Command that starts introspectd with the configuration in this folder.
pub(crate) fn command(lab: &Lab, folder: &Path) -> Command {
    let mut command = Command::new(&lab.introspectd);
    command.arg("serve").arg("--config").arg(folder.join(FILE));
    // Such a variable wins over the file.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("INTROSPECTD__"))
        {
            command.env_remove(name);
        }
    }
    command
}
