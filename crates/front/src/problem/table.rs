use http::StatusCode;
use introspectd_core::{Failure, Outage};
use introspectd_server::HEAD_TOO_LONG_DESCRIPTION;
use introspectd_service::refusal::{
    CallerFault, ClientFault, InvalidRequest, ProviderFault, RecordFault, Refusal, RequestFault,
    ServiceFault, is_ours,
};

use super::row::{Row, Text, row, text};
use super::{event, query};

/// Returns the row of a refusal.
pub(super) fn find(refusal: &Refusal) -> Row {
    match refusal {
        Refusal::Request(fault) => of_request(*fault),
        Refusal::Caller(fault) => of_caller(*fault),
        Refusal::Client(fault) => of_client(fault),
        Refusal::Record(fault) => of_record(*fault),
        Refusal::Provider(fault) => of_provider(fault),
        Refusal::Event(fault) => event::row_of(*fault),
        Refusal::Service(fault) => of_service(*fault),
    }
}

fn of_request(fault: RequestFault) -> Row {
    match fault {
        RequestFault::Invalid(invalid) => Row {
            status: StatusCode::BAD_REQUEST,
            text: of_invalid(invalid),
            challenges: &[],
        },
        RequestFault::NotFound => row(StatusCode::NOT_FOUND, "Not found.", "No encontrado."),
        RequestFault::MethodNotAllowed => row(
            StatusCode::METHOD_NOT_ALLOWED,
            "This path does not allow this method; see the Allow header.",
            "Esta ruta no admite este método; consulte el encabezado Allow.",
        ),
        RequestFault::TooLarge => row(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request is larger than 64 KiB.",
            "La petición supera los 64 KiB.",
        ),
        RequestFault::HeadTooLong => row(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            HEAD_TOO_LONG_DESCRIPTION,
            "La cabecera de la petición es demasiado larga o tiene demasiados campos.",
        ),
        RequestFault::TooSlow => row(
            StatusCode::REQUEST_TIMEOUT,
            "The request did not arrive in time.",
            "La petición no llegó a tiempo.",
        ),
        RequestFault::NotForm => row(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The body must be application/x-www-form-urlencoded, without a Content-Encoding.",
            "El cuerpo debe ser application/x-www-form-urlencoded, sin Content-Encoding.",
        ),
        RequestFault::NotJson => row(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The body must be application/json, without a Content-Encoding.",
            "El cuerpo debe ser application/json, sin Content-Encoding.",
        ),
        RequestFault::NotSecurityEvent => row(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The body must be application/secevent+jwt, without a Content-Encoding.",
            "El cuerpo debe ser application/secevent+jwt, sin Content-Encoding.",
        ),
        RequestFault::NotSignable => row(
            StatusCode::NOT_ACCEPTABLE,
            "This server does not sign answers; accept application/json.",
            "Este servidor no firma respuestas; acepte application/json.",
        ),
    }
}

fn of_invalid(invalid: InvalidRequest) -> Text {
    match invalid {
        InvalidRequest::NoToken => text(
            "The parameter token is missing or empty.",
            "Falta el parámetro token o está vacío.",
        ),
        InvalidRequest::TokenTooLong => text(
            "The token is longer than 16 KiB.",
            "El token supera los 16 KiB.",
        ),
        InvalidRequest::Repeated => text(
            "A parameter is given more than once.",
            "Un parámetro aparece más de una vez.",
        ),
        InvalidRequest::NotAForm => text(
            "The body is not form-encoded.",
            "El cuerpo no está codificado como formulario.",
        ),
        InvalidRequest::UnknownProvider => text(
            "There is no provider of this name.",
            "No existe un proveedor con este nombre.",
        ),
        InvalidRequest::ProviderNeeded => text(
            "The hint token_id needs the parameter provider.",
            "La indicación token_id requiere el parámetro provider.",
        ),
        InvalidRequest::NotByHint => text(
            "A token is revoked by its id at /v1/providers/{provider}/tokens/{token_id}.",
            "Un token se revoca por su identificador en \
                /v1/providers/{provider}/tokens/{token_id}.",
        ),
        InvalidRequest::UnknownPolicy => text(
            "There is no policy of this name.",
            "No existe una política con este nombre.",
        ),
        InvalidRequest::NotByPolicy => text(
            "A policy applies to tokens, not token ids.",
            "Una política se aplica a tokens, no a identificadores.",
        ),
        InvalidRequest::NotTheObject => text(
            "The body is not the JSON object that this call takes.",
            "El cuerpo no es el objeto JSON que esta llamada admite.",
        ),
        InvalidRequest::NotOneToPurge => text(
            "The body must have exactly one of token, provider, sub, client_id, none of them \
                empty, and all with the value true.",
            "El cuerpo debe tener exactamente uno de token, provider, sub, client_id, no vacío, y \
                all con el valor true.",
        ),
        InvalidRequest::Query(invalid) => query::text_of(invalid),
        InvalidRequest::TokenIsId => text(
            "The token and its token_id are the same.",
            "El token y su token_id son iguales.",
        ),
        InvalidRequest::TokenSpellsId => text(
            "The token has the form of this provider's token ids. An id is no credential.",
            "El token tiene la forma de los identificadores de este proveedor. Un identificador \
                no es una credencial.",
        ),
        InvalidRequest::NoLogoutToken => text(
            "The parameter logout_token is missing or empty.",
            "Falta el parámetro logout_token o está vacío.",
        ),
        InvalidRequest::Unreadable => text(
            "The request's body could not be read.",
            "No se pudo leer el cuerpo de la petición.",
        ),
        InvalidRequest::NotOneHost => text(
            "The request must name its host exactly once.",
            "La petición debe indicar su host exactamente una vez.",
        ),
    }
}

