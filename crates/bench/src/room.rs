//! Variants of introspectd's configuration.

/// Settings of introspectd that differ from its defaults, beside the reuse of half an hour that the
/// peers have, too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) mebibytes: u64,
    /// Adds a second caller, which may revoke and purge, and a provider whose records it revokes.
    pub(crate) operated: bool,
    /// Sends the log to a pipe, as under a service manager, not to a file.
    pub(crate) piped: bool,
    /// Sends load over TLS, to a listener beside the plain one.
    pub(crate) tls: bool,
    /// Adds a port for Envoy.
    pub(crate) grpc: bool,
    /// Further keys of the provider.
    pub(crate) provider: &'static str,
}

impl Room {
    /// `[cache] max_bytes` by default.
    pub(crate) const DEFAULT: Self = Self {
        mebibytes: 256,
        operated: false,
        piped: false,
        tls: false,
        grpc: false,
        provider: "",
    };
    /// More than any set needs.
    pub(crate) const AMPLE: Self = Self {
        mebibytes: 4096,
        ..Self::DEFAULT
    };
    pub(crate) const OPERATED: Self = Self {
        operated: true,
        ..Self::DEFAULT
    };
    pub(crate) const PIPED: Self = Self {
        piped: true,
        ..Self::DEFAULT
    };
    pub(crate) const GRPC: Self = Self {
        grpc: true,
        ..Self::DEFAULT
    };
    pub(crate) const TLS: Self = Self {
        tls: true,
        ..Self::DEFAULT
    };
}
