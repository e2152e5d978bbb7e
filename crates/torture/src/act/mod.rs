//! Acts on the process, its providers and their tokens, as the plan says.

mod blows;
mod deeds;
mod faults;
mod reloads;
mod watch;

pub(crate) use blows::password;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::cast::Which;
use crate::load::Operator;
use crate::oracle::Oracle;
use crate::plan::{self, stream};
use crate::stop::Stop;
use crate::subject::{Shared, Variant};
use crate::world::{Providers, Stock};

/// All that an act may need.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) subject: Shared,
    pub(crate) providers: Arc<Providers>,
    pub(crate) stock: Arc<Stock>,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) operator: Arc<Operator>,
    pub(crate) variant: Arc<Mutex<Variant>>,
    /// Kinds of acts that are left out.
    pub(crate) without: Arc<BTreeSet<String>>,
    /// A revocation at a provider is one that the oracle believes in and the provider forgets.
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
            acts.spawn(reloads::each_second(self.clone(), stop.clone()));
        }
        acts
    }

    /// Puts first tokens into circulation.
    pub(crate) async fn prepare(&self, seed: u64) {
        deeds::issue_first(self, stream(seed, "first tokens")).await;
    }

    fn does(&self, act: &str) -> bool {
        !self.without.contains(act)
    }
}
