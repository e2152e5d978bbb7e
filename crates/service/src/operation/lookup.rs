use introspectd_core::{ProviderName, State, Timestamp, TokenId};
use introspectd_resolver::{Record, Source};

use crate::answer::KeptAnswer;
use crate::event::{Details, Operation};
use crate::refusal::{Refusal, RequestFault};
use crate::request_id::settle_current;
use crate::service::Service;

/// Record of a token, active or not.
pub struct FoundRecord {
    record: Record<KeptAnswer>,
    /// Origin of the record.
    pub source: Source,
    now: Timestamp,
}

impl FoundRecord {
    /// Returns its body as JSON, with its state in place of `active`.
    pub fn body(&self) -> Vec<u8> {
        let state: State = self.record.validity.state(self.now);
        self.record.kept.record(state, self.now)
    }
}

/// Looks one record up by its id.
///
/// # Errors
/// [`RequestFault::NotFound`] if the provider has none, else the provider's failure.
pub async fn lookup(
    service: &Service,
    provider: &ProviderName,
    id: TokenId,
    details: &mut Details,
) -> Result<FoundRecord, Refusal> {
    details.note_id(&id, false);
    settle_current(Operation::Lookup, details);
    let resolution = service.resolver.lookup(id.clone(), provider).await?;
    let source = resolution.source;
    details.source = Some(source);
    let record = resolution
        .fact
        .and_then(|(_, fact)| fact.record)
        .ok_or(RequestFault::NotFound)?;
    details.note_id(&id, true);
    Ok(FoundRecord {
        record,
        source,
        now: service.now(),
    })
}
