use introspectd_core::ask::Operation;
use introspectd_core::{Failure, Introspection};

use crate::fact::{Fact, Keep};
use crate::flight::Outcome;
use crate::key::Subject;
use crate::revoked::Memory;
use crate::slot::ProviderSlot;
use crate::stamp::{Stamp, Tags};

/// Makes a fact of the provider's answer, as of the purge of this number.
pub(crate) async fn fetch<K: Keep>(
    slot: &ProviderSlot,
    memory: &Memory,
    subject: &Subject,
    number: u64,
) -> Outcome<K> {
    let stamp = |tags| Stamp {
        number,
        slot: slot.purges.slot(),
        tags,
    };
    if let Some(revoked) = memory.answer(slot, subject) {
        return Ok((Fact::new(slot.name(), revoked), stamp(Tags::default())));
    }
    let answer = request(slot, subject).await;
    let mut introspection = memory.judge(slot, subject, answer)?;
    let mut tags = Tags::default();
    if let Introspection::Token(token) = &mut introspection {
        slot.fill_in_issuer(token);
        tags = Tags::of(token, &slot.keys);
    }
    Ok((Fact::new(slot.name(), introspection), stamp(tags)))
}

async fn request(slot: &ProviderSlot, subject: &Subject) -> Result<Introspection, Failure> {
    let provider = &slot.entry.provider;
    match subject {
        Subject::Token(token) => {
            slot.observe(Operation::Introspect, provider.introspect(token))
                .await
        }
        Subject::Id(id) => {
            let records = provider.records().ok_or(Failure::Unsupported)?;
            slot.observe(Operation::Lookup, records.lookup(id)).await
        }
    }
}
