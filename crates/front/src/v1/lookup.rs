use introspectd_service::operation;

use crate::call::{Answering, Call};
use crate::reply;

/// `GET /v1/providers/{provider}/tokens/{token_id}`: one record, active or not.
pub(crate) fn lookup(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (provider, id) = (call.place.provider()?, call.place.take_id()?);
        let record = operation::lookup(call.service, provider, id, call.details).await?;
        Ok(reply::record(record.body(), record.source))
    })
}
