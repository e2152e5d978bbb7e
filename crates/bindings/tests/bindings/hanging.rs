//! A disk that hangs holds a bounded number of threads, and no caller beyond its patience.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use introspectd_bindings::{BlockingBindings, BlockingRevocations, Threaded};
use introspectd_core::{
    Binding, Bindings, BindingsFailed, Found, Kept, ProviderName, Remembered, Revocations as _,
    Revoked, Timestamp, TokenValue,
};

use crate::given::{NOW, at, bank, token};

/// Store whose disk answers when the other end is dropped.
#[derive(Debug)]
struct Hanging {
    disk: Mutex<Receiver<()>>,
    calls: Arc<AtomicUsize>,
}

impl Hanging {
    fn start() -> (Threaded<Self>, Sender<()>, Arc<AtomicUsize>) {
        let (hung, disk) = channel();
        let calls = Arc::<AtomicUsize>::default();
        let store = Self {
            disk: Mutex::new(disk),
            calls: Arc::clone(&calls),
        };
        (Threaded::new(store), hung, calls)
    }

    fn block(&self) {
        self.calls.fetch_add(1, SeqCst);
        let _ = self.disk.lock().unwrap().recv();
    }
}

impl BlockingBindings for Hanging {
    fn find(
        &self,
        _: &ProviderName,
        _: &TokenValue,
        _: Timestamp,
    ) -> Result<Option<Found>, BindingsFailed> {
        self.block();
        Ok(None)
    }

    fn bind(
        &self,
        _: &ProviderName,
        _: &Binding<'_>,
        _: Timestamp,
    ) -> Result<Kept, BindingsFailed> {
        self.block();
        Ok(Kept::Done)
    }
}

impl BlockingRevocations for Hanging {
    fn remember(&self, _: &ProviderName, _: Revoked<'_>, _: Option<Timestamp>, _: Timestamp) {}

    fn find(&self, _: &ProviderName, _: Revoked<'_>) -> Option<Remembered> {
        None
    }

    fn save(&self, _: Timestamp) -> Result<(), BindingsFailed> {
        self.block();
        Ok(())
    }
}

/// Makes this many calls, each of which its caller abandons.
async fn abandon<T>(calls: usize, call: impl Fn() -> T)
where
    T: Future,
{
    for _ in 0..calls {
        let patience = Duration::from_millis(2);
        assert!(
            tokio::time::timeout(patience, call()).await.is_err(),
            "the disk hangs"
        );
    }
}

/// Waits until this many calls have reached the disk.
async fn reached(calls: &AtomicUsize, wanted: usize) {
    let all = async {
        while calls.load(SeqCst) < wanted {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all)
        .await
        .unwrap();
}

#[tokio::test]
async fn hanging_disk_holds_a_bounded_number_of_threads() {
    let (store, hung, calls) = Hanging::start();
    let (bank, token, now) = (bank(), token("t"), at(NOW));
    let bindings: &dyn Bindings = &store;
    abandon(100, || bindings.find(&bank, &token, now)).await;
    reached(&calls, 64).await;
    abandon(20, || store.save(now)).await;
    reached(&calls, 68).await;
    drop(hung);
    let found =
        tokio::time::timeout(Duration::from_secs(30), bindings.find(&bank, &token, now)).await;
    assert_eq!(found.unwrap(), Ok(None));
    assert_eq!(
        calls.load(SeqCst),
        69,
        "abandoned calls without a thread never reach the disk"
    );
}
