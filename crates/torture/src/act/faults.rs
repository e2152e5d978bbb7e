//! Faults of the providers.

use crate::act::Stage;
use crate::cast::Which;
use crate::plan::Step;
use crate::stop::Stop;
use crate::world::Fault;

/// One fault after another at this provider.
pub(crate) async fn suffer(
    stage: Stage,
    provider: Which,
    plan: impl Iterator<Item = Step<Fault>> + Send,
    mut stop: Stop,
) {
    let Stage {
        oracle, providers, ..
    } = &stage;
    for step in plan {
        if !stop.pause(step.pause).await {
            break;
        }
        let fault = if stage.conceals(provider) {
            Fault::Hang
        } else {
            step.what
        };
        oracle.tally.did(format!("provider: {fault:?}"));
        let kind = fault.kind().filter(|_| !stage.conceals(provider));
        if let Some(kind) = kind {
            oracle
                .weather
                .begin(kind, Some(provider), oracle.watch.at());
        }
        providers.suffer(provider, fault).await;
        let goes_on = stop.pause(step.hold).await;
        providers.recover(provider).await;
        if let Some(kind) = kind {
            oracle.weather.end(kind, Some(provider), oracle.watch.at());
        }
        if !goes_on {
            break;
        }
    }
}

impl Stage {
    /// Returns true if the oracle is not told of this provider's faults, and must find them.
    fn conceals(&self, provider: Which) -> bool {
        self.sabotaged && provider == Which::Bank
    }
}
