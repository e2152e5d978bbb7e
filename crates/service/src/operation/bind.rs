use std::sync::Arc;

use introspectd_core::{Bound, ProviderName, TokenId, TokenRejected, TokenValue};

use super::detached::run_detached;
use crate::event::Details;
use crate::refusal::{InvalidRequest, RecordFault, Refusal};
use crate::request_id::settle_beside;
use crate::service::Service;

/// Token, and the id of the record that it is to stand for.
#[derive(Debug)]
pub struct BindRequest {
    /// Token.
    pub token: String,
    /// Id of its record.
    pub token_id: String,
    /// True if it may replace another id.
    pub replace: bool,
}

/// Binds a token to its id. After it the token is what its record says.
///
/// # Errors
/// [`Refusal::Record`] if the record does not allow it, else the provider's failure.
pub async fn bind(
    service: &Service,
    provider: &ProviderName,
    request: BindRequest,
    details: &mut Details,
) -> Result<(), Refusal> {
    let replace = request.replace;
    let (token, id) = request.pair()?;
    settle_beside(&[token.expose(), id.as_str()]);
    details.token = Some(token.clone());
    details.selector = replace.then_some(("replace", None));
    let (resolver, provider, bound_to) =
        (Arc::clone(&service.resolver), provider.clone(), id.clone());
    let bound =
        run_detached(async move { resolver.bind(&token, &bound_to, &provider, replace).await });
    match bound.await? {
        Bound::Done => {
            details.token_id = Some(id);
            Ok(())
        }
        // An id without a record may be a token in the wrong place, and is not recorded.
        Bound::NoSuchToken => Err(RecordFault::NoSuchToken.into()),
        Bound::OtherId => {
            details.token_id = Some(id);
            Err(RecordFault::BoundToOtherId.into())
        }
        Bound::IsId => Err(InvalidRequest::TokenSpellsId.into()),
        Bound::Revoked => Err(RecordFault::Revoked.into()),
    }
}

impl BindRequest {
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
