//! Behaviour with a bindings store whose disk hangs.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use introspectd_adapter_passport::{Config, Passport};
use introspectd_core::ask::Context;
use introspectd_core::{
    Binding, Bindings, BindingsFailed, Failure, Found, Introspection, Issuance, Kept, Outage,
    Provider, ProviderName, Revocation, SystemClock, Timestamp, TokenValue,
};
use introspectd_settings::{Environment, load};
use introspectd_upstream::Outbound;
use tokio::sync::watch;

/// Bindings store that answers once released.
#[derive(Debug)]
struct Hanging(watch::Receiver<bool>);

impl Hanging {
    async fn wait(&self) {
        let _ = self.0.clone().wait_for(|is_released| *is_released).await;
    }
}

#[async_trait]
impl Bindings for Hanging {
    async fn find(
        &self,
        _: &ProviderName,
        _: &TokenValue,
        _: Timestamp,
    ) -> Result<Option<Found>, BindingsFailed> {
        self.wait().await;
        Ok(None)
    }

    async fn bind(
        &self,
        _: &ProviderName,
        _: &Binding<'_>,
        _: Timestamp,
    ) -> Result<Kept, BindingsFailed> {
        self.wait().await;
        Ok(Kept::Done)
    }
}

fn passport() -> (Passport, watch::Sender<bool>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provider.toml");
    let text =
        "base_url = 'http://127.0.0.1:9'\ncredentials = { type = 'none' }\ntimeout = '20ms'\n";
    std::fs::write(&path, text).unwrap();
    let mut section = load(&path, &Environment::new()).unwrap();
    let config = Config::read(&mut section).unwrap();
    let name = ProviderName::parse("bank").unwrap();
    let (release, released) = watch::channel(false);
    let store = Arc::new(Hanging(released));
    let clock = Arc::new(SystemClock::default());
    let outbound = Outbound::here(Arc::<SystemClock>::clone(&clock));
    (
        Passport::new(config, clock, name, store, &outbound),
        release,
    )
}

#[tokio::test]
async fn hanging_store_counts_against_the_provider_deadline() {
    let (passport, release) = passport();
    let token = TokenValue::parse("t".to_owned()).unwrap();
    let outage = Failure::outage(Outage::Bindings(BindingsFailed));
    let asked = async {
        assert_eq!(passport.bound(&token).await, None);
        assert_eq!(passport.revoke(&token).await, Err(outage.clone()));
        for _ in 0..100 {
            assert_eq!(passport.introspect(&token).await, Err(outage.clone()));
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(30), asked).await;
    release.send_replace(true);
    assert!(ended.is_ok(), "the call waits for the store");
    assert_eq!(passport.revoke(&token).await, Err(Failure::Unsupported));
}

#[tokio::test]
async fn token_without_a_binding_is_no_ask_of_the_provider() {
    let (passport, release) = passport();
    release.send_replace(true);
    let token = TokenValue::parse("t".to_owned()).unwrap();
    let context = Context::default();
    let asked = context.clone().scope(passport.introspect(&token)).await;
    assert_eq!(asked, Ok(Introspection::Inactive));
    assert!(!context.is_sent());
}
