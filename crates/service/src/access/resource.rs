/// Protected resource that a policy stands before (RFC 9728): what its clients are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Identifier, byte for byte as configured.
    pub identifier: String,
    /// Path in the identifier; empty if it is at most a `/`.
    pub path: String,
    /// Scheme and authority in the identifier.
    pub origin: String,
    /// Issuers of the providers whose tokens are accepted.
    pub authorization_servers: Vec<String>,
}

impl Resource {
    /// Path of metadata, before the resource's own path (RFC 9728 section 3.1).
    pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

    /// Returns the URL of the metadata.
    pub fn metadata_url(&self) -> String {
        let Self { origin, path, .. } = self;
        format!("{origin}{}{path}", Self::WELL_KNOWN)
    }
}
