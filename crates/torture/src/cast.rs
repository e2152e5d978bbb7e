//! Cast of a run: providers, callers, and what configurations say of them.

/// A provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Which {
    /// Passport: tokens are bound to ids.
    Bank,
    /// TIBCO: goes on showing what it revoked.
    Legacy,
    /// Apigee: its password is rotated.
    Apis,
    /// RFC 7662, over TLS: its certificate is rotated, and the bearer token that it gave us ends.
    Sso,
    /// JWTs, whose signing keys are rotated each second.
    Corp,
}

impl Which {
    pub(crate) const ALL: [Self; 5] = [Self::Bank, Self::Legacy, Self::Apis, Self::Sso, Self::Corp];

    /// Name in the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bank => "bank",
            Self::Legacy => "legacy",
            Self::Apis => "apis",
            Self::Sso => "sso",
            Self::Corp => "corp",
        }
    }

    /// Beginning of its tokens, by which they are routed; none for JWTs, which name their issuer.
    pub(crate) const fn prefix(self) -> Option<&'static str> {
        match self {
            Self::Bank => Some("bk_"),
            Self::Legacy => Some("T1am"),
            Self::Apis => Some("ap_"),
            Self::Sso => Some("sso_"),
            Self::Corp => None,
        }
    }

    /// Returns true if introspectd judges its tokens by itself, and asks only for keys.
    pub(crate) const fn is_local(self) -> bool {
        matches!(self, Self::Corp)
    }
}

/// Issuer of `corp`, as its tokens name it.
pub(crate) const ISSUER: &str = "https://corp.example";
/// Audience of its tokens.
pub(crate) const AUDIENCE: &str = "https://orders.example";

/// Provider that has no faults in a fleet, so that delays and failures there are those of Redis.
pub(crate) const WELL: Which = Which::Sso;

/// Scope of a token, and what the policy `orders` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Orders,
    Bills,
}

impl Scope {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders.read",
            Self::Bills => "bills.read",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Orders => Self::Bills,
            Self::Bills => Self::Orders,
        }
    }
}

/// One of the processes that are tortured, by its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Replica(pub(crate) usize);

impl Replica {
    /// Purpose of the random numbers that decide what happens to it.
    pub(crate) const fn purpose(self) -> &'static str {
        match self.0 {
            0 => "process",
            1 => "second process",
            _ => "third process",
        }
    }
}

/// A caller, with rights of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    /// Sees all.
    Edge,
    /// Sees the bank's tokens alone.
    Branch,
    /// Caller of the Unix socket. Sees all.
    Sidecar,
    /// May look records up, and nothing else.
    Clerk,
    /// Taken away by one reload and given back by another.
    Guest,
    /// Has a rate, which a reload changes. Sees all.
    Metered,
    /// Has a wrong secret.
    Stranger,
    /// Revokes, purges, binds and explains.
    Operator,
}

impl Caller {
    /// Returns true if it sees tokens of this provider.
    pub(crate) fn sees(self, provider: Which) -> bool {
        match self {
            Self::Branch => provider == Which::Bank,
            Self::Edge | Self::Sidecar | Self::Guest | Self::Metered | Self::Operator => true,
            Self::Clerk | Self::Stranger => false,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Branch => "branch",
            Self::Sidecar => "sidecar",
            Self::Clerk => "clerk",
            Self::Guest => "guest",
            Self::Metered => "metered",
            Self::Stranger => "stranger",
            Self::Operator => "ops",
        }
    }

    /// Secret in the configuration.
    pub(crate) fn secret(self) -> String {
        format!("{}-secret-8c1f5d", self.name())
    }
}

/// Requests of the caller with a rate, in a thousand: 4 % of what does not come by the Unix socket.
pub(crate) const METERED: u32 = 34;

/// Differences between one configuration and another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// The caller `guest` is there.
    pub(crate) guest: bool,
    /// Scope that the policy `orders` asks for.
    pub(crate) orders: Scope,
    /// The rate of `metered` is far over what it sends; else far below.
    pub(crate) is_generous: bool,
    /// Longest reuse of a fact of `legacy`, in seconds.
    pub(crate) legacy_ttl: u64,
    /// Longest use of the keys of `corp`, in seconds.
    pub(crate) corp_max_age: u64,
}

impl Variant {
    /// Configuration of the first start.
    pub(crate) const FIRST: Self = Self {
        guest: true,
        orders: Scope::Orders,
        is_generous: false,
        legacy_ttl: 2,
        corp_max_age: 20,
    };
}
