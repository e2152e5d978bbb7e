mod conflict;
mod invalid_query;
mod invalid_request;

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_LANGUAGE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use introspectd_core::{Failure, Outage};
use introspectd_server::{HEAD_TOO_LONG, HEAD_TOO_LONG_DESCRIPTION};
use serde::Serialize;

use crate::language::Language;
use crate::reply::{Reply, json};
use introspectd_service::refusal::{CallerFault, Inactive, Missing};

pub(crate) use conflict::Conflict;
pub(crate) use invalid_query::InvalidQuery;
pub(crate) use invalid_request::InvalidRequest;

/// Why a request gets no answer about its token. The only way from an error to an HTTP answer is
/// [`Problem::reply`].
#[derive(Debug, PartialEq)]
pub(crate) enum Problem {
    // The client's request is at fault.
    InvalidRequest(InvalidRequest),
    NotFound,
    MethodNotAllowed {
        allow: &'static str,
    },
    TooLarge,
    HeadTooLong,
    TooSlow,
    NotForm,
    NotJson,
    NoPolicy,
    /// None that a token could be bound to.
    NoSuchToken,
    Conflict(Conflict),
    // The token that a client showed to a proxy is.
    MissingToken,
    InvalidToken(Inactive),
    /// With the challenge of the policy that it does not meet.
    InsufficientScope {
        /// Scopes that the policy requires.
        challenge: Arc<str>,
        missing: Missing,
    },
    // The caller is.
    InvalidClient,
    /// As [`Problem::InvalidClient`], of a proxy whose own client reads the answer.
    InvalidProxy,
    AccessDenied,
    // A provider, or we.
    Failure(Failure),
    /// The token is forgotten here, and may still be good there.
    NotRevoked(Failure),
    /// A token was issued, and nobody will be told that it is active.
    NotBound(Failure),
    /// A purge is in force, and what it removed could not be counted.
    NotCounted,
}

impl From<InvalidRequest> for Problem {
    fn from(invalid: InvalidRequest) -> Self {
        Self::InvalidRequest(invalid)
    }
}