fn of_caller(fault: CallerFault) -> Row {
    let unknown = row(
        StatusCode::UNAUTHORIZED,
        "The caller is unknown, or its secret is wrong.",
        "El cliente es desconocido o su secreto es incorrecto.",
    );
    match fault {
        CallerFault::Unauthenticated => unknown.challenged(&[
            "Basic realm=\"introspectd\", charset=\"UTF-8\"",
            "Bearer realm=\"introspectd\"",
        ]),
        // No scheme that the proxy's client knows: a browser would ask its user for our secret.
        CallerFault::UnauthenticatedProxy => {
            unknown.challenged(&["Introspectd-Caller realm=\"introspectd\""])
        }
        CallerFault::AccessDenied => row(
            StatusCode::FORBIDDEN,
            "The caller does not have the permission that this needs.",
            "El cliente no tiene el permiso necesario.",
        ),
        CallerFault::RateLimited { .. } => row(
            StatusCode::TOO_MANY_REQUESTS,
            "The caller has sent more requests than its rate allows; retry later.",
            "El cliente envió más peticiones de las que permite su límite; inténtelo más tarde.",
        ),
    }
}

/// RFC 6750 section 3 has the challenges. That of an insufficient scope names the policy's scopes.
fn of_client(fault: &ClientFault) -> Row {
    match fault {
        ClientFault::NoPolicy => row(
            StatusCode::NOT_FOUND,
            "There is no policy of this name.",
            "No existe una política con este nombre.",
        ),
        ClientFault::MissingToken => row(
            StatusCode::UNAUTHORIZED,
            "The request has no bearer token in its Authorization header.",
            "La petición no lleva un token en el encabezado Authorization.",
        )
        .challenged(&["Bearer"]),
        ClientFault::InvalidToken(_) => row(
            StatusCode::UNAUTHORIZED,
            "The token is malformed, expired, revoked or unknown, or not a bearer's access token.",
            "El token está mal formado, vencido o revocado, es desconocido o no es un token de \
                acceso al portador.",
        )
        .challenged(&["Bearer error=\"invalid_token\""]),
        ClientFault::InvalidProof(_) => row(
            StatusCode::UNAUTHORIZED,
            "The DPoP proof is missing, malformed, used before, or not of this request and token.",
            "La prueba DPoP falta, está mal formada, ya se usó o no corresponde a esta petición y \
                a este token.",
        )
        .challenged(&[
            "DPoP error=\"invalid_dpop_proof\", algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"",
        ]),
        ClientFault::NonceNeeded { .. } => row(
            StatusCode::UNAUTHORIZED,
            "The DPoP proof needs the nonce of the DPoP-Nonce header.",
            "La prueba DPoP debe llevar el nonce del encabezado DPoP-Nonce.",
        )
        .challenged(&[
            "DPoP error=\"use_dpop_nonce\", algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"",
        ]),
        ClientFault::InsufficientScope { .. } => row(
            StatusCode::FORBIDDEN,
            "The token lacks a scope, role or audience that this needs.",
            "Al token le falta un alcance, un rol o una audiencia.",
        ),
    }
}

fn of_record(fault: RecordFault) -> Row {
    match fault {
        RecordFault::NoSuchToken => row(
            StatusCode::NOT_FOUND,
            "The provider has no active token with this token_id.",
            "El proveedor no tiene ningún token activo con este token_id.",
        ),
        RecordFault::NoSuchSubject => row(
            StatusCode::NOT_FOUND,
            "Tokens are not known here by this kind of subject identifier.",
            "Aquí no se conocen tokens por este tipo de identificador.",
        ),
        RecordFault::BoundToOtherId => row(
            StatusCode::CONFLICT,
            "The token is bound to another token_id. To replace that one, send \"replace\": true.",
            "El token está vinculado a otro token_id. Para reemplazarlo, envíe \"replace\": true.",
        ),
        RecordFault::Revoked => row(
            StatusCode::CONFLICT,
            "The token was revoked. Bind another one.",
            "El token fue revocado. Vincule otro.",
        ),
    }
}

