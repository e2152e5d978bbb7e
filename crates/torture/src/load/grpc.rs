//! Envoy's `Check`: gRPC written by hand, so that no client library smooths over what comes.

use std::collections::HashMap;

use bytes::Bytes;
use envoy_types::ext_authz::v3::pb::{CheckRequest, CheckResponse, HttpResponse};
use envoy_types::pb::envoy::config::core::v3::HeaderValueOption;
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{self, HttpRequest};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use prost::Message as _;

use crate::cast::Which;
use crate::load::http::{credentials, decided};
use crate::load::pick;
use crate::load::pool::Body;
use crate::oracle::seen::Seen;

/// The call, framed: not compressed, with its length.
pub(crate) fn check(request: &pick::Request) -> Result<Request<Body>, http::Error> {
    let headers = HashMap::from([
        (
            "authorization".to_owned(),
            format!("Bearer {}", request.value),
        ),
        (":path".to_owned(), "/orders/4711".to_owned()),
    ]);
    let http = HttpRequest {
        method: "GET".to_owned(),
        path: "/orders/4711".to_owned(),
        host: "api.example.org".to_owned(),
        headers,
        ..HttpRequest::default()
    };
    let attributes = AttributeContext {
        request: Some(attribute_context::Request {
            http: Some(http),
            ..attribute_context::Request::default()
        }),
        context_extensions: HashMap::from([("policy".to_owned(), "orders".to_owned())]),
        ..AttributeContext::default()
    };
    let message = CheckRequest {
        attributes: Some(attributes),
    }
    .encode_to_vec();
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let framed = [&[0][..], &length.to_be_bytes(), &message].concat();
    Request::post("http://introspectd/envoy.service.auth.v3.Authorization/Check")
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header("x-introspectd-caller", credentials(request.question.caller))
        .body(Full::from(framed))
}

/// Reads the answer: its message, and the status in its trailers or, where there is no message, in
/// its headers.
pub(crate) fn checked(
    provider: Which,
    headers: &HeaderMap,
    trailers: Option<&HeaderMap>,
    body: &Bytes,
) -> Seen {
    let status = trailers
        .and_then(|trailers| trailers.get("grpc-status"))
        .or_else(|| headers.get("grpc-status"));
    if status.is_none_or(|status| status != "0") {
        return Seen::Odd(format!("grpc-status {status:?}"));
    }
    let Some(Ok(response)) = body.get(5..).map(CheckResponse::decode) else {
        return Seen::Odd(format!("a message of {} bytes", body.len()));
    };
    match response.http_response {
        Some(HttpResponse::OkResponse(ok)) => decided(provider, StatusCode::OK, &map(&ok.headers)),
        Some(HttpResponse::DeniedResponse(denied)) => {
            let code = denied.status.map_or(0, |status| status.code);
            let code = u16::try_from(code).unwrap_or_default();
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::IM_A_TEAPOT);
            decided(provider, status, &map(&denied.headers))
        }
        Some(HttpResponse::ErrorResponse(_)) | None => Seen::Odd("no decision".to_owned()),
    }
}

fn map(headers: &[HeaderValueOption]) -> HeaderMap {
    let named = headers.iter().filter_map(|option| option.header.as_ref());
    named
        .filter_map(|header| {
            let name = HeaderName::try_from(&header.key).ok()?;
            Some((name, HeaderValue::try_from(&header.value).ok()?))
        })
        .collect()
}
