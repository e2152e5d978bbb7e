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

impl Default for Ports {
    fn default() -> Self {
        Self {
            api: 8080,
            admin: 9090,
            providers: 9501,
        }
    }
}

impl Ports {
    /// All in a row, from this one.
    pub(crate) fn parse(base: &str) -> Result<Self, String> {
        match base.parse::<u16>() {
            Ok(base @ 1..=LAST_BASE) => Ok(Self {
                api: base,
                admin: base + 1,
                providers: base + 2,
            }),
            Ok(_) | Err(_) => Err(format!("must be a number from 1 to {LAST_BASE}")),
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
        for (whose, address) in listeners.into_iter().chain(providers) {
            if let Err(error) = TcpListener::bind(address) {
                let taken = error.kind() == ErrorKind::AddrInUse;
                let why = if taken {
                    "is in use by another program".to_owned()
                } else {
                    format!("cannot be used: {error}")
                };
                let other = if self.api == 18080 { 28080 } else { 18080 };
                return Err(format!(
                    "port {} of `{whose}` {why}.
Move all ports of the demo: cargo demo -- --port-base {other}",
                    address.port()
                ));
            }
        }
        Ok(())
    }
}

const LAST_BASE: u16 = u16::MAX - 6;

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_port_moves_all() {
        let ports = Ports::parse("18080").unwrap();
        assert_eq!((ports.api().port(), ports.admin().port()), (18080, 18081));
        assert_eq!(
            ports.providers().map(|address| address.port()),
            [18082, 18083, 18084, 18085, 18086]
        );
    }

    #[test]
    fn base_port_leaves_room_for_all() {
        assert_eq!(Ports::parse("65529").unwrap().providers()[4].port(), 65535);
        for bad in ["0", "65530", "70000", "-1", "x", ""] {
            assert!(Ports::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn occupied_port_is_reported_with_a_remedy() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let message = Ports {
            api: port,
            ..Ports::default()
        }
        .check()
        .unwrap_err();
        assert!(
            message.contains(&format!("port {port}")) && message.contains("--port-base"),
            "{message}"
        );
    }
}
