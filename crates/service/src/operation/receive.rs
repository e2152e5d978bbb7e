use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{ProviderName, Selection, Selector, Target, TokenId};
use introspectd_events::{
    ALGORITHMS, ClaimFault, EventKind, Fault, Logout, Mark, SecurityEvent, Subjects,
    revoked_subject,
};
use introspectd_jose::{self as jose, Jws, Verified};
use introspectd_jwks::NotVerified;
use introspectd_resolver::{PurgeFailure, Purged};

use crate::access::Caller;
use crate::event::Details;
use crate::refusal::{EventFault, RecordFault, Refusal, ServiceFault};
use crate::service::Service;
use crate::transmitter::{Consequence, Transmitter};

/// Sender of a Global Token Revocation request.
#[derive(Debug, Clone, Copy)]
pub enum RevocationSender<'a> {
    /// Transmitter, by its `Authorization`.
    Transmitter(&'a Arc<Transmitter>),
    /// Caller with the permissions to revoke and to purge.
    Caller(&'a Caller),
}

/// Longest wait for the count of what a purge removed. The purge itself is in force at once.
const COUNT_DEADLINE: Duration = Duration::from_millis(250);

/// Takes a security event token that was pushed (RFC 8935). What it means is in force, in the
/// whole fleet, once this returns.
///
/// # Errors
/// [`EventFault`] for a token that must not be sent again; [`ServiceFault`] for one that must.
pub async fn receive_pushed(
    service: &Service,
    body: &[u8],
    authorization: Option<&[u8]>,
    details: &mut Details,
) -> Result<(), Refusal> {
    let text = text(body)?;
    let jws = Jws::parse(text).map_err(Fault::from)?;
    let transmitter = sender(service, &jws, details)?;
    let received = if transmitter.is_polled {
        Err(EventFault::NotPushed.into())
    } else if !transmitter.accepts(authorization) {
        Err(EventFault::NotAuthenticated.into())
    } else {
        receive(service, transmitter, &jws, None, details).await
    };
    note(service, transmitter, received, details)
}

/// Takes a security event token that was polled (RFC 8936), under the `jti` that it came with.
///
/// # Errors
/// Those of [`receive_pushed`].
pub async fn receive_polled(
    service: &Service,
    transmitter: &Transmitter,
    jti: &str,
    set: &str,
    details: &mut Details,
) -> Result<(), Refusal> {
    details.transmitter = Some(transmitter.name.clone());
    let received = match Jws::parse(set) {
        Ok(jws) => receive(service, transmitter, &jws, Some(jti), details).await,
        Err(malformed) => Err(Fault::from(malformed).into()),
    };
    note(service, transmitter, received, details)
}

/// Takes a logout token (OpenID Connect Back-Channel Logout 1.0).
///
/// # Errors
/// Those of [`receive_pushed`].
pub async fn log_out(
    service: &Service,
    logout_token: &str,
    details: &mut Details,
) -> Result<(), Refusal> {
    let jws = Jws::parse(logout_token).map_err(Fault::from)?;
    let transmitter = sender(service, &jws, details)?;
    let received = receive_logout(service, transmitter, &jws, details).await;
    note(service, transmitter, received, details)
}

/// Purges the facts of a subject (Global Token Revocation).
///
/// # Errors
/// [`EventFault`] for a body without a subject, [`RecordFault::NoSuchSubject`] for a subject that
/// facts may not know by its name, [`ServiceFault`] if the purge is not known to the whole fleet.
pub async fn revoke_subject(
    service: &Service,
    sender: RevocationSender<'_>,
    body: &[u8],
    details: &mut Details,
) -> Result<(), Refusal> {
    let (providers, falls_back) = match sender {
        RevocationSender::Transmitter(transmitter) => {
            details.transmitter = Some(transmitter.name.clone());
            (&transmitter.providers, transmitter.falls_back)
        }
        RevocationSender::Caller(caller) => (&caller.permissions.providers, false),
    };
    let revoked = match revoked_subject(body) {
        Ok(subject) => purge(service, providers, falls_back, &subject.subjects(), details).await,
        Err(fault) => Err(Fault::from(fault).into()),
    };
    let is_unmatched = matches!(revoked, Ok(Consequence::Unmatched));
    match sender {
        RevocationSender::Transmitter(transmitter) => {
            note(service, transmitter, revoked, details)?;
        }
        RevocationSender::Caller(_) => drop(revoked?),
    }
    if is_unmatched {
        return Err(RecordFault::NoSuchSubject.into());
    }
    Ok(())
}

fn text(body: &[u8]) -> Result<&str, Fault> {
    let text = std::str::from_utf8(body.trim_ascii());
    text.map_err(|_| Fault::Malformed(introspectd_jose::Malformed::Parts))
}

/// Finds the transmitter that a token claims to be of: its keys will show.
fn sender<'a>(
    service: &'a Service,
    jws: &Jws<'_>,
    details: &mut Details,
) -> Result<&'a Arc<Transmitter>, Fault> {
    let issuer = jws.unverified_issuer().ok_or(ClaimFault::NO_ISSUER)?;
    let transmitter = service.transmitters().of_issuer(&issuer);
    let transmitter = transmitter.ok_or(Fault::Issuer)?;
    details.transmitter = Some(transmitter.name.clone());
    Ok(transmitter)
}

