//! Acts on the process, its providers and their tokens, as the plan says.

mod blows;
mod deeds;
mod faults;
mod reloads;
mod rotations;
mod waits;
mod watch;

pub(crate) use reloads::InForce;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::cast::Which;
use crate::load::{Asker, Operator};
use crate::oracle::Oracle;
use crate::plan::{self, stream};
use crate::stop::Stop;
use crate::subject::Shared;
use crate::world::{Identity, Providers, Stock};

/// All that an act may need.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) subject: Shared,
    pub(crate) providers: Arc<Providers>,
    pub(crate) stock: Arc<Stock>,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) asker: Arc<Asker>,
    pub(crate) operator: Arc<Operator>,
    /// Client of the admin listener.
    pub(crate) admin: Arc<Operator>,
    /// Held by whoever reloads or restarts.
    pub(crate) in_force: Arc<Mutex<InForce>>,
    /// Certificate by which introspectd is let in at a provider.
    pub(crate) client: Arc<Mutex<Option<Identity>>>,
    /// Kinds of acts that are left out.
    pub(crate) without: Arc<BTreeSet<String>>,
    /// Set if the oracle is told what is not true, which it must find.
    pub(crate) sabotaged: bool,
}

impl Stage {
    /// Begins all acts. Each ends soon after `stop`.
    pub(crate) fn act(&self, seed: u64, stop: &Stop) -> tokio::task::JoinSet<()> {
        let mut acts = tokio::task::JoinSet::new();
        for provider in Which::ALL {
            let plan = plan::faults(stream(seed, provider.name()));
            acts.spawn(faults::suffer(self.clone(), provider, plan, stop.clone()));
        }
        let plan = plan::blows(stream(seed, "process"));
        acts.spawn(blows::strike(self.clone(), plan, stop.clone()));
        let rng = stream(seed, "tokens");
        acts.spawn(deeds::perform(self.clone(), rng, stop.clone()));
        acts.spawn(watch::over(self.clone(), stop.clone()));
        if self.does("reload") {
            let plan = plan::reloads(stream(seed, "configuration"));
            acts.spawn(reloads::each_second(self.clone(), plan, stop.clone()));
        }
        acts
    }

    /// Begins to sample what threads wait for a processor.
    pub(crate) fn sample_waits(&self, stop: &Stop) {
        tokio::spawn(waits::sample(self.clone(), stop.clone()));
    }

    /// Writes all files, starts the process, and puts first tokens into circulation.
    pub(crate) async fn prepare(&self, seed: u64) -> io::Result<()> {
        self.equip().await?;
        self.write_first_config()?;
        self.subject.start().await?;
        deeds::issue_first(self, stream(seed, "first tokens")).await;
        Ok(())
    }

    fn does(&self, act: &str) -> bool {
        !self.without.contains(act)
    }
}
