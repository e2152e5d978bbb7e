//! Cast of a run: providers and callers.

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
}

impl Which {
    pub(crate) const ALL: [Self; 4] = [Self::Bank, Self::Legacy, Self::Apis, Self::Sso];

    /// Name in the configuration.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bank => "bank",
            Self::Legacy => "legacy",
            Self::Apis => "apis",
            Self::Sso => "sso",
        }
    }

    /// Beginning of its tokens, by which they are routed.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Bank => "bk_",
            Self::Legacy => "T1am",
            Self::Apis => "ap_",
            Self::Sso => "sso_",
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
    /// Has a rate.
    Metered,
    /// Has a wrong secret.
    Stranger,
}

impl Caller {
    /// Returns true if it sees tokens of this provider.
    pub(crate) fn sees(self, provider: Which) -> bool {
        match self {
            Self::Branch => provider == Which::Bank,
            Self::Edge | Self::Sidecar | Self::Guest | Self::Metered => true,
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
        }
    }

    /// Secret in the configuration.
    pub(crate) fn secret(self) -> String {
        format!("{}-secret-8c1f5d", self.name())
    }
}
