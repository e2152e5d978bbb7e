use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::Value;
use tokio::time::timeout;

use super::fault::Fault;
use super::link::{Link, Live};
use super::open::{Connection, Driver, Opener};
use introspectd_fleet::EntryId;

/// Time that a server may take for its answer after it was to wait no longer.
const GRACE: Duration = Duration::from_secs(1);

/// Connection on which the server may wait, kept from one use to the next. It is another than that
/// of the commands, which would wait behind it.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Option<Kept>>);

struct Kept {
    connection: Connection,
    driver: Driver,
    /// Connection of commands to the same server.
    sibling: Live,
}

impl Waiting {
    /// Runs commands of which the server may let one wait for this time. A run that is dropped
    /// closes its connection, and the server's wait with it. It ends with the connection of
    /// commands, so that none outlives a failover.
    pub(super) async fn run<T, F>(
        &self,
        link: &Link,
        opener: &Opener,
        patience: Duration,
        commands: impl FnOnce(Connection) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let live = link.live().await?;
        let mut kept = match self.take(&live) {
            Some(kept) => kept,
            None => {
                let (connection, driver) = opener.open(&live.address).await?;
                Kept {
                    connection,
                    driver,
                    sibling: live.clone(),
                }
            }
        };
        let commands = commands(kept.connection.clone());
        let outcome = tokio::select! {
            outcome = timeout(patience.saturating_add(GRACE), commands) => {
                outcome.unwrap_or(Err(Fault::TimedOut))
            }
            () = &mut kept.driver => return Err(Fault::Lost),
            fault = link.lost(live.number) => return Err(fault),
        };
        let outcome = link.judge(&live, outcome).await?;
        *self.lock() = Some(kept);
        Ok(outcome)
    }

    /// Waits for an entry of a stream.
    pub(super) async fn wait(
        &self,
        link: &Link,
        opener: &Opener,
        key: &str,
        after: EntryId,
        patience: Duration,
    ) -> Result<(), Fault> {
        // A wait of 0 has no end.
        let millis = u64::try_from(patience.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(1).arg("BLOCK").arg(millis);
        command.arg("STREAMS").arg(key).arg(after.to_string());
        let waited = self.run(link, opener, patience, |connection| async move {
            connection.one::<Value>(&command).await
        });
        waited.await.map(|_| ())
    }

    fn take(&self, live: &Live) -> Option<Kept> {
        let is_of = |kept: &Kept| {
            kept.sibling.number == live.number && kept.sibling.address == live.address
        };
        self.lock().take().filter(is_of)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}
