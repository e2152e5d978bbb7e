use std::sync::Arc;

use async_trait::async_trait;
use introspectd_core::{
    Binding, Bindings, BindingsFailed, Found, Kept, ProviderName, Remembered, Revocations, Revoked,
    Timestamp, TokenValue,
};
use tokio::sync::Semaphore;

use crate::blocking::{BlockingBindings, BlockingRevocations};

/// Store whose calls run on threads of their own, so that no caller's thread waits for a disk.
///
/// A call to a hanging disk remains after its caller has left, so the threads are bounded: 64 find
/// and bind, and 4 save revocations, so that neither keeps the other from the disk. Excess calls
/// wait for as long as their callers do.
#[derive(Debug)]
pub struct Threaded<S> {
    store: Arc<S>,
    calls: Arc<Semaphore>,
    saves: Arc<Semaphore>,
}

/// Most threads that find and bind.
const MAX_CALLS: usize = 64;

/// Most threads that save revocations.
const MAX_SAVES: usize = 4;

impl<S: Send + Sync + 'static> Threaded<S> {
    /// Creates the threads' limits; the threads are the runtime's blocking ones.
    pub fn new(store: S) -> Self {
        Self {
            store: Arc::new(store),
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
            saves: Arc::new(Semaphore::new(MAX_SAVES)),
        }
    }

    /// Runs a call on a thread. Dropping the future while it waits for a permit abandons the call,
    /// later only its answer.
    async fn run<T: Send + 'static>(
        &self,
        permits: &Arc<Semaphore>,
        call: impl FnOnce(&S) -> Result<T, BindingsFailed> + Send + 'static,
    ) -> Result<T, BindingsFailed> {
        let store = Arc::clone(&self.store);
        let permit = Arc::clone(permits)
            .acquire_owned()
            .await
            .map_err(|_| BindingsFailed)?;
        let call = move || {
            let _permit = permit;
            call(&store)
        };
        tokio::task::spawn_blocking(call)
            .await
            .unwrap_or(Err(BindingsFailed))
    }
}

#[async_trait]
impl<S: BlockingBindings> Bindings for Threaded<S> {
    async fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Option<Found>, BindingsFailed> {
        let (provider, token) = (provider.clone(), token.clone());
        self.run(&self.calls, move |store| store.find(&provider, &token, now))
            .await
    }

    async fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed> {
        let Binding {
            token,
            id,
            end,
            replace,
        } = *binding;
        let (provider, token, id) = (provider.clone(), token.clone(), id.clone());
        let call = move |store: &S| {
            store.bind(
                &provider,
                &Binding {
                    token: &token,
                    id: &id,
                    end,
                    replace,
                },
                now,
            )
        };
        self.run(&self.calls, call).await
    }
}

#[async_trait]
impl<S: BlockingRevocations> Revocations for Threaded<S> {
    fn remember(
        &self,
        provider: &ProviderName,
        revoked: Revoked<'_>,
        end: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.store.remember(provider, revoked, end, now);
    }

    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Remembered> {
        self.store.find(provider, revoked)
    }

    async fn save(&self, now: Timestamp) -> Result<(), BindingsFailed> {
        self.run(&self.saves, move |store| store.save(now)).await
    }
}
