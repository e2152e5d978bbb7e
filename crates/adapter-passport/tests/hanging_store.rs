//! Behaviour with a bindings store whose disk hangs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its own functions included")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use introspectd_adapter_passport::{Config, Passport};
use introspectd_core::{
    Binding, Bindings, BindingsFailed, Failure, Issuance, Kept, Outage, Provider, ProviderName, Revocation,
    SystemClock, Timestamp, TokenId, TokenValue,
};
use introspectd_settings::{Environment, load};
use introspectd_upstream::Outbound;

/// Bindings store that answers when the other end is dropped.
#[derive(Debug)]
struct Hanging(Mutex<Receiver<()>>);

impl Hanging {
    fn block(&self) {
        let _ = self.0.lock().unwrap().recv();
    }
}

impl Bindings for Hanging {
    fn find(
        &self,
        _: &ProviderName,
        _: &TokenValue,
        _: Timestamp,
    ) -> Result<Option<TokenId>, BindingsFailed> {
        self.block();
        Ok(None)
    }

    fn bind(&self, _: &ProviderName, _: &Binding<'_>, _: Timestamp) -> Result<Kept, BindingsFailed> {
        self.block();
        Ok(Kept::Done)
    }
}

fn passport() -> (Passport, Sender<()>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provider.toml");
    let text = "base_url = 'http://127.0.0.1:9'\ncredentials = { type = 'none' }\ntimeout = '20ms'\n";
    std::fs::write(&path, text).unwrap();
    let mut section = load(&path, &Environment::new()).unwrap();
    let config = Config::read(&mut section).unwrap();
    let name = ProviderName::parse("bank").unwrap();
    let (hung, answers) = channel();
    let store = Arc::new(Hanging(Mutex::new(answers)));
    let clock = Arc::new(SystemClock::default());
    let outbound = Outbound::here(Arc::<SystemClock>::clone(&clock));
    (Passport::new(config, clock, name, store, &outbound), hung)
}

#[tokio::test]
async fn hanging_store_counts_against_the_provider_deadline() {
    let (passport, hung) = passport();
    let token = TokenValue::parse("t".to_owned()).unwrap();
    let outage = Failure::outage(Outage::Bindings(BindingsFailed));
    let asked = async {
        assert_eq!(passport.bound(&token).await, None);
        assert_eq!(passport.revoke(&token).await, Err(outage.clone()));
        // More calls than threads may hang.
        for _ in 0..100 {
            assert_eq!(passport.introspect(&token).await, Err(outage.clone()));
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(30), asked).await;
    drop(hung);
    assert!(ended.is_ok(), "the call waits for the store");
    assert_eq!(passport.revoke(&token).await, Err(Failure::Unsupported));
}
