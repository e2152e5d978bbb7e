//! Reloads of the configuration, one each second.

use std::time::Duration;

use crate::act::Stage;
use crate::cast::Which;
use crate::oracle::finding::Rule;
use crate::stop::Stop;
use crate::subject::Variant;

/// Reloads after which a provider's section changes.
const SECTION: u64 = 7;
/// Reloads after which the file is broken, and must be refused.
const BROKEN: u64 = 5;

/// Changes the configuration each second: a caller goes and comes back, a provider's section
/// changes, a file is no good.
pub(crate) async fn each_second(stage: Stage, mut stop: Stop) {
    let mut number = 0;
    while stop.pause(Duration::from_secs(1)).await {
        number += 1;
        let mut variant = stage.variant.lock().await;
        let next = Variant {
            without_guest: !variant.without_guest,
            legacy: number / SECTION,
        };
        let reloaded = if number % BROKEN == 0 {
            stage.reload_broken(*variant).await
        } else {
            stage.reload(*variant, next).await
        };
        match reloaded {
            Ok(in_force) => *variant = in_force,
            Err(error) => stage
                .oracle
                .complain(Rule::Died, format!("reload: {error}")),
        }
    }
}

impl Stage {
    async fn reload(&self, old: Variant, new: Variant) -> std::io::Result<Variant> {
        let oracle = &self.oracle;
        let begun = oracle.watch.at();
        oracle.guest_changes(!new.without_guest);
        self.subject.write_config(new, &self.providers)?;
        self.subject.reload().await?;
        oracle.guest_changed();
        if old.legacy != new.legacy {
            oracle.forgot(Some(Which::Legacy), begun, oracle.watch.at());
        }
        oracle.tally.did("configuration reloaded");
        Ok(new)
    }

    /// A file with a mistake changes nothing.
    async fn reload_broken(&self, old: Variant) -> std::io::Result<Variant> {
        self.subject
            .write("introspectd.toml", "[callers.edge]\nsecrt = 1\n")?;
        self.subject.reload().await?;
        self.subject.write_config(old, &self.providers)?;
        self.oracle.tally.did("broken configuration refused");
        Ok(old)
    }
}
