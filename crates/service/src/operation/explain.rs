use introspectd_core::ask::Context;
use introspectd_core::{ProviderName, Timestamp, TokenId, TokenValue};
use introspectd_resolver::{Account, Explanation, NotAsked};

use super::decide::{bearer_token, decide};
use super::introspect::{Subject, TokenQuery};
use crate::access::{Caller, Permission, Policy, Unavailable};
use crate::answer::KeptAnswer;
use crate::event::{Details, Operation};
use crate::fingerprint::Fingerprint;
use crate::proof::{NoEvidence, Presented, Scheme};
use crate::refusal::{CallerFault, ClientFault, Inactive, InvalidRequest, Refusal};
use crate::request_id::settle_current;
use crate::service::Service;

/// Explanation of what `/introspect` answers.
pub struct Explained<'a> {
    /// Route, providers and outcome.
    pub explanation: Explanation<'a, KeptAnswer>,
    /// Fingerprint of the token, or of an id without a record, which may be a token.
    pub fingerprint: Option<Fingerprint>,
    /// Id, if some provider has a record of it.
    pub token_id: Option<TokenId>,
    /// True if the token is spelled as an id of a provider, and so is no credential.
    pub spells_an_id: bool,
    /// Verdict of the policy that the request names.
    pub verdict: Option<Verdict>,
    /// Time of judgement.
    pub now: Timestamp,
}

/// Verdict of a policy, as a decision about the token would end.
pub struct Verdict {
    /// Name of the policy.
    pub policy: String,
    /// Status in place of a transient one, by the policy.
    pub unavailable: Option<Unavailable>,
    /// Reason for a refusal.
    pub refusal: Option<Refusal>,
    /// Requirements that an active token does not meet.
    pub lacks: Option<Lacks>,
}

/// Requirements of a policy that a token does not meet.
pub struct Lacks {
    /// Scopes that the token does not have.
    pub scope: Vec<String>,
    /// Roles of which the token has none.
    pub role: Vec<String>,
    /// Audiences of which the token has none.
    pub aud: Vec<String>,
    /// True if the policy accepts no token of the provider that vouches for this one.
    pub provider: bool,
}

/// Explains the answer about a token or a token id, and with a policy, the decision about a token.
///
/// # Errors
/// [`Refusal`] for what the request names and the caller may not use.
pub async fn explain<'a>(
    service: &'a Service,
    caller: &Caller,
    query: TokenQuery,
    policy: Option<&str>,
    details: &mut Details,
) -> Result<Explained<'a>, Refusal> {
    let only = query
        .provider
        .as_deref()
        .map(|name| service.known_provider(caller, name))
        .transpose()?;
    let rules = service.rules();
    let policy = match policy {
        None => None,
        Some(name) => {
            let (name, policy) = rules
                .policies
                .named(name)
                .ok_or(InvalidRequest::UnknownPolicy)?;
            if !caller.permissions.may_use(name) {
                return Err(CallerFault::AccessDenied.into());
            }
            Some((name, policy))
        }
    };
    match query.subject {
        Subject::Token(token) => {
            *details = service.token_details(caller, &token, only);
            settle_current(Operation::Explain, details);
            Ok(explain_token(service, caller, token, only, policy).await)
        }
        Subject::Id(_) if policy.is_some() => Err(InvalidRequest::NotByPolicy.into()),
        Subject::Id(id) => {
            details.note_id(&id, false);
            caller.permissions.must_have(&[Permission::Lookup])?;
            let provider = only.ok_or(InvalidRequest::ProviderNeeded)?;
            settle_current(Operation::Explain, details);
            Ok(explain_id(service, id, provider, details).await)
        }
    }
}

async fn explain_token<'a>(
    service: &'a Service,
    caller: &Caller,
    token: TokenValue,
    only: Option<&ProviderName>,
    policy: Option<(&str, &Policy)>,
) -> Explained<'a> {
    let resolver = &service.resolver;
    let explanation = resolver
        .explain(token.clone(), only, |name| caller.permissions.may_ask(name))
        .await;
    let now = service.now();
    let spells_an_id = explanation
        .accounts
        .iter()
        .any(|it| resolver.spells_an_id(&token, it.provider));
    let verdict = match policy {
        Some((name, policy)) => {
            Some(verdict(service, caller, &token, name, policy, &explanation).await)
        }
        None => None,
    };
    let fingerprint = Some(service.fingerprint(&token));
    Explained {
        explanation,
        fingerprint,
        token_id: None,
        spells_an_id,
        verdict,
        now,
    }
}

