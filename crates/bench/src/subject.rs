//! The servers that are compared.

/// Measured server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// Bare hyper with one constant answer.
    Floor,
    Introspectd,
    /// nginx `proxy_cache` of the POST.
    ProxyCache,
    /// The same with `open_file_cache`.
    OpenFileCache,
    /// nginx with Lua and `lua_shared_dict`.
    Lua,
    /// nginx `auth_request` with njs, before a file.
    Njs,
    /// Bare hyper with one constant decision, which it has from introspectd.
    Mirror,
    /// tonic with one constant answer to Envoy.
    Tonic,
    /// Cache that introspectd has its facts in, alone or in bare hyper.
    QuickCache,
    /// Cache that logs each read for later, alone or in bare hyper.
    Moka,
}

impl Subject {
    /// Peers that answer `POST /introspect`.
    pub(crate) const PEERS: [Self; 3] = [Self::ProxyCache, Self::OpenFileCache, Self::Lua];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "bare hyper",
            Self::Introspectd => "introspectd",
            Self::ProxyCache => "nginx proxy_cache",
            Self::OpenFileCache => "nginx proxy_cache, open_file_cache",
            Self::Lua => "nginx lua_shared_dict",
            Self::Njs => "nginx njs auth_request",
            Self::Mirror => "bare hyper, same headers",
            Self::Tonic => "bare tonic",
            Self::QuickCache => "quick_cache",
            Self::Moka => "moka",
        }
    }

    /// Returns true if the subject is a server that needs to have seen a token to answer from its
    /// cache.
    pub(crate) fn caches(self) -> bool {
        !matches!(self, Self::Floor | Self::Mirror | Self::Tonic)
    }
}
