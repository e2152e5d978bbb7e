use http::{HeaderMap, StatusCode};
use hyper::body::Body;
use introspectd_core::{ProviderName, TokenId, TokenValue};

use super::explained::Explained;
use super::judged::Judged;
use crate::api::Session;
use crate::audit::{Call, Note};
use crate::body::read_form;
use crate::decision::{judge_text, refusal};
use crate::form::{IntrospectForm, Subject, value_of};
use crate::language::Language;
use crate::problem::{InvalidRequest, Problem};
use crate::reply::{self, Reply};
use introspectd_service::Policy;
use introspectd_service::{Caller, Permission};

impl Session {
    /// `POST /v1/explain`: why `/introspect` answers what it does, and with `policy`, why `/forward-auth` would.
    pub(super) async fn explain<B>(
        &self,
        note: &mut Note,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Reply, Problem>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let caller = self.caller_with(Permission::Explain, headers)?;
        let body = read_form(headers, body).await?;
        let IntrospectForm { subject, provider } = IntrospectForm::parse(&body)?;
        let only = provider.as_deref().map(|name| self.known(caller, name)).transpose()?;
        let policy = value_of(&body, "policy");
        let policy = policy.as_deref().map(|name| self.usable(caller, name)).transpose()?;
        match subject {
            Subject::Token(token) => {
                *note = self.note_of_token(Call::Explain, &token, only, |name| caller.may_ask(name));
                self.explain_token(caller, token, only, policy).await
            }
            Subject::Id(_) if policy.is_some() => Err(InvalidRequest::NotByPolicy.into()),
            Subject::Id(id) => {
                self.note_id(note, &id, false);
                self.explain_id(note, caller, id, only).await
            }
        }
    }

    async fn explain_token(
        &self,
        caller: &Caller,
        token: TokenValue,
        only: Option<&ProviderName>,
        policy: Option<(&str, &Policy)>,
    ) -> Result<Reply, Problem> {
        let explanation = self.resolver().explain(token.clone(), only, |name| caller.may_ask(name)).await;
        let mut explained = Explained::new(&explanation, self.now());
        explained.fingerprint = Some(self.fingerprint(&token));
        if explanation.accounts.iter().any(|it| self.resolver().spells_an_id(&token, it.provider)) {
            explained.is_an_id();
        }
        explained.name_stray_space(token.expose());
        if let Some((name, policy)) = policy {
            // By what answers `/forward-auth` itself.
            let judged = judge_text(policy, caller, &token, self.resolver(), self.clock()).await;
            let problem = judged.err();
            let status = problem
                .as_ref()
                .map_or(StatusCode::OK, |problem| refusal(problem, Some(policy), Language::English).status());
            explained.policy =
                Some(Judged::new(name, policy, status, problem.as_ref(), &explanation, self.now()));
        }
        Ok(reply::json(StatusCode::OK, &explained))
    }

    async fn explain_id(
        &self,
        note: &mut Note,
        caller: &Caller,
        id: TokenId,
        provider: Option<&ProviderName>,
    ) -> Result<Reply, Problem> {
        caller.must_have(&[Permission::Lookup])?;
        let provider = provider.ok_or(InvalidRequest::ProviderNeeded)?;
        note.provider = Some(provider.clone());
        let explanation = self.resolver().explain_id(id.clone(), provider).await;
        let mut explained = Explained::new(&explanation, self.now());
        let has_record = explained.tells_of_a_record();
        self.note_id(note, &id, has_record);
        // As in the audit log: without a record it may be a token, sent by mistake.
        explained.fingerprint = note.token.as_ref().map(|token| self.fingerprint(token));
        explained.name_stray_space(id.as_str());
        explained.token_id = has_record.then_some(id.as_str());
        Ok(reply::json(StatusCode::OK, &explained))
    }

    /// The policy of this name, if the caller may have tokens judged by it.
    fn usable(&self, caller: &Caller, name: &str) -> Result<(&str, &Policy), Problem> {
        let policy = self.policy(name).ok_or(InvalidRequest::UnknownPolicy)?;
        if caller.may_use(name) { Ok(policy) } else { Err(Problem::AccessDenied) }
    }
}
