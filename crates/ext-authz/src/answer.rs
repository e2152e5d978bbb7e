use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{
    CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::rpc;
use http_body_util::BodyExt;
use introspectd_front::{Allowed, Reply};
use tonic::Code;

use crate::metadata;

/// The request may pass, with the client's identity in its headers and its claims in Envoy's
/// dynamic metadata. `sent` are the names of the headers that the client sent.
pub(crate) fn allowed<'a>(allowed: &Allowed, sent: impl Iterator<Item = &'a str>) -> CheckResponse {
    let mut headers: Vec<_> = allowed
        .identity()
        .map(|(name, value)| header(name.as_str(), value))
        .collect();
    let (name, seconds) = allowed.max_age();
    headers.push(header(name.as_str(), &seconds));
    let nonce = allowed
        .nonce()
        .map(|(name, value)| header(name.as_str(), &value));
    let nonce = nonce.into_iter().collect();
    let forged = sent
        .filter(|name| is_forged(name, allowed))
        .map(str::to_owned)
        .collect();
    let response = OkHttpResponse {
        headers,
        headers_to_remove: forged,
        response_headers_to_add: nonce,
        ..OkHttpResponse::default()
    };
    CheckResponse {
        status: Some(status(Code::Ok, "")),
        dynamic_metadata: allowed.claims().map(metadata::of_object),
        http_response: Some(HttpResponse::OkResponse(response)),
    }
}

/// Returns true if an application could take a header for an identity header that we did not set.
/// Those that we set are overwritten; removing them would remove ours.
fn is_forged(name: &str, allowed: &Allowed) -> bool {
    let name = name.to_ascii_lowercase();
    reads_as_identity(&name) && !allowed.identity().any(|(ours, _)| ours.as_str() == name)
}

/// Many applications make a variable of a header's name, and `_` of `-`; some make `_` of all that
/// is neither letter nor digit, so that `x.auth.subject` is theirs, too.
fn reads_as_identity(name: &str) -> bool {
    let letter_or_dash = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            byte
        } else {
            b'-'
        }
    };
    name.bytes().map(letter_or_dash).take(7).eq(*b"x-auth-")
}

/// The client gets what it would get by way of `/forward-auth`, to the byte.
pub(crate) async fn refused(refusal: Reply) -> CheckResponse {
    let (head, body) = refusal.into_parts();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| header(name.as_str(), value))
        .collect();
    // A body of ours is one piece of JSON, and reading it cannot fail.
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let code = if head.status == http::StatusCode::UNAUTHORIZED {
        Code::Unauthenticated
    } else {
        Code::PermissionDenied
    };
    let response = DeniedHttpResponse {
        status: Some(HttpStatus {
            code: i32::from(head.status.as_u16()),
        }),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    CheckResponse {
        status: Some(status(code, "refused")),
        dynamic_metadata: None,
        http_response: Some(HttpResponse::DeniedResponse(response)),
    }
}

fn status(code: Code, message: &str) -> rpc::Status {
    rpc::Status {
        code: code.into(),
        message: message.to_owned(),
        details: Vec::new(),
    }
}

/// Values are UTF-8: they come from JSON.
fn header(name: &str, value: &http::HeaderValue) -> HeaderValueOption {
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value,
            raw_value: Vec::new(),
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_application_could_read_as_identity_is_found() {
        for name in [
            "x-auth-subject",
            "x_auth_subject",
            "x-auth_roles",
            "x.auth.subject",
            "x!auth~x",
            "x-auth-",
        ] {
            assert!(reads_as_identity(name), "{name}");
        }
        for name in [
            "x-auth",
            "xx-auth-subject",
            "x--auth-subject",
            "x-authority",
            "authorization",
            "x-author-id",
        ] {
            assert!(!reads_as_identity(name), "{name}");
        }
    }
}