impl From<InvalidQuery> for Problem {
    fn from(invalid: InvalidQuery) -> Self {
        InvalidRequest::Query(invalid).into()
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// A row of the table: status, RFC 6749 `error`, and its description in both languages.
struct Row(StatusCode, &'static str, &'static str, &'static str);

impl Problem {
    fn row(&self) -> Row {
        match self {
            Self::InvalidRequest(invalid) => {
                let (english, spanish) = invalid.descriptions();
                Row(StatusCode::BAD_REQUEST, "invalid_request", english, spanish)
            }
            Self::NotCounted => Row(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "The purge is in force, but what it removed could not be freed and counted; see the server's log.",
                "La purga est\u{e1} en vigor, pero no se pudo liberar ni contar lo eliminado; consulte el registro.",
            ),
            Self::NotFound => Row(
                StatusCode::NOT_FOUND,
                "not_found",
                "There is nothing at this path.",
                "No hay nada en esta ruta.",
            ),
            Self::MethodNotAllowed { .. } => Row(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This path does not take this method; see the Allow header.",
                "Esta ruta no admite este m\u{e9}todo; consulte el encabezado Allow.",
            ),
            Self::TooLarge => Row(
                StatusCode::PAYLOAD_TOO_LARGE,
                "payload_too_large",
                "The request is larger than 64 KiB.",
                "La petici\u{f3}n supera los 64 KiB.",
            ),
            Self::HeadTooLong => Row(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                HEAD_TOO_LONG,
                HEAD_TOO_LONG_DESCRIPTION,
                "La cabecera de la petici\u{f3}n es demasiado larga o tiene demasiados campos.",
            ),
            Self::TooSlow => Row(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "The request did not arrive in time.",
                "La petici\u{f3}n no lleg\u{f3} a tiempo.",
            ),
            Self::NotForm => Row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be application/x-www-form-urlencoded, without a Content-Encoding.",
                "El cuerpo debe ser application/x-www-form-urlencoded, sin Content-Encoding.",
            ),
            Self::NoPolicy => Row(
                StatusCode::NOT_FOUND,
                "not_found",
                "There is no policy of this name.",
                "No existe una pol\u{ed}tica con este nombre.",
            ),
            Self::NoSuchToken => Row(
                StatusCode::NOT_FOUND,
                "not_found",
                "The provider has no active token with this token_id.",
                "El proveedor no tiene ning\u{fa}n token activo con este token_id.",
            ),
            Self::Conflict(conflict) => {
                let (english, spanish) = conflict.descriptions();
                Row(StatusCode::CONFLICT, "conflict", english, spanish)
            }
            Self::MissingToken => Row(
                StatusCode::UNAUTHORIZED,
                "missing_token",
                "The request has no bearer token in its Authorization header.",
                "La petici\u{f3}n no lleva un token en el encabezado Authorization.",
            ),
            Self::InvalidToken(_) => Row(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "The token is malformed, expired, revoked or unknown, or not a bearer's access token.",
                "El token est\u{e1} mal formado, vencido o revocado, es desconocido o no es un token de acceso al portador.",
            ),
            Self::InsufficientScope { .. } => Row(
                StatusCode::FORBIDDEN,
                "insufficient_scope",
                "The token lacks a scope, role or audience that this needs.",
                "Al token le falta un alcance, un rol o una audiencia.",
            ),
            Self::NotJson => Row(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be application/json, without a Content-Encoding.",
                "El cuerpo debe ser application/json, sin Content-Encoding.",
            ),
            Self::InvalidClient | Self::InvalidProxy => Row(
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "The caller is unknown, or its secret is wrong.",
                "El cliente es desconocido o su secreto es incorrecto.",
            ),
            Self::AccessDenied => Row(
                StatusCode::FORBIDDEN,
                "access_denied",
                "The caller does not have the permission that this needs.",
                "El cliente no tiene el permiso necesario.",
            ),
            Self::Failure(failure) => failure_row(failure),
            Self::NotRevoked(failure) => {
                let Row(status, error, ..) = failure_row(failure);
                if matches!(failure, Failure::Unavailable { outage: Outage::NotSaved, .. }) {
                    return Row(
                        status,
                        error,
                        "The token is revoked, but that could not be saved for a restart of this service. Try again.",
                        "El token est\u{e1} revocado, pero no se pudo guardar para un reinicio del servicio. Int\u{e9}ntelo de nuevo.",
                    );
                }
                Row(
                    status,
                    error,
                    "The token is out of the cache, but its authorization server did not confirm the revocation.",
                    "El token ya no est\u{e1} en la cach\u{e9}, pero el servidor de autorizaci\u{f3}n no confirm\u{f3} la revocaci\u{f3}n.",
                )
            }
            Self::NotBound(failure) => {
                let Row(status, error, ..) = failure_row(failure);
                Row(
                    status,
                    error,
                    "A token was issued but could not be bound, so it is inactive here. Ask for another one.",
                    "Se emiti\u{f3} un token pero no se pudo vincular, por lo que aqu\u{ed} est\u{e1} inactivo. Solicite otro.",
                )
            }
        }
    }

    /// RFC 6749 `error`, or a word of ours.
    pub(crate) fn error(&self) -> &'static str {
        let Row(_, error, ..) = self.row();
        error
    }

    /// What is wrong, for a person.
    pub(crate) fn description(&self, language: Language) -> &'static str {
        let Row(_, _, english, spanish) = self.row();
        match language {
            Language::English => english,
            Language::Spanish => spanish,
        }
    }

