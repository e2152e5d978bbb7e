//! Ports of all servers.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The ports of introspectd's two listeners and of the five providers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ports {
    api: u16,
    admin: u16,
    /// Port of the first provider: the others follow it.
    providers: u16,
}

/// Providers in the order of their ports: `bank`, `legacy`, `apis`, `sso`, and `down`, which never
/// listens.
pub(crate) const PROVIDERS: [&str; 5] = ["bank", "legacy", "apis", "sso", "down"];

/// Ports of a fleet: of its replicas' listeners, of its provider and of its Redis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FleetPorts {
    /// Port of the first replica: the others follow it.
    api: u16,
    admin: u16,
    provider: u16,
    redis: u16,
}

/// Replicas of a fleet, in the order of their ports.
pub(crate) const REPLICAS: [&str; 3] = ["a", "b", "c"];

/// Parses a port from which all others are counted.
pub(crate) fn parse_base(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(base @ 1..=LAST_BASE) => Ok(base),
        Ok(_) | Err(_) => Err(format!("must be a number from 1 to {LAST_BASE}")),
    }
}

impl Ports {
    /// Takes ports in a row from this one, or the usual ones.
    pub(crate) fn new(base: Option<u16>) -> Self {
        match base {
            None => Self {
                api: 8080,
                admin: 9090,
                providers: 9501,
            },
            Some(base) => Self {
                api: base,
                admin: base + 1,
                providers: base + 2,
            },
        }
    }

    pub(crate) fn api(self) -> SocketAddr {
        local(self.api)
    }

    pub(crate) fn admin(self) -> SocketAddr {
        local(self.admin)
    }

    /// Addresses of the providers, in the order of [`PROVIDERS`].
    pub(crate) fn providers(self) -> [SocketAddr; 5] {
        [0, 1, 2, 3, 4].map(|offset| local(self.providers + offset))
    }

    /// Checks that all ports are free. The error names the first that is not.
    pub(crate) fn check(self) -> Result<(), String> {
        let listeners = [("api", self.api()), ("admin", self.admin())];
        let providers = PROVIDERS.into_iter().zip(self.providers());
        let other = if self.api == 18080 { 28080 } else { 18080 };
        check(
            listeners.into_iter().chain(providers),
            &format!("cargo demo -- --port-base {other}"),
        )
    }
}

impl FleetPorts {
    /// Takes ports in a row from this one, or the usual ones.
    pub(crate) fn new(base: Option<u16>) -> Self {
        match base {
            None => Self {
                api: 8080,
                admin: 9090,
                provider: 9501,
                redis: 16379,
            },
            Some(base) => Self {
                api: base,
                admin: base + 3,
                provider: base + 6,
                redis: base + 7,
            },
        }
    }

    /// Addresses for callers, in the order of [`REPLICAS`].
    pub(crate) fn api(self) -> [SocketAddr; 3] {
        [0, 1, 2].map(|offset| local(self.api + offset))
    }

    pub(crate) fn admin(self) -> [SocketAddr; 3] {
        [0, 1, 2].map(|offset| local(self.admin + offset))
    }

    pub(crate) fn provider(self) -> SocketAddr {
        local(self.provider)
    }

    pub(crate) fn redis(self) -> SocketAddr {
        local(self.redis)
    }

    /// Checks that all ports are free. The error names the first that is not.
    pub(crate) fn check(self) -> Result<(), String> {
        let apis = REPLICAS.into_iter().zip(self.api());
        let admins = REPLICAS.into_iter().zip(self.admin());
        let others = [("sso", self.provider()), ("redis", self.redis())];
        let other = if self.api == 18080 { 28080 } else { 18080 };
        check(
            apis.chain(admins).chain(others),
            &format!("cargo demo -- --fleet --port-base {other}"),
        )
    }
}

fn check<'a>(
    listeners: impl Iterator<Item = (&'a str, SocketAddr)>,
    elsewhere: &str,
) -> Result<(), String> {
    for (whose, address) in listeners {
        if let Err(error) = TcpListener::bind(address) {
            let taken = error.kind() == ErrorKind::AddrInUse;
            let why = if taken {
                "is in use by another program".to_owned()
            } else {
                format!("cannot be used: {error}")
            };
            return Err(format!(
                "port {} of `{whose}` {why}.
Move all ports of the demo: {elsewhere}",
                address.port()
            ));
        }
    }
    Ok(())
}

/// Highest base that leaves room for the eight ports of a fleet.
const LAST_BASE: u16 = u16::MAX - 7;

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_port_moves_all() {
        let ports = Ports::new(Some(18080));
        assert_eq!((ports.api().port(), ports.admin().port()), (18080, 18081));
        assert_eq!(
            ports.providers().map(|address| address.port()),
            [18082, 18083, 18084, 18085, 18086]
        );
        let fleet = FleetPorts::new(Some(18080));
        assert_eq!(
            fleet.api().map(|address| address.port()),
            [18080, 18081, 18082]
        );
        assert_eq!(
            fleet.admin().map(|address| address.port()),
            [18083, 18084, 18085]
        );
        assert_eq!(
            (fleet.provider().port(), fleet.redis().port()),
            (18086, 18087)
        );
    }

    #[test]
    fn base_port_leaves_room_for_all() {
        let last = parse_base("65528").unwrap();
        assert_eq!(FleetPorts::new(Some(last)).redis().port(), 65535);
        for bad in ["0", "65529", "70000", "-1", "x", ""] {
            assert!(parse_base(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn occupied_port_is_reported_with_a_remedy() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let message = Ports {
            api: port,
            ..Ports::new(None)
        }
        .check()
        .unwrap_err();
        assert!(
            message.contains(&format!("port {port}")) && message.contains("--port-base"),
            "{message}"
        );
    }
}
