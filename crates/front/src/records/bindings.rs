use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::body::Body;
use introspectd_core::{BadAnswer, Bound, Failure, Outage, TokenId, TokenRejected, TokenValue};
use serde::Deserialize;

use super::to_its_end;
use crate::api::Session;
use crate::audit::Note;
use crate::body::{read_json, read_object};
use crate::problem::{Conflict, InvalidRequest, Problem};
use crate::reply::{self, Reply};
use introspectd_service::Permission;

/// Which token is to stand for which record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    token: String,
    token_id: String,
    /// Permission to take the place of another id.
    #[serde(default)]
    replace: bool,
}

impl Session {
    /// `PUT /v1/providers/{provider}/bindings`. After its answer the token is what its record says.
    pub(super) async fn bind<B>(
        &self,
        note: &mut Note,
        headers: &HeaderMap,
        provider: &str,
        body: B,
    ) -> Result<Reply, Problem>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let provider = self.provider_with(Permission::Bind, headers, provider)?.clone();
        note.provider = Some(provider.clone());
        let asked: Asked = read_json(headers, body).await?;
        let replace = asked.replace;
        let (token, id) = asked.pair()?;
        note.token = Some(token.clone());
        note.selector = replace.then_some(("replace", None));
        let (resolver, bound_to) = (Arc::clone(self.resolver()), id.clone());
        let bound = to_its_end(async move { resolver.bind(&token, &bound_to, &provider, replace).await });
        match bound.await? {
            Bound::Done => {
                note.token_id = Some(id);
                Ok(reply::no_content())
            }
            // What has no record may be a token that stands in the wrong place, and is not logged.
            Bound::NoSuchToken => Err(Problem::NoSuchToken),
            Bound::OtherId => {
                note.token_id = Some(id);
                Err(Problem::Conflict(Conflict::OtherId))
            }
            Bound::IsId => Err(InvalidRequest::TokenSpellsId.into()),
            Bound::Revoked => Err(Problem::Conflict(Conflict::Revoked)),
        }
    }

    /// `POST /v1/providers/{provider}/tokens`: as the vendor's own call, with the caller's own credentials, and what
    /// comes back is bound.
    pub(super) async fn issue<B>(
        &self,
        note: &mut Note,
        headers: &HeaderMap,
        provider: &str,
        body: B,
    ) -> Result<Reply, Problem>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let provider = self.provider_with(Permission::Issue, headers, provider)?.clone();
        note.provider = Some(provider.clone());
        let request = read_object(headers, body).await?;
        let resolver = Arc::clone(self.resolver());
        let issued = to_its_end(async move { resolver.issue(request, &provider).await });
        let issued = issued.await.map_err(|failure| {
            let is_ours = matches!(failure, Failure::Unavailable { outage: Outage::Bindings(_), .. });
            if is_ours { Problem::NotBound(failure) } else { failure.into() }
        })?;
        note.count = Some(usize::from(issued.token.is_some()));
        note.token = issued.token;
        let status = StatusCode::from_u16(issued.status).map_err(|_| BadAnswer::Status(issued.status));
        let media_type = issued.content_type.and_then(|media_type| HeaderValue::try_from(media_type).ok());
        Ok(reply::relayed(status.map_err(Failure::from)?, media_type, &issued.body))
    }
}

impl Asked {
    fn pair(self) -> Result<(TokenValue, TokenId), InvalidRequest> {
        let token = TokenValue::parse(self.token).map_err(|rejected| match rejected {
            TokenRejected::Empty => InvalidRequest::NoToken,
            TokenRejected::TooLong => InvalidRequest::TokenTooLong,
        })?;
        let id = TokenId::parse(self.token_id).map_err(|_| InvalidRequest::NotTheObject)?;
        if token.is(id.as_str()) {
            return Err(InvalidRequest::TokenIsId);
        }
        Ok((token, id))
    }
}
