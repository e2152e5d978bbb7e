/// Reason why a token cannot be bound as requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Bound to another record, which the request does not replace.
    OtherId,
    /// Revoked: no binding makes it active again.
    Revoked,
}

impl Conflict {
    /// Returns the description in English and in Spanish.
    pub(super) fn descriptions(self) -> (&'static str, &'static str) {
        match self {
            Self::OtherId => (
                "The token is bound to another token_id. To replace that one, send \"replace\": true.",
                "El token está vinculado a otro token_id. Para reemplazarlo, envíe \"replace\": true.",
            ),
            Self::Revoked => {
                ("The token was revoked. Bind another one.", "El token fue revocado. Vincule otro.")
            }
        }
    }
}
