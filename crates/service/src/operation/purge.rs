use std::time::Duration;

use introspectd_core::{Selector, Target, TokenValue};
use introspectd_resolver::{PurgeFailure, Purged as Counted};

use crate::access::Caller;
use crate::event::Details;
use crate::refusal::{InvalidRequest, Refusal, ServiceFault};
use crate::service::Service;

/// Selector of a purge: exactly one of these.
#[derive(Debug, Default)]
pub struct PurgeRequest {
    /// One token.
    pub token: Option<String>,
    /// Entries of one provider.
    pub provider: Option<String>,
    /// Tokens of one subject.
    pub sub: Option<String>,
    /// Tokens of one client.
    pub client_id: Option<String>,
    /// All entries that the caller may see.
    pub all: bool,
}

/// Number of purged entries.
#[derive(Debug, Clone, Copy)]
pub struct Purged {
    /// Entries that were removed from the cache.
    pub count: usize,
    /// True if more may follow.
    pub is_estimate: bool,
}

/// Longest wait for the count of what was removed. The purge itself is in force at once.
const COUNT_DEADLINE: Duration = Duration::from_millis(250);

/// Purges the cache, within what the caller may see. After it no request is served from what was
/// purged.
///
/// # Errors
/// [`InvalidRequest::NotOneToPurge`] without exactly one selector, [`ServiceFault::NotCounted`] if
/// the purge is in force but cannot be counted, [`ServiceFault::NotShared`] if it is in force here
/// and the other replicas do not know of it yet.
pub async fn purge(
    service: &Service,
    caller: &Caller,
    request: PurgeRequest,
    details: &mut Details,
) -> Result<Purged, Refusal> {
    let target = request.target(service, caller)?;
    describe(&target, details);
    let selector = Selector::new(target).within(caller.permissions.providers.clone());
    let counted = service
        .resolver
        .purge_counted(&selector, COUNT_DEADLINE)
        .await;
    let Counted { count, is_estimate } = counted.map_err(|failure| {
        Refusal::Service(match failure {
            PurgeFailure::NotCounted => ServiceFault::NotCounted,
            PurgeFailure::NotShared => ServiceFault::NotShared,
        })
    })?;
    details.count = Some(count);
    Ok(Purged { count, is_estimate })
}

fn describe(target: &Target, details: &mut Details) {
    details.selector = Some(match target {
        Target::Token(token) => {
            details.token = Some(token.clone());
            ("token", None)
        }
        Target::Record { id, .. } => ("token_id", Some(id.as_str().to_owned())),
        Target::Subject(subject) => ("sub", Some(subject.clone())),
        Target::Client(client) => ("client_id", Some(client.clone())),
        Target::Provider(provider) => ("provider", Some(provider.as_str().to_owned())),
        Target::All => ("all", None),
    });
}

impl PurgeRequest {
    /// Returns the target. An empty value selects nothing: no token has an empty `sub`, and one
    /// without any is not meant.
    fn target(self, service: &Service, caller: &Caller) -> Result<Target, InvalidRequest> {
        let Self {
            token,
            provider,
            sub,
            client_id,
            all,
        } = self;
        Ok(match (token, provider, sub, client_id, all) {
            (Some(token), None, None, None, false) => {
                Target::Token(TokenValue::parse(token).map_err(|_| InvalidRequest::NoToken)?)
            }
            (None, Some(name), None, None, false) => {
                Target::Provider(service.known_provider(caller, &name)?.clone())
            }
            (None, None, Some(sub), None, false) if !sub.is_empty() => Target::Subject(sub),
            (None, None, None, Some(client), false) if !client.is_empty() => Target::Client(client),
            (None, None, None, None, true) => Target::All,
            _ => return Err(InvalidRequest::NotOneToPurge),
        })
    }
}
