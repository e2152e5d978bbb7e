use introspectd_core::PerThread;
use introspectd_jose::{Algorithm, JwkSet, Jws, Refusal, Verified};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// Turns in which signatures are verified: one at a time on each thread.
///
/// A thread of its own would cost each verification two wake-ups, a third of its own price, and
/// bring it into competition with the workers, which the system settles later than they need it.
/// On the worker, whoever is ready goes first, so a hit waits for one verification at most.
#[derive(Debug, Default)]
pub(crate) struct Turns(PerThread<Turn>);

#[derive(Debug)]
struct Turn(Semaphore);

impl Default for Turn {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl Turns {
    /// Verifies a signature once it is its turn.
    pub(crate) async fn verify<'a>(
        &self,
        jws: &'a Jws<'a>,
        keys: &JwkSet,
        allowed: &[Algorithm],
    ) -> Result<Verified<'a>, Refusal> {
        // Never closed.
        let _turn = self.0.here().0.acquire().await;
        // The runtime looks at its sockets before it comes back.
        yield_now().await;
        jws.verify(keys, allowed)
    }
}
