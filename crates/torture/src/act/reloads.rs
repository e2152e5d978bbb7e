//! Reloads of the configuration, one each second.

use std::io;
use std::time::Duration;

use crate::act::Stage;
use crate::cast::{Variant, Which};
use crate::load::Call;
use crate::oracle::finding::Rule;
use crate::oracle::forgetting::{Cause, Effect};
use crate::plan::{Reload, Turn};
use crate::stop::Stop;

/// Configuration in force, and what else it was made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InForce {
    pub(crate) variant: Variant,
    /// Rotations of the password at `apis` when it was loaded.
    password: u64,
    /// Rotations so far.
    pub(crate) passwords: u64,
}

impl InForce {
    /// Configuration of the first start.
    pub(crate) const FIRST: Self = Self {
        variant: Variant::FIRST,
        password: 0,
        passwords: 0,
    };

    /// A new process has read all files.
    pub(crate) fn restarted(&mut self) {
        self.password = self.passwords;
    }
}

/// Reloads so far, as the process counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    applied: u64,
    refused: u64,
}

const EACH: Duration = Duration::from_secs(1);

/// Changes the file each second, and has the process load it.
pub(crate) async fn each_second(
    stage: Stage,
    plan: impl Iterator<Item = Reload> + Send,
    mut stop: Stop,
) {
    for reload in plan {
        if !stop.pause(EACH).await {
            return;
        }
        let mut in_force = stage.in_force.lock().await;
        if let Err(error) = stage.reload(&mut in_force, reload).await {
            let story = format!("{}: {error}", reload.turn.title());
            stage.oracle.complain(Rule::Died, story);
        }
    }
}

impl Stage {
    /// Writes the configuration of the first start.
    pub(super) fn write_first_config(&self) -> io::Result<()> {
        self.write_good_config(Variant::FIRST)
    }

    fn write_good_config(&self, variant: Variant) -> io::Result<()> {
        let turn = Turn::Nothing;
        let reload = Reload { turn, variant };
        self.subject.write_config(reload, &self.providers)
    }

    async fn reload(&self, in_force: &mut InForce, reload: Reload) -> io::Result<()> {
        let before = self.counted().await;
        if reload.turn.is_mistake() {
            self.refuse(in_force.variant, reload).await?;
        } else {
            self.apply(in_force, reload).await?;
        }
        let after = self.counted().await;
        self.oracle.tally.did(reload.turn.title());
        if let (Some(before), Some(after)) = (before, after) {
            self.expect_one(reload, before, after);
        }
        Ok(())
    }

    async fn apply(&self, in_force: &mut InForce, reload: Reload) -> io::Result<()> {
        let (oracle, old) = (&self.oracle, *in_force);
        let begun = oracle.watch.at();
        oracle.reloads(self.replica, old.variant, reload.variant);
        self.subject.write_config(reload, &self.providers)?;
        self.subject.reload().await?;
        oracle.reloaded(self.replica);
        // The value of a secret is part of its section.
        for (provider, is_changed) in [
            (
                Which::Legacy,
                old.variant.legacy_ttl != reload.variant.legacy_ttl,
            ),
            (Which::Apis, old.password != old.passwords),
            (
                Which::Corp,
                old.variant.corp_max_age != reload.variant.corp_max_age,
            ),
        ] {
            if is_changed {
                let done = Effect::only(self.replica, oracle.watch.at());
                oracle.forgot(Some(provider), begun, done, Cause::Reload);
            }
        }
        in_force.variant = reload.variant;
        in_force.password = old.passwords;
        Ok(())
    }

    /// A file with a mistake changes nothing, whatever else it says. The oracle is not told of it.
    async fn refuse(&self, variant: Variant, reload: Reload) -> io::Result<()> {
        self.subject.write_config(reload, &self.providers)?;
        self.subject.reload().await?;
        // A process that starts anew must find a good one.
        self.write_good_config(variant)
    }

    fn expect_one(&self, reload: Reload, before: Counted, after: Counted) {
        let expected = if reload.turn.is_mistake() {
            Counted {
                refused: before.refused + 1,
                ..before
            }
        } else {
            Counted {
                applied: before.applied + 1,
                ..before
            }
        };
        if after != expected {
            let story = format!("{}: {before:?}, then {after:?}", reload.turn.title());
            self.oracle.complain(Rule::WrongReload, story);
        }
    }

    /// `None` if the process does not say: it died, which is found elsewhere.
    async fn counted(&self) -> Option<Counted> {
        let reply = self.admin.ask(Call::get("/metrics")).await.ok()?;
        let text = String::from_utf8_lossy(&reply.body);
        let count = |outcome: &str| {
            let name = format!("introspectd_config_reloads_total{{outcome=\"{outcome}\"}} ");
            let value = text.lines().find_map(|line| line.strip_prefix(&name))?;
            value.parse().ok()
        };
        Some(Counted {
            applied: count("applied")?,
            refused: count("refused")?,
        })
    }
}
