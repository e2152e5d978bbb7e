/// What is wrong with the parameters of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidQuery {
    NotEncoded,
    /// A mistyped filter that is ignored would show everything.
    Unknown,
    Filter,
    State,
    Order,
    PageSize,
    /// Forged, or another caller's or process's.
    PageToken,
    OtherList,
}

impl InvalidQuery {
    /// In both languages.
    pub(crate) fn descriptions(self) -> (&'static str, &'static str) {
        match self {
            Self::NotEncoded => {
                ("The query is not form-encoded.", "La consulta no est\u{e1} codificada como formulario.")
            }
            Self::Unknown => (
                "The parameters of a list are provider, owner, client_id, user_id, account_id, grant_type, role, state, order, page_size and page_token.",
                "Los par\u{e1}metros de una lista son provider, owner, client_id, user_id, account_id, grant_type, role, state, order, page_size y page_token.",
            ),
            Self::Filter => ("A filter takes 1 to 512 bytes.", "Un filtro admite de 1 a 512 bytes."),
            Self::State => (
                "The parameter state is one of active, expired, revoked, not_yet_valid and unknown.",
                "El par\u{e1}metro state es active, expired, revoked, not_yet_valid o unknown.",
            ),
            Self::Order => (
                "The parameter order is created_at or -created_at.",
                "El par\u{e1}metro order es created_at o -created_at.",
            ),
            Self::PageSize => (
                "The parameter page_size is a number from 1 to 200.",
                "El par\u{e1}metro page_size es un n\u{fa}mero del 1 al 200.",
            ),
            Self::PageToken => (
                "The page_token is none that this server gave to this caller since it started: begin the list anew.",
                "Este servidor no ha dado ese page_token a este cliente desde que arranc\u{f3}: empiece la lista de nuevo.",
            ),
            Self::OtherList => (
                "The page_token is of a list with other parameters: repeat those, or leave them out.",
                "El page_token es de una lista con otros par\u{e1}metros: repita aquellos u om\u{ed}talos.",
            ),
        }
    }
}
