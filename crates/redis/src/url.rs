use std::fmt;
use std::str::FromStr;

/// Place of Redis, from a URL without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub(super) place: Place,
    /// True if every connection is encrypted and verified.
    pub(super) tls: bool,
}

/// Kinds of deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Standalone {
        address: Address,
        database: u16,
    },
    Sentinel {
        sentinels: Vec<Address>,
        master: String,
    },
    Cluster {
        seeds: Vec<Address>,
    },
}

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    /// Name or IP address, an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Reason why a text is not a [`RedisUrl`]. It repeats nothing of the text, which may hold a
/// password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error(
        "must be redis://host:port[/database], redis+sentinel://host:port,host:port/master or \
         redis+cluster://host:port,host:port (rediss for TLS)"
    )]
    Scheme,
    #[error("must not hold credentials: there are keys for username and password")]
    Credentials,
    #[error("must name hosts as host or host:port, several only for Sentinel and Cluster")]
    Host,
    #[error("must end in the number of a database, or in none")]
    Database,
    #[error("must end in /NAME, the name by which the sentinels know the master")]
    Master,
    #[error("must end after the hosts: a cluster has no other database than 0")]
    ClusterPath,
}

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl RedisUrl {
    /// Parses the forms that [`UrlError::Scheme`] names.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let (protocol, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match protocol {
            "redis" => false,
            "rediss" => true,
            _ => return Err(UrlError::Scheme),
        };
        if rest.contains('@') || rest.contains("password=") {
            return Err(UrlError::Credentials);
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let place = match kind {
            "" => Place::Standalone {
                address: Address::parse(hosts, REDIS_PORT).ok_or(UrlError::Host)?,
                database: parse_database(path)?,
            },
            "sentinel" => Place::Sentinel {
                sentinels: parse_hosts(hosts, SENTINEL_PORT)?,
                master: parse_master(path)?,
            },
            "cluster" if path.is_empty() => Place::Cluster {
                seeds: parse_hosts(hosts, REDIS_PORT)?,
            },
            "cluster" => return Err(UrlError::ClusterPath),
            _ => return Err(UrlError::Scheme),
        };
        Ok(Self { place, tls })
    }
}

impl FromStr for RedisUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

fn parse_database(path: &str) -> Result<u16, UrlError> {
    if path.is_empty() {
        return Ok(0);
    }
    path.parse().map_err(|_| UrlError::Database)
}

fn parse_master(path: &str) -> Result<String, UrlError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if path.is_empty() || !path.chars().all(is_name) {
        return Err(UrlError::Master);
    }
    Ok(path.to_owned())
}

fn parse_hosts(hosts: &str, port: u16) -> Result<Vec<Address>, UrlError> {
    let addresses = hosts.split(',').map(|host| Address::parse(host, port));
    addresses.collect::<Option<_>>().ok_or(UrlError::Host)
}

impl Address {
    fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
            let (host, port) = bracketed.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port)
        } else {
            text.split_at(text.find(':').unwrap_or(text.len()))
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None if port.is_empty() => default_port,
            None => return None,
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        (!host.is_empty() && host.chars().all(is_part)).then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, port: u16) -> Address {
        let host = host.to_owned();
        Address { host, port }
    }

    #[test]
    fn every_kind_of_deployment_has_a_form() {
        let cases = [
            (
                "redis://cache.internal:6380/3",
                false,
                Place::Standalone {
                    address: address("cache.internal", 6380),
                    database: 3,
                },
            ),
            (
                "rediss://[::1]",
                true,
                Place::Standalone {
                    address: address("::1", 6379),
                    database: 0,
                },
            ),
            (
                "redis+sentinel://s1:26379,s2/mymaster",
                false,
                Place::Sentinel {
                    sentinels: vec![address("s1", 26379), address("s2", 26379)],
                    master: "mymaster".to_owned(),
                },
            ),
            (
                "rediss+cluster://n1:7000,10.0.0.2/",
                true,
                Place::Cluster {
                    seeds: vec![address("n1", 7000), address("10.0.0.2", 6379)],
                },
            ),
        ];
        for (text, tls, place) in cases {
            assert_eq!(RedisUrl::parse(text), Ok(RedisUrl { place, tls }), "{text}");
        }
    }

    #[test]
    fn malformed_urls_are_refused_by_what_is_wrong() {
        for (text, error) in [
            ("cache.internal:6379", UrlError::Scheme),
            ("http://cache.internal", UrlError::Scheme),
            ("redis+unix://cache.internal", UrlError::Scheme),
            ("redis://user:hunter2@cache.internal", UrlError::Credentials),
            ("redis://cache.internal?password=a", UrlError::Credentials),
            ("redis://", UrlError::Host),
            ("redis://a,b", UrlError::Host),
            ("redis://a:0", UrlError::Host),
            ("redis://a:70000", UrlError::Host),
            ("redis://::1", UrlError::Host),
            ("redis://a b", UrlError::Host),
            ("redis+cluster://a,,b", UrlError::Host),
            ("redis://a/name", UrlError::Database),
            ("redis://a/1?x=y", UrlError::Database),
            ("redis+sentinel://a", UrlError::Master),
            ("redis+sentinel://a/b/c", UrlError::Master),
            ("redis+cluster://a/1", UrlError::ClusterPath),
        ] {
            assert_eq!(RedisUrl::parse(text), Err(error), "{text}");
        }
    }
}
