use std::collections::VecDeque;

use crate::purge::{Confirmed, ConfirmedSubject, Revocation};

/// Latest revocations of the fleet, by which a stream that was lost is mended: a replica that had
/// not read them, and whose provider goes on showing what it revoked, learns them nowhere else.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Newest last.
    known: VecDeque<Revocation>,
    /// Revocations that a lost stream does not hold yet; `None` unless one was lost.
    owed: Option<VecDeque<Revocation>>,
}

/// Most revocations that are written again, about 100 KiB.
const MAX_KNOWN: usize = 1000;

impl Recent {
    /// Notes revocations that stand in the stream.
    pub(crate) fn note(&mut self, revoked: &[Revocation]) {
        for revocation in revoked {
            if let Some(owed) = &mut self.owed {
                owed.retain(|it| it != revocation);
            }
            self.known.retain(|it| it != revocation);
            if self.known.len() >= MAX_KNOWN {
                self.known.pop_front();
            }
            self.known.push_back(revocation.clone());
        }
    }

    /// Notes that the stream may have lost all of them.
    pub(crate) fn lose(&mut self) {
        self.owed = Some(self.known.clone());
    }

    /// Takes what is to be written once the rest of a lost stream was read.
    pub(crate) fn take_owed(&mut self) -> Option<Vec<Confirmed>> {
        let owed = self.owed.take()?;
        let confirmed = owed.into_iter().map(|it| Confirmed {
            provider: it.provider,
            subject: ConfirmedSubject::Digest(it.revoked),
            end: it.end,
        });
        Some(confirmed.collect())
    }
}

#[cfg(test)]
mod tests {
    use introspectd_core::ProviderName;

    use super::*;
    use crate::purge::RevokedDigest;

    fn revocation(number: u32) -> Revocation {
        let mut digest = [0; 16];
        digest[..4].copy_from_slice(&number.to_be_bytes());
        Revocation {
            provider: ProviderName::parse("sso").unwrap(),
            revoked: RevokedDigest::Token(digest),
            end: None,
        }
    }

    #[test]
    fn lost_revocations_are_owed_once_unless_another_replica_wrote_them() {
        let mut recent = Recent::default();
        recent.note(&[revocation(1), revocation(2), revocation(1)]);
        assert!(recent.take_owed().is_none());
        recent.lose();
        recent.note(&[revocation(2)]);
        assert_eq!(recent.take_owed().unwrap().len(), 1);
        assert!(recent.take_owed().is_none());
    }

    #[test]
    fn oldest_revocations_leave() {
        let mut recent = Recent::default();
        let all: Vec<_> = (0..=1000).map(revocation).collect();
        recent.note(&all);
        recent.lose();
        assert_eq!(recent.take_owed().unwrap().len(), MAX_KNOWN);
    }
}
