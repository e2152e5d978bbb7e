use http::HeaderMap;

use super::id;
use crate::api::Session;
use crate::audit::Note;
use crate::problem::Problem;
use crate::reply::{self, Reply};
use introspectd_service::Permission;

impl Session {
    /// `GET /v1/providers/{provider}/tokens/{token_id}`: one record, active or not.
    pub(super) async fn lookup(
        &self,
        note: &mut Note,
        headers: &HeaderMap,
        provider: &str,
        segment: &str,
    ) -> Result<Reply, Problem> {
        let provider = self.provider_with(Permission::Lookup, headers, provider)?;
        let id = id(segment)?;
        note.provider = Some(provider.clone());
        self.note_id(note, &id, false);
        let resolution = self.resolver().lookup(id.clone(), provider).await?;
        let source = resolution.source;
        let record = resolution.fact.and_then(|(_, fact)| fact.record).ok_or(Problem::NotFound)?;
        self.note_id(note, &id, true);
        let now = self.now();
        Ok(reply::record(record.validity.state(now), &record.kept, source, now))
    }
}
