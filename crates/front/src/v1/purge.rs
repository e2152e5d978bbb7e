use http::StatusCode;
use introspectd_service::operation::{self, PurgeRequest};
use serde::{Deserialize, Serialize};

use crate::body::parse_object;
use crate::call::{Answering, Call};
use crate::reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    token: Option<String>,
    provider: Option<String>,
    sub: Option<String>,
    client_id: Option<String>,
    all: Option<bool>,
}

#[derive(Serialize)]
struct Purged {
    /// Entries that were removed from the cache.
    purged: usize,
    /// True if more may follow.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    estimate: bool,
}

/// `POST /v1/cache/purge`.
pub(crate) fn purge(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Body {
            token,
            provider,
            sub,
            client_id,
            all,
        } = parse_object(&call.body)?;
        let request = PurgeRequest {
            token,
            provider,
            sub,
            client_id,
            all: all.unwrap_or_default(),
        };
        let purged = operation::purge(call.service, call.caller, request, call.details).await?;
        let answer = Purged {
            purged: purged.count,
            estimate: purged.is_estimate,
        };
        Ok(reply::json(StatusCode::OK, &answer))
    })
}
