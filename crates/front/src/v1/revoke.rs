use introspectd_service::operation;

use crate::call::{Answering, Call};
use crate::form;
use crate::reply;

/// `POST /revoke` (RFC 7009).
pub(crate) fn revoke(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let query = form::token_query(&call.body)?;
        operation::revoke(call.service, call.caller, query, call.details).await?;
        Ok(reply::empty_ok())
    })
}

/// `DELETE /v1/providers/{provider}/tokens/{token_id}`.
pub(crate) fn revoke_by_id(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (provider, id) = (call.place.provider()?, call.place.take_id()?);
        operation::revoke_by_id(call.service, provider, id, call.details).await?;
        Ok(reply::empty_ok())
    })
}