async fn explain_id<'a>(
    service: &'a Service,
    id: TokenId,
    provider: &ProviderName,
    details: &mut Details,
) -> Explained<'a> {
    details.provider = Some(provider.clone());
    let explanation = service.resolver.explain_id(id.clone(), provider).await;
    let has_record = explanation.accounts.iter().any(has_record);
    details.note_id(&id, has_record);
    Explained {
        explanation,
        fingerprint: details
            .token
            .as_ref()
            .map(|token| service.fingerprint(token)),
        token_id: has_record.then_some(id),
        spells_an_id: false,
        verdict: None,
        now: service.now(),
    }
}

fn has_record(account: &Account<'_, KeptAnswer>) -> bool {
    let answer = account.answer.as_ref().ok();
    answer
        .and_then(|it| it.outcome.as_ref().ok())
        .is_some_and(|resolution| resolution.has_record())
}

impl Explained<'_> {
    /// Returns the first objection of a provider that judges the token by itself.
    pub fn objection(&self) -> Option<&str> {
        let answers = self.explanation.accounts.iter();
        answers
            .filter_map(|it| it.answer.as_ref().ok())
            .find_map(|answer| answer.objection.as_deref())
    }

    /// Returns why the token is inactive. Of several providers, the one that says most counts.
    /// `None` if no provider can be asked about it.
    pub fn inactive(&self) -> Option<Inactive> {
        let accounts = &self.explanation.accounts;
        if !accounts.is_empty()
            && accounts
                .iter()
                .all(|it| matches!(it.answer, Err(NotAsked::Unable)))
        {
            return None;
        }
        let answers = accounts
            .iter()
            .filter_map(|it| it.answer.as_ref().ok()?.outcome.as_ref().ok());
        let reasons = answers.map(|resolution| Inactive::of(resolution, self.now));
        Some(
            reasons
                .min_by_key(|why| *why == Inactive::NotKnown)
                .unwrap_or(Inactive::NoProvider),
        )
    }
}

/// Decides as `/forward-auth` does, by the same function.
async fn verdict(
    service: &Service,
    caller: &Caller,
    token: &TokenValue,
    name: &str,
    policy: &Policy,
    explanation: &Explanation<'_, KeptAnswer>,
) -> Verdict {
    let decided = match bearer_token(token.expose()) {
        Ok(token) => {
            let scheme = Scheme::Bearer;
            let presented = Presented { scheme, token };
            let context = Context::current;
            let decided = decide(service, caller, policy, presented, &NoEvidence, context).await;
            decided.map(drop)
        }
        Err(fault) => Err(fault.into()),
    };
    let refusal = decided.err();
    let lacks = refusal
        .as_ref()
        .and_then(|refusal| lacks(policy, refusal, explanation, service.now()));
    Verdict {
        policy: name.to_owned(),
        unavailable: policy.unavailable(),
        refusal,
        lacks,
    }
}

fn lacks(
    policy: &Policy,
    refusal: &Refusal,
    explanation: &Explanation<'_, KeptAnswer>,
    now: Timestamp,
) -> Option<Lacks> {
    let mut vouching = explanation
        .accounts
        .iter()
        .filter(|it| active(it, now).is_some());
    if refusal.inactive().is_some() {
        let provider = vouching
            .next()
            .is_some_and(|it| !policy.accepts(it.provider));
        return provider.then_some(Lacks {
            scope: Vec::new(),
            role: Vec::new(),
            aud: Vec::new(),
            provider,
        });
    }
    let Refusal::Client(ClientFault::InsufficientScope { missing, .. }) = refusal else {
        return None;
    };
    let accepted = vouching.find(|it| policy.accepts(it.provider))?;
    let answer = active(accepted, now)?.clone().share()?;
    let scope = policy
        .missing_scopes(&answer.claims())
        .map(str::to_owned)
        .collect();
    let role = if missing.role {
        policy.roles().to_vec()
    } else {
        Vec::new()
    };
    let aud = if missing.aud {
        policy.audiences().to_vec()
    } else {
        Vec::new()
    };
    Some(Lacks {
        scope,
        role,
        aud,
        provider: false,
    })
}

fn active<'a>(account: &'a Account<'_, KeptAnswer>, now: Timestamp) -> Option<&'a KeptAnswer> {
    let answer = account.answer.as_ref().ok()?;
    answer
        .outcome
        .as_ref()
        .ok()?
        .active(now)
        .map(|(_, kept)| kept)
}
