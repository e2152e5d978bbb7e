use super::{start_alone, start_replica, wait_until_it_shares};
use crate::drive::{Drive, ExpectedRequests, turn};
use crate::failure::Result;
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load, Tiers};
use crate::redis::Redis;
use crate::wrk::{Kind, Tokens};

const TOKENS: u64 = 1_000;

/// Hits in the process's own cache, with the shared tier configured and without. Each round has
/// servers of its own, as for all hits.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    (0..lab.rounds).try_for_each(|round| one_round(lab, round, ledger))
}

fn one_round(lab: &Lab, round: usize, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let redis = Redis::start(lab)?;
    let alone = start_alone(lab, &authority)?;
    let sharing = start_replica(lab, &authority, &redis)?;
    wait_until_it_shares(&sharing)?;
    let prefix = lab.prefix();
    alone.fill(&prefix, 0..TOKENS)?;
    sharing.fill(&prefix, 0..TOKENS)?;
    let tokens = Tokens {
        kind: Kind::Kept,
        prefix,
        count: TOKENS,
    };
    let both = [(&alone, Tiers::One), (&sharing, Tiers::Two)];
    (round..).zip(0..lab.seconds).try_for_each(|(first, _)| {
        turn(&both, first).try_for_each(|(running, tiers)| {
            let drive = Drive {
                lab,
                authority: &authority,
                load: Load::TierHits(*tiers),
                asked: ExpectedRequests::Never,
            };
            drive.once(round, running, &tokens, 1, ledger)
        })
    })
}
