use super::invalid_query::InvalidQuery;

/// What is wrong with a request's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidRequest {
    NoToken,
    TokenTooLong,
    Repeated,
    NotAForm,
    UnknownProvider,
    ProviderNeeded,
    /// A token id, where only a token is taken.
    NotByHint,
    UnknownPolicy,
    /// A token id, where a policy is to judge.
    NotByPolicy,
    NotTheObject,
    NotOneToPurge,
    /// Of a list.
    Query(InvalidQuery),
    /// An id is shown to many, so none may come to be a token.
    TokenIsId,
    /// The same, of any id of the provider's.
    TokenSpellsId,
    Unreadable,
    /// No `Host`, two of them, or another one than the authority.
    NotOneHost,
}

impl InvalidRequest {
    /// For a person, in English and in Spanish.
    pub(super) fn descriptions(self) -> (&'static str, &'static str) {
        match self {
            Self::NoToken => (
                "The parameter token is missing or empty.",
                "Falta el par\u{e1}metro token o est\u{e1} vac\u{ed}o.",
            ),
            Self::TokenTooLong => ("The token is longer than 16 KiB.", "El token supera los 16 KiB."),
            Self::Repeated => {
                ("A parameter is given more than once.", "Un par\u{e1}metro aparece m\u{e1}s de una vez.")
            }
            Self::NotAForm => {
                ("The body is not form-encoded.", "El cuerpo no est\u{e1} codificado como formulario.")
            }
            Self::UnknownProvider => {
                ("There is no provider of this name.", "No existe un proveedor con este nombre.")
            }
            Self::ProviderNeeded => (
                "The hint token_id needs the parameter provider.",
                "La indicaci\u{f3}n token_id requiere el par\u{e1}metro provider.",
            ),
            Self::NotByHint => (
                "A token is revoked by its id at /v1/providers/{provider}/tokens/{token_id}.",
                "Un token se revoca por su identificador en /v1/providers/{provider}/tokens/{token_id}.",
            ),
            Self::UnknownPolicy => {
                ("There is no policy of this name.", "No existe una pol\u{ed}tica con este nombre.")
            }
            Self::NotByPolicy => (
                "A policy judges tokens, and no token ids.",
                "Una pol\u{ed}tica juzga tokens, no identificadores.",
            ),
            Self::NotTheObject => (
                "The body is not the JSON object that this call takes.",
                "El cuerpo no es el objeto JSON que esta llamada admite.",
            ),
            Self::NotOneToPurge => (
                "The body must have exactly one of token, provider, sub, client_id, none of them empty, and all with the value true.",
                "El cuerpo debe tener exactamente uno de token, provider, sub, client_id, no vac\u{ed}o, y all con el valor true.",
            ),
            Self::Query(invalid) => invalid.descriptions(),
            Self::TokenIsId => {
                ("The token and its token_id are the same.", "El token y su token_id son iguales.")
            }
            Self::TokenSpellsId => (
                "The token has the form of this provider's token ids. An id is no credential.",
                "El token tiene la forma de los identificadores de este proveedor. Un identificador no es una credencial.",
            ),
            Self::Unreadable => {
                ("The request's body could not be read.", "No se pudo leer el cuerpo de la petici\u{f3}n.")
            }
            Self::NotOneHost => (
                "The request must name its host exactly once.",
                "La petici\u{f3}n debe indicar su host exactamente una vez.",
            ),
        }
    }
}
