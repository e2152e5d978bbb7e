//! Acts on the process, its providers and their tokens, as the plan says.

mod blows;
mod deeds;
mod faults;
mod jwts;
mod lives;
mod redis;
mod reloads;
mod rotations;
mod spread;
mod waits;
mod watch;

pub(crate) use reloads::InForce;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::cast::{Replica, WELL, Which};
use crate::load::{Asker, Operator};
use crate::oracle::Oracle;
use crate::plan::{self, stream};
use crate::stop::Stop;
use crate::subject::Shared;
use crate::world::{Identity, Providers, SharedCache, Stock};

/// All that an act on one process may need.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) replica: Replica,
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

/// Stages of all replicas: one, unless there is a fleet.
#[derive(Clone)]
pub(crate) struct Stages {
    pub(crate) first: Stage,
    pub(crate) others: Vec<Stage>,
    /// Redis of a fleet.
    pub(crate) shared_cache: Option<Arc<SharedCache>>,
}

impl Stages {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Stage> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Begins all acts. Each ends soon after `stop`.
    pub(crate) fn act(&self, seed: u64, stop: &Stop) -> tokio::task::JoinSet<()> {
        let mut acts = tokio::task::JoinSet::new();
        let first = &self.first;
        for provider in Which::ALL {
            if provider == WELL && self.shared_cache.is_some() {
                continue;
            }
            let plan = plan::faults(stream(seed, provider.name()), provider);
            acts.spawn(faults::suffer(first.clone(), provider, plan, stop.clone()));
        }
        for stage in self.all() {
            let plan = plan::blows(stream(seed, stage.replica.purpose()));
            acts.spawn(blows::strike(stage.clone(), plan, stop.clone()));
            acts.spawn(watch::over(stage.clone(), stop.clone()));
        }
        acts.spawn(jwts::rotate_each_second(first.clone(), stop.clone()));
        let rng = stream(seed, "tokens");
        acts.spawn(deeds::perform(self.clone(), rng, stop.clone()));
        if let Some(cache) = &self.shared_cache {
            let plan = plan::ways(stream(seed, "ways to redis"), cache.wires());
            let act = redis::disturb(self.clone(), Arc::clone(cache), plan, stop.clone());
            acts.spawn(act);
            let plan = plan::troubles(stream(seed, "redis"));
            let (stages, cache, stop) = (self.clone(), Arc::clone(cache), stop.clone());
            let runtime = Handle::current();
            // The lab's futures stay on their thread.
            acts.spawn_blocking(move || {
                runtime.block_on(redis::trouble(stages, cache, plan, stop));
            });
        } else if first.does("reload") {
            let plan = plan::reloads(stream(seed, "configuration"));
            acts.spawn(reloads::each_second(first.clone(), plan, stop.clone()));
        }
        acts
    }

    /// Begins to sample what threads wait for a processor.
    pub(crate) fn sample_waits(&self, stop: &Stop) {
        tokio::spawn(waits::sample(self.clone(), stop.clone()));
    }

    /// Writes all files, starts the processes, and puts first tokens into circulation.
    pub(crate) async fn prepare(&self, seed: u64) -> io::Result<()> {
        for stage in self.all() {
            stage.equip().await?;
            stage.write_first_config()?;
            stage.subject.start().await?;
        }
        lives::issue_first(self, stream(seed, "first tokens")).await;
        Ok(())
    }
}

impl Stage {
    fn does(&self, act: &str) -> bool {
        !self.without.contains(act)
    }
}
