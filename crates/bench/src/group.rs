//! The groups of figures, by name.

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// Measurements that run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Hits,
    Million,
    Latency,
    Memory,
    Misses,
    Herd,
    Down,
    Eviction,
    Start,
    ForwardAuth,
    Revocation,
    Connections,
    WrongSecrets,
    Tls,
    Grpc,
    Isolation,
    Scrape,
    Reload,
    Outage,
    Fleet,
    Jwt,
    Maps,
    Signed,
    Bound,
}

impl Group {
    pub(crate) const ALL: [Self; 24] = [
        Self::Hits,
        Self::Million,
        Self::Latency,
        Self::Memory,
        Self::Misses,
        Self::Herd,
        Self::Down,
        Self::Eviction,
        Self::Start,
        Self::ForwardAuth,
        Self::Revocation,
        Self::Connections,
        Self::WrongSecrets,
        Self::Tls,
        Self::Grpc,
        Self::Isolation,
        Self::Scrape,
        Self::Reload,
        Self::Outage,
        Self::Fleet,
        Self::Jwt,
        Self::Maps,
        Self::Signed,
        Self::Bound,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hits => "hits",
            Self::Million => "million",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Misses => "misses",
            Self::Herd => "herd",
            Self::Down => "down",
            Self::Eviction => "eviction",
            Self::Start => "start",
            Self::ForwardAuth => "forward-auth",
            Self::Revocation => "revocation",
            Self::Connections => "connections",
            Self::WrongSecrets => "wrong-secrets",
            Self::Tls => "tls",
            Self::Grpc => "grpc",
            Self::Isolation => "isolation",
            Self::Scrape => "scrape",
            Self::Reload => "reload",
            Self::Outage => "outage",
            Self::Fleet => "fleet",
            Self::Jwt => "jwt",
            Self::Maps => "maps",
            Self::Signed => "signed",
            Self::Bound => "bound",
        }
    }
}

impl ValueEnum for Group {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}
