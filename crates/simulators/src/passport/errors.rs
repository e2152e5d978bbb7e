//! Passport's refusals, in English and Spanish. The shape of the body is assumed; every member is
//! optional to clients.

use serde_json::json;

use crate::{Answer, Recorded, fresh};

/// Reason for a refusal.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    Malformed,
    Unauthorized,
    NotFound,
    AlreadyRevoked,
}

/// The refusal in the language that the client asks for: Spanish for `es…`, else English (assumed).
pub(super) fn refusal(request: &Recorded, refusal: Refusal) -> Answer {
    let (status, code, english, spanish) = match refusal {
        Refusal::Malformed => (
            400,
            "BAD_REQUEST",
            "Invalid token ID format or missing parameters",
            "Formato de token_id inválido o parámetros faltantes.",
        ),
        Refusal::Unauthorized => (
            401,
            "UNAUTHORIZED",
            "Bearer token missing, expired, or does not include the required scope",
            "Token Bearer ausente, vencido o sin el alcance requerido.",
        ),
        Refusal::NotFound => (
            404,
            "NOT_FOUND",
            "Token ID not found in the IAM system",
            "El token_id no se encontró en el sistema IAM.",
        ),
        Refusal::AlreadyRevoked => (
            409,
            "CONFLICT",
            "Token is already revoked or in a non-revocable state",
            "El token ya fue revocado o no se puede revocar.",
        ),
    };
    let language = request
        .header("accept-language")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let body = json!({
        "code": code,
        "message": if language.starts_with("es") { spanish } else { english },
        "type": "error",
        "http_code": status,
        "resource": "iam.oauth.tokens",
        "url": request.path(),
        "trace_id": fresh::hex(32),
    });
    Answer::json(status, body)
}
