use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Lowest port, below the system's ephemeral ones, which a connection could take at any time.
const FIRST: u16 = 12_000;
const COUNT: u16 = 7_000;
/// Distance to the port on which a cluster's nodes speak to each other.
const BUS: u16 = 10_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// Returns a port on which nothing listens, nor on that of its bus.
pub fn free_port() -> u16 {
    // Another run of the tests at the same time begins elsewhere.
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Relaxed) % COUNT) % COUNT)
        .find(|port| is_free(*port) && is_free(port + BUS))
        .expect("a free port")
}