async fn verify<'a>(transmitter: &Transmitter, jws: &'a Jws<'a>) -> Result<Verified<'a>, Refusal> {
    let verified = transmitter.keys.verify(jws, &ALGORITHMS).await;
    verified.map_err(|not_verified| match not_verified {
        NotVerified::Refused(refusal)
        | NotVerified::Provisional {
            refusal: refusal @ jose::Refusal::Signature,
            ..
        } => Fault::Key(refusal).into(),
        // Sent again in a moment, it may be signed by a key that is known then.
        NotVerified::Provisional { retry_after, .. } | NotVerified::Later { retry_after } => {
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            let retry_after = u32::try_from(seconds).unwrap_or(u32::MAX).max(1);
            ServiceFault::KeysMissing { retry_after }.into()
        }
    })
}

async fn receive_logout(
    service: &Service,
    transmitter: &Transmitter,
    jws: &Jws<'_>,
    details: &mut Details,
) -> Result<Consequence, Refusal> {
    let verified = verify(transmitter, jws).await?;
    let logout = Logout::read(&verified, &transmitter.expected, service.now())?;
    let name = ["logout", &transmitter.expected.issuer, &logout.jti];
    act(service, transmitter, name, &logout.subjects(), details).await
}

async fn receive(
    service: &Service,
    transmitter: &Transmitter,
    jws: &Jws<'_>,
    delivered_as: Option<&str>,
    details: &mut Details,
) -> Result<Consequence, Refusal> {
    let verified = verify(transmitter, jws).await?;
    let event = SecurityEvent::read(&verified, &transmitter.expected)?;
    if delivered_as.is_some_and(|jti| jti != event.jti) {
        return Err(Fault::from(ClaimFault::OtherJti).into());
    }
    match event.kind {
        EventKind::Verification => Ok(Consequence::Verified),
        EventKind::Other => Ok(Consequence::Ignored),
        EventKind::Purge => {
            let name = ["event", &transmitter.expected.issuer, &event.jti];
            act(
                service,
                transmitter,
                name,
                &event.subject.subjects(),
                details,
            )
            .await
        }
    }
}

/// Purges what a message is about, unless that was done. The message counts as acted upon only
/// after the purge is in force: one that fails is to be sent again.
async fn act(
    service: &Service,
    transmitter: &Transmitter,
    name: [&str; 3],
    subjects: &Subjects,
    details: &mut Details,
) -> Result<Consequence, Refusal> {
    if service.seen.knows(&name).await {
        return Ok(Consequence::Repeated);
    }
    let (providers, falls_back) = (&transmitter.providers, transmitter.falls_back);
    let consequence = purge(service, providers, falls_back, subjects, details).await?;
    service.seen.note(&name).await;
    Ok(consequence)
}

async fn purge(
    service: &Service,
    providers: &Selection<ProviderName>,
    falls_back: bool,
    subjects: &Subjects,
    details: &mut Details,
) -> Result<Consequence, Refusal> {
    describe(subjects, details);
    let is_everything = falls_back && !subjects.is_certain;
    let targets = if is_everything {
        vec![Target::All]
    } else {
        targets(service, providers, &subjects.marks)
    };
    let mut removed = 0;
    for target in targets {
        let selector = Selector::new(target).within(providers.clone());
        let purged = service
            .resolver
            .purge_counted(&selector, COUNT_DEADLINE)
            .await;
        match purged {
            Ok(Purged { count, .. }) => removed += count,
            // In force all the same.
            Err(PurgeFailure::NotCounted) => {}
            Err(PurgeFailure::NotShared) => return Err(ServiceFault::NotShared.into()),
        }
    }
    details.count = Some(removed);
    Ok(if is_everything || subjects.is_certain {
        Consequence::Purged
    } else {
        Consequence::Unmatched
    })
}

fn targets(service: &Service, providers: &Selection<ProviderName>, marks: &[Mark]) -> Vec<Target> {
    let of_mark = |mark: &Mark| match mark {
        Mark::Subject(subject) => vec![Target::Subject(subject.clone())],
        Mark::Client(client) => vec![Target::Client(client.clone())],
        Mark::TokenId(jti) => {
            let Ok(id) = TokenId::parse(jti.clone()) else {
                return Vec::new();
            };
            let all = service
                .all_providers()
                .map(|provider| provider.name.clone());
            let selected = all.filter(|name| providers.contains(name));
            let target = |provider| Target::Record {
                provider,
                id: id.clone(),
            };
            selected.map(target).collect()
        }
    };
    marks.iter().flat_map(of_mark).collect()
}

fn describe(subjects: &Subjects, details: &mut Details) {
    details.selector = subjects.marks.first().map(|mark| match mark {
        Mark::Subject(subject) => ("sub", Some(subject.clone())),
        Mark::Client(client) => ("client_id", Some(client.clone())),
        Mark::TokenId(jti) => ("token_id", Some(jti.clone())),
    });
}

/// Notes what became of a transmitter's message.
fn note(
    service: &Service,
    transmitter: &Transmitter,
    received: Result<Consequence, Refusal>,
    details: &mut Details,
) -> Result<(), Refusal> {
    let consequence = match &received {
        Ok(consequence) => *consequence,
        Err(Refusal::Service(_)) => Consequence::Postponed,
        Err(_) => Consequence::Refused,
    };
    details.consequence = received.as_ref().ok().copied();
    transmitter.record.note(consequence, service.now());
    received.map(drop)
}
