use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, TokioResolver};

use super::NameError;

/// Source of addresses.
pub(super) enum Lookup {
    /// The system's files, read again when they change.
    System(Box<Mutex<Option<(Version, TokioResolver)>>>),
    /// One DNS server, over UDP.
    Server(SocketAddr),
}

/// Time of the last change of each of [`FILES`].
type Version = [Option<SystemTime>; 2];

const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

impl Lookup {
    /// Looks up a host's addresses and their lifetime.
    pub(super) async fn addresses(&self, host: &str) -> Result<(Vec<IpAddr>, Duration), NameError> {
        let found = self
            .resolver()?
            .lookup_ip(host)
            .await
            .map_err(|error| explain(&error))?;
        let ttl = found
            .valid_until()
            .saturating_duration_since(Instant::now());
        let addresses: Vec<_> = found.iter().collect();
        if addresses.is_empty() {
            Err(NameError::NoSuchName)
        } else {
            Ok((addresses, ttl))
        }
    }

    fn resolver(&self) -> Result<TokioResolver, NameError> {
        match self {
            Self::Server(server) => {
                let mut connection = ConnectionConfig::udp();
                connection.port = server.port();
                let server = NameServerConfig::new(server.ip(), true, vec![connection]);
                build(
                    ResolverConfig::from_parts(None, vec![], vec![server]),
                    ResolverOpts::default(),
                )
            }
            Self::System(cached) => {
                // Small files on this machine, looked at once a TTL.
                let version =
                    FILES.map(|file| Path::new(file).metadata().and_then(|it| it.modified()).ok());
                let mut cached = cached.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((known, resolver)) = &*cached
                    && *known == version
                {
                    return Ok(resolver.clone());
                }
                let resolver = system()?;
                *cached = Some((version, resolver.clone()));
                Ok(resolver)
            }
        }
    }
}

/// Name server of this machine, the default of resolv.conf(5) without a usable file.
fn system() -> Result<TokioResolver, NameError> {
    let (config, options) =
        hickory_resolver::system_conf::read_system_conf().unwrap_or_else(|error| {
            tracing::warn!(%error, "no name server in /etc/resolv.conf; asking 127.0.0.1");
            let server = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
            (
                ResolverConfig::from_parts(None, vec![], vec![server]),
                ResolverOpts::default(),
            )
        });
    build(config, options)
}

fn build(config: ResolverConfig, mut options: ResolverOpts) -> Result<TokioResolver, NameError> {
    // `Names` keeps answers, by our clock.
    options.cache_size = 0;
    let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    builder
        .with_options(options)
        .build()
        .map_err(|error| explain(&error))
}

fn explain(error: &NetError) -> NameError {
    if error.is_no_records_found() {
        NameError::NoSuchName
    } else {
        NameError::Failed
    }
}