fn of_provider(fault: &ProviderFault) -> Row {
    let Row {
        status,
        text: plain,
        ..
    } = of_failure(fault.failure());
    let outage = match fault.failure() {
        Failure::Unavailable { outage, .. } => Some(*outage),
        Failure::Timeout
        | Failure::ConnectTimeout
        | Failure::ProxyTimeout
        | Failure::QueueTimeout
        | Failure::BadAnswer(_)
        | Failure::Unsupported => None,
    };
    let text = match fault {
        ProviderFault::Failed(_) => plain,
        ProviderFault::NotRevoked(_) if outage == Some(Outage::NotSaved) => text(
            "The token is revoked, but that could not be saved for a restart of this service. Try \
                again.",
            "El token está revocado, pero no se pudo guardar para un reinicio del servicio. \
                Inténtelo de nuevo.",
        ),
        ProviderFault::NotRevoked(_) if outage == Some(Outage::NotShared) => text(
            "The token is revoked, but only this replica has dropped it: the shared cache could \
                not be reached. The others follow as soon as possible; try again to be sure.",
            "El token está revocado, pero solo esta réplica lo ha descartado: no se pudo acceder a \
                la caché compartida. Las demás lo harán en cuanto sea posible; vuelva a intentarlo \
                para confirmarlo.",
        ),
        ProviderFault::NotRevoked(_) => text(
            "The token is out of the cache, but its authorization server did not confirm the \
                revocation.",
            "El token ya no está en la caché, pero el servidor de autorización no confirmó la \
                revocación.",
        ),
        ProviderFault::NotBound(_) => text(
            "A token was issued but could not be bound, so it is inactive here. Ask for another \
                one.",
            "Se emitió un token pero no se pudo vincular, por lo que aquí está inactivo. Solicite \
                otro.",
        ),
    };
    Row {
        status,
        text,
        challenges: &[],
    }
}

fn of_failure(failure: &Failure) -> Row {
    match failure {
        Failure::Timeout
        | Failure::ConnectTimeout
        | Failure::ProxyTimeout
        | Failure::QueueTimeout => row(
            StatusCode::GATEWAY_TIMEOUT,
            "The authorization server did not respond in time.",
            "El servidor de autorización no respondió a tiempo.",
        ),
        Failure::Unavailable { outage, .. } if is_ours(*outage) => row(
            StatusCode::SERVICE_UNAVAILABLE,
            "Temporarily unavailable; retry later.",
            "No disponible por el momento; inténtelo de nuevo más tarde.",
        ),
        Failure::Unavailable { .. } => row(
            StatusCode::SERVICE_UNAVAILABLE,
            "The authorization server is temporarily unreachable; retry later.",
            "El servidor de autorización no está disponible por el momento; inténtelo de nuevo \
                más tarde.",
        ),
        Failure::BadAnswer(_) => row(
            StatusCode::BAD_GATEWAY,
            "The authorization server returned an invalid response.",
            "El servidor de autorización devolvió una respuesta no válida.",
        ),
        Failure::Unsupported => row(
            StatusCode::NOT_IMPLEMENTED,
            "The provider does not support this operation.",
            "El proveedor no admite esta operación.",
        ),
    }
}

fn of_service(fault: ServiceFault) -> Row {
    match fault {
        ServiceFault::NotCounted => row(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The purge is in force, but what it removed could not be freed and counted; see the \
                server's log.",
            "La purga está en vigor, pero no se pudo liberar ni contar lo eliminado; consulte el \
                registro.",
        ),
        ServiceFault::NotShared => row(
            StatusCode::SERVICE_UNAVAILABLE,
            "Purged at this replica only: the shared cache could not be reached. The others follow \
                as soon as possible; retry to be sure.",
            "Eliminado solo en esta réplica: no se pudo acceder a la caché compartida. Las demás \
                lo harán en cuanto sea posible; vuelva a intentarlo para confirmarlo.",
        ),
        ServiceFault::KeysMissing { .. } => row(
            StatusCode::SERVICE_UNAVAILABLE,
            "The sender's keys could not be fetched yet; retry later.",
            "Aún no se pudieron obtener las claves del emisor; inténtelo de nuevo más tarde.",
        ),
        ServiceFault::NotSigned => row(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The answer could not be signed; see the server's log.",
            "No se pudo firmar la respuesta; consulte el registro.",
        ),
        ServiceFault::Shed => row(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many requests in flight; retry later.",
            "Hay demasiadas peticiones en curso; inténtelo de nuevo más tarde.",
        ),
    }
}
