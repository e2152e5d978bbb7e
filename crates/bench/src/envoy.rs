//! Envoy's request over gRPC, and its answer.

use std::collections::HashMap;

use envoy_types::ext_authz::v3::pb::{CheckRequest, CheckResponse, HttpResponse};
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use prost::Message;
use tonic::metadata::AsciiMetadataValue;

use crate::answer::{BASIC, POLICY, token};
use crate::failure::{Failure, Result, Tried};

/// Path of the call.
pub(crate) const CHECK: &str = "envoy.service.auth.v3.Authorization/Check";

/// Metadata by which a proxy authenticates.
pub(crate) const PROXY: &str = "x-introspectd-caller";

/// Request of a client, whose token is the same in all of them.
pub(crate) fn request() -> CheckRequest {
    let token = token("envoy_000", 0);
    let headers = [
        ("authorization", format!("Bearer {token}")),
        (":authority", "api.example.org".to_owned()),
        (":method", "GET".to_owned()),
        (":path", "/orders/4711".to_owned()),
        ("user-agent", "curl/8.5.0".to_owned()),
        ("accept", "*/*".to_owned()),
    ];
    let http = HttpRequest {
        method: "GET".to_owned(),
        path: "/orders/4711".to_owned(),
        host: "api.example.org".to_owned(),
        scheme: "https".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        ..HttpRequest::default()
    };
    let attributes = AttributeContext {
        request: Some(Request {
            http: Some(http),
            ..Request::default()
        }),
        context_extensions: HashMap::from([("policy".to_owned(), POLICY.to_owned())]),
        ..AttributeContext::default()
    };
    CheckRequest {
        attributes: Some(attributes),
    }
}

/// A message as gRPC sends it: not compressed, with its length.
pub(crate) fn frame(message: &impl Message) -> Vec<u8> {
    let encoded = message.encode_to_vec();
    let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), &encoded].concat()
}

/// Asks once, and returns the answer if it lets the request pass.
pub(crate) async fn ask(port: u16) -> Result<CheckResponse> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{port}"))
        .tried("gRPC")?;
    let channel = endpoint.connect().await.tried("gRPC")?;
    let mut request = tonic::Request::new(self::request());
    request
        .metadata_mut()
        .insert(PROXY, AsciiMetadataValue::from_static(BASIC));
    let answer = AuthorizationClient::new(channel).check(request).await;
    let answer = answer.tried("gRPC")?.into_inner();
    match &answer.http_response {
        Some(HttpResponse::OkResponse(_)) => Ok(answer),
        Some(HttpResponse::DeniedResponse(_) | HttpResponse::ErrorResponse(_)) | None => {
            Err(Failure::new(format!(
                "gRPC: a request that may pass was answered {answer:?}"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_contains_its_message_length() {
        let frame = frame(&request());
        assert_eq!(frame[0], 0);
        let length = u32::from_be_bytes(frame[1..5].try_into().unwrap());
        assert_eq!(frame.len(), 5 + usize::try_from(length).unwrap());
        assert_eq!(CheckRequest::decode(&frame[5..]).unwrap(), request());
    }
}
