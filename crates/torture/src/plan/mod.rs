//! Decisions of a run: which fault, where, when, for how long. A pure function of the seed.

mod reloads;
mod troubles;

pub(crate) use reloads::{Reload, Turn, reloads};
pub(crate) use troubles::{Way, troubles, ways};

use std::time::Duration;

use fastrand::Rng;

use crate::cast::Which;
use crate::world::Fault;

/// A step of a plan: wait, then begin, then hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step<T> {
    pub(crate) pause: Duration,
    pub(crate) what: T,
    /// Duration, where it lasts.
    pub(crate) hold: Duration,
}

/// Fault of the process and of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// SIGKILL, and a new start.
    Kill,
    /// SIGTERM, its drain, and a new start.
    Terminate,
    /// A log without a reader.
    StallLogs,
    /// The disk of bindings and audit log is full.
    FillDisk,
    /// The clock goes forward, and back again.
    ClockForward,
    /// The clock goes back, and forward again.
    ClockBack,
    /// More idle connections than the process has descriptors for.
    Crowd,
    /// A new certificate for the TLS listener.
    RotateListener,
    /// A new certificate for a provider.
    RotateProvider,
    /// Certificates of a new authority for a provider, in the file of those that are trusted.
    RotateAuthority,
    /// A new certificate of ours, which a provider asks for.
    RotateClient,
    /// A certificate that nobody trusts for a provider.
    ForgeProvider,
    /// A new password at a provider, in the file and there.
    RotatePassword,
    /// The bearer tokens that a provider gave us end.
    ExpireCredentials,
    /// The audit log is moved away.
    RotateAudit,
}

impl Blow {
    pub(crate) const ALL: [Self; 15] = [
        Self::Kill,
        Self::Terminate,
        Self::StallLogs,
        Self::FillDisk,
        Self::ClockForward,
        Self::ClockBack,
        Self::Crowd,
        Self::RotateListener,
        Self::RotateProvider,
        Self::RotateAuthority,
        Self::RotateClient,
        Self::ForgeProvider,
        Self::RotatePassword,
        Self::ExpireCredentials,
        Self::RotateAudit,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Kill => "process killed and started again",
            Self::Terminate => "process stopped and started again",
            Self::StallLogs => "log not read",
            Self::FillDisk => "disk full",
            Self::ClockForward => "clock set forward and back",
            Self::ClockBack => "clock set back and forward",
            Self::Crowd => "crowd of idle connections",
            Self::RotateListener => "certificate of the listener rotated",
            Self::RotateProvider => "certificate of a provider rotated",
            Self::RotateAuthority => "authority of a provider rotated",
            Self::RotateClient => "our certificate for a provider rotated",
            Self::ForgeProvider => "certificate of a provider forged",
            Self::RotatePassword => "password at a provider rotated",
            Self::ExpireCredentials => "bearer tokens for a provider expired",
            Self::RotateAudit => "audit log rotated",
        }
    }
}

/// Event in the life of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A provider issues one.
    Issue,
    /// The same, but somebody asks about it first.
    IssueAskedEarly,
    /// Revoked by way of introspectd.
    RevokeHere,
    /// Revoked at its provider.
    RevokeThere,
    /// Purged from the cache.
    Purge,
    /// All tokens of a provider are purged.
    PurgeProvider,
    /// All tokens are purged.
    PurgeAll,
    /// Explained.
    Explain,
    /// A token is forged.
    Forge,
    /// A crowd of tokens by keys that nobody has.
    Crowd,
}

/// Streams of random numbers, one for each purpose: what one consumes moves no other.
pub(crate) fn stream(seed: u64, purpose: &str) -> Rng {
    // FNV-1a, so that a run repeats on every machine and with every version of the library.
    let hash = purpose
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64 ^ seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Rng::with_seed(hash)
}

/// Faults of this provider, each kind once before any comes again.
pub(crate) fn faults(mut rng: Rng, at: Which) -> impl Iterator<Item = Step<Fault>> + Send {
    let mut deck = Vec::new();
    // Keys are fetched seldom: a fault must last to be noticed, and explains failures for long.
    let (pauses, holds) = if at.is_local() {
        (4000..40_000, 1000..10_000)
    } else {
        (800..4000, 300..2500)
    };
    std::iter::repeat_with(move || Step {
        pause: millis(&mut rng, pauses.clone()),
        what: deal(&mut rng, &mut deck, &Fault::ALL).unwrap_or(Fault::Hang),
        hold: millis(&mut rng, holds.clone()),
    })
}

/// Blows to the process, dealt in the same way.
pub(crate) fn blows(mut rng: Rng) -> impl Iterator<Item = Step<Blow>> + Send {
    let mut deck = Vec::new();
    std::iter::repeat_with(move || Step {
        pause: millis(&mut rng, 200..900),
        what: deal(&mut rng, &mut deck, &Blow::ALL).unwrap_or(Blow::Kill),
        hold: millis(&mut rng, 300..1500),
    })
}

/// Events of tokens, some forty times a second.
pub(crate) fn deeds(mut rng: Rng) -> impl Iterator<Item = Step<Deed>> + Send {
    std::iter::repeat_with(move || Step {
        pause: millis(&mut rng, 5..45),
        what: deed(rng.u16(..1000)),
        hold: Duration::ZERO,
    })
}

fn deed(share: u16) -> Deed {
    match share {
        ..380 => Deed::Issue,
        380..440 => Deed::Forge,
        440..500 => Deed::IssueAskedEarly,
        500..680 => Deed::RevokeHere,
        680..860 => Deed::RevokeThere,
        860..970 => Deed::Purge,
        970..980 => Deed::PurgeProvider,
        980..984 => Deed::PurgeAll,
        984..992 => Deed::Explain,
        992.. => Deed::Crowd,
    }
}

fn deal<T: Copy>(rng: &mut Rng, deck: &mut Vec<T>, all: &[T]) -> Option<T> {
    if deck.is_empty() {
        deck.extend_from_slice(all);
        rng.shuffle(deck);
    }
    deck.pop()
}

fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_makes_the_same_plan() {
        let plan = |seed| {
            let faults: Vec<_> = faults(stream(seed, "bank"), Which::Bank)
                .take(100)
                .collect();
            let blows: Vec<_> = blows(stream(seed, "process")).take(100).collect();
            let deeds: Vec<_> = deeds(stream(seed, "tokens")).take(1000).collect();
            let reloads: Vec<_> = reloads(stream(seed, "configuration")).take(100).collect();
            let troubles: Vec<_> = troubles(stream(seed, "redis")).take(100).collect();
            let ways: Vec<_> = ways(stream(seed, "ways to redis"), 3).take(100).collect();
            (faults, blows, deeds, reloads, troubles, ways)
        };
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let first = |purpose| stream(7, purpose).u64(..);
        assert_ne!(first("bank"), first("legacy"));
    }

    #[test]
    fn every_kind_comes_before_any_comes_again() {
        let mut dealt: Vec<_> = blows(stream(1, "process"))
            .take(Blow::ALL.len())
            .map(|step| step.what.title())
            .collect();
        dealt.sort_unstable();
        dealt.dedup();
        assert_eq!(dealt.len(), Blow::ALL.len());
    }
}
