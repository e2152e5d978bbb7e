use http::StatusCode;
use introspectd_service::Fault;
use introspectd_service::refusal::EventFault;

use super::row::{Row, Text, text};

/// Returns the row of a transmitter's message.
pub(super) fn row_of(fault: EventFault) -> Row {
    Row {
        status: StatusCode::BAD_REQUEST,
        text: text_of(fault),
        challenges: &[],
    }
}

/// Returns what is wrong with a message, for a person.
pub(super) fn text_of(fault: EventFault) -> Text {
    match fault {
        EventFault::Token(Fault::Malformed(_)) => text(
            "The token is not a signed JWT that can be read.",
            "El token no es un JWT firmado legible.",
        ),
        EventFault::Token(Fault::Type) => text(
            "The typ is not that of this kind of token.",
            "El typ no es el de este tipo de token.",
        ),
        EventFault::Token(Fault::Key(_)) => text(
            "The algorithm, key or signature is not accepted.",
            "El algoritmo, la clave o la firma no se aceptan.",
        ),
        EventFault::Token(Fault::Issuer) => text(
            "The issuer is not known here.",
            "El emisor no se conoce aquí.",
        ),
        EventFault::Token(Fault::Audience) => {
            text("The audience is another one.", "La audiencia es otra.")
        }
        EventFault::Token(Fault::Claim(_)) => text(
            "The claims, the event or the subject identifier are not as they must be.",
            "Los claims, el evento o el identificador del sujeto no son válidos.",
        ),
        EventFault::NotAuthenticated => text(
            "The Authorization header is not the transmitter's.",
            "El encabezado Authorization no es el del transmisor.",
        ),
        EventFault::NotPushed => text(
            "Events of this transmitter are polled, and not pushed.",
            "Los eventos de este transmisor se consultan, no se envían.",
        ),
    }
}