    /// The answer. Nothing in it depends on the token, a credential or an upstream's words.
    pub(crate) fn reply(&self, language: Language) -> Reply {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
            error_description: &'a str,
        }
        let Row(status, error, ..) = self.row();
        let error_description = self.description(language);
        let mut response = json(status, &Body { error, error_description });
        let headers = response.headers_mut();
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        headers.insert(VARY, HeaderValue::from_static("accept-language"));
        match self {
            Self::InvalidClient => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Basic realm=\"introspectd\", charset=\"UTF-8\""),
                );
                headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"introspectd\""));
            }
            Self::MissingToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::InvalidToken(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
            }
            Self::InsufficientScope { challenge, .. } => {
                headers.insert(WWW_AUTHENTICATE, insufficient_scope(challenge));
            }
            Self::InvalidProxy => {
                // No scheme that the proxy's client would know: a browser would ask its user for our secret.
                let challenge = HeaderValue::from_static("Introspectd-Caller realm=\"introspectd\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Self::MethodNotAllowed { allow } => {
                headers.insert(ALLOW, HeaderValue::from_static(allow));
            }
            Self::Failure(failure) | Self::NotRevoked(failure) | Self::NotBound(failure) => {
                if let Failure::Unavailable { retry_after, .. } = failure {
                    let seconds = retry_after.unwrap_or(RETRY_SOON).as_secs().max(1);
                    headers.insert(RETRY_AFTER, seconds.into());
                }
            }
            Self::NotForm | Self::NotJson => {
                // RFC 9110 section 15.5.16: a content coding may be what was wrong.
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            Self::InvalidRequest(_)
            | Self::NotFound
            | Self::TooLarge
            | Self::HeadTooLong
            | Self::TooSlow
            | Self::NoPolicy
            | Self::NoSuchToken
            | Self::Conflict(_)
            | Self::AccessDenied
            | Self::NotCounted => {}
        }
        response
    }
}

/// Challenge of RFC 6750 section 3. Scope-tokens have no quote and no backslash, so they need no
/// escape inside the quotes.
fn insufficient_scope(scopes: &str) -> HeaderValue {
    let plain = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
    if scopes.is_empty() {
        return plain;
    }
    let text = format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\"");
    HeaderValue::try_from(text).unwrap_or(plain)
}

impl From<CallerFault> for Problem {
    fn from(fault: CallerFault) -> Self {
        match fault {
            CallerFault::Unauthenticated => Self::InvalidClient,
            CallerFault::AccessDenied => Self::AccessDenied,
        }
    }
}

/// Where a provider does not say when to come back.
const RETRY_SOON: Duration = Duration::from_secs(1);

fn failure_row(failure: &Failure) -> Row {
    match failure {
        Failure::Timeout | Failure::ConnectTimeout => Row(
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_timeout",
            "The authorization server gave no answer in time.",
            "El servidor de autorizaci\u{f3}n no respondi\u{f3} a tiempo.",
        ),
        Failure::Unavailable {
            outage:
                Outage::Overloaded | Outage::Purged | Outage::Abandoned | Outage::Bindings(_) | Outage::NotSaved,
            ..
        } => Row(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "The service cannot answer at present. Try again.",
            "El servicio no puede responder por el momento. Int\u{e9}ntelo de nuevo.",
        ),
        Failure::Unavailable {
            outage: Outage::Unreachable(_) | Outage::Closed | Outage::Status(_), ..
        } => Row(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "The authorization server cannot be reached at present. Try again.",
            "El servidor de autorizaci\u{f3}n no est\u{e1} disponible por el momento. Int\u{e9}ntelo de nuevo.",
        ),
        Failure::BadAnswer(_) => Row(
            StatusCode::BAD_GATEWAY,
            "upstream_error",
            "The authorization server gave no valid answer.",
            "El servidor de autorizaci\u{f3}n no dio una respuesta v\u{e1}lida.",
        ),
        Failure::Unsupported => Row(
            StatusCode::NOT_IMPLEMENTED,
            "unsupported",
            "This provider cannot do this.",
            "Este proveedor no permite esta operaci\u{f3}n.",
        ),
    }
}

#[cfg(test)]
mod tests;
