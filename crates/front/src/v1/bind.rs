use introspectd_service::operation::{self, BindRequest};
use serde::Deserialize;

use crate::body::parse_object;
use crate::call::{Answering, Call};
use crate::reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    token: String,
    token_id: String,
    /// Permission to replace another id.
    #[serde(default)]
    replace: bool,
}

/// `PUT /v1/providers/{provider}/bindings`.
pub(crate) fn bind(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let provider = call.place.provider()?;
        let Body {
            token,
            token_id,
            replace,
        } = parse_object(&call.body)?;
        let request = BindRequest {
            token,
            token_id,
            replace,
        };
        operation::bind(call.service, provider, request, call.details).await?;
        Ok(reply::no_content())
    })
}
