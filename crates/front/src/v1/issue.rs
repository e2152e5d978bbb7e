use http::{HeaderValue, StatusCode};
use introspectd_core::{BadAnswer, Failure};
use introspectd_service::operation;

use crate::call::{Answering, Call};
use crate::reply;

/// `POST /v1/providers/{provider}/tokens`: relays the vendor's own call and its answer.
pub(crate) fn issue(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let provider = call.place.provider()?;
        let issued = operation::issue(call.service, provider, call.body, call.details).await?;
        let status =
            StatusCode::from_u16(issued.status).map_err(|_| BadAnswer::Status(issued.status));
        let media_type = issued
            .content_type
            .and_then(|media_type| HeaderValue::try_from(media_type).ok());
        Ok(reply::relayed(
            status.map_err(Failure::from)?,
            media_type,
            &issued.body,
        ))
    })
}
