use introspectd_service::refusal::InvalidQuery;

use super::row::{Text, text};

/// Returns what is wrong with the parameters of a list, for a person.
pub(super) fn text_of(invalid: InvalidQuery) -> Text {
    match invalid {
        InvalidQuery::NotEncoded => text(
            "The query is not form-encoded.",
            "La consulta no está codificada como formulario.",
        ),
        InvalidQuery::Unknown => text(
            "The parameters of a list are provider, owner, client_id, user_id, account_id, \
                grant_type, role, state, order, page_size and page_token.",
            "Los parámetros de una lista son provider, owner, client_id, user_id, account_id, \
                grant_type, role, state, order, page_size y page_token.",
        ),
        InvalidQuery::Filter => text(
            "A filter takes 1 to 512 bytes.",
            "Un filtro admite de 1 a 512 bytes.",
        ),
        InvalidQuery::State => text(
            "The parameter state is one of active, expired, revoked, not_yet_valid and unknown.",
            "El parámetro state es active, expired, revoked, not_yet_valid o unknown.",
        ),
        InvalidQuery::Order => text(
            "The parameter order is created_at or -created_at.",
            "El parámetro order es created_at o -created_at.",
        ),
        InvalidQuery::PageSize => text(
            "The parameter page_size is a number from 1 to 200.",
            "El parámetro page_size es un número del 1 al 200.",
        ),
        InvalidQuery::PageToken => text(
            "The page_token is invalid or expired; restart the listing.",
            "El page_token no es válido o caducó; empiece la lista de nuevo.",
        ),
        InvalidQuery::OtherList => text(
            "The page_token is of a list with other parameters: repeat those, or leave them out.",
            "El page_token es de una lista con otros parámetros: repita aquellos u omítalos.",
        ),
    }
}
