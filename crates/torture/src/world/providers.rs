//! The simulators of all providers, their records and their faults.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use introspectd_simulators::apigee::Apigee;
use introspectd_simulators::jwt::Issuer;
use introspectd_simulators::passport::Passport;
use introspectd_simulators::rfc7662::Rfc7662;
use introspectd_simulators::tibco_asg::TibcoAsg;
use introspectd_simulators::{Fault as Scripted, Simulator, Vendor};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::cast::{ISSUER, Which};
use crate::oracle::moment::{self, Watch};
use crate::oracle::token::Token;
use crate::world::{Authority, Fault, Gate, Identity, Keyring};

/// One vendor on its port, which it leaves and takes again.
struct Seat<V> {
    which: Which,
    vendor: Arc<V>,
    address: SocketAddr,
    /// `None` while the port refuses connections.
    simulator: Mutex<Option<Simulator<Arc<V>>>>,
}

/// Simulators of all providers.
pub(crate) struct Providers {
    bank: Seat<Passport>,
    legacy: Seat<TibcoAsg>,
    apis: Seat<Apigee>,
    sso: Seat<Rfc7662>,
    corp: Seat<Issuer>,
    /// Keys of `corp`.
    pub(crate) keyring: Keyring,
    /// TLS in front of `sso`.
    pub(crate) gate: Gate,
    /// Authority of the certificates that the gate shows, and of our own ones there.
    trusted: ArcSwap<Authority>,
    clients: Authority,
    unknown: Authority,
}

impl<V: Vendor> Seat<V> {
    async fn take(which: Which, vendor: V) -> io::Result<Self> {
        let vendor = Arc::new(vendor);
        let simulator = Simulator::start(Arc::clone(&vendor)).await?;
        Ok(Self {
            which,
            vendor,
            address: simulator.address(),
            simulator: Mutex::new(Some(simulator)),
        })
    }

    async fn suffer(&self, fault: Fault) {
        let mut simulator = self.simulator.lock().await;
        if fault == Fault::Refuse {
            *simulator = None;
        }
        let Some(simulator) = simulator.as_ref() else {
            return;
        };
        if let Some(scripted) = fault.scripted(self.which) {
            simulator.always(scripted);
        }
        if fault == Fault::Flap {
            let bad = Fault::ALL
                .into_iter()
                .filter_map(|it| it.scripted(self.which));
            let good = Scripted::Delay(Duration::ZERO);
            for bad in bad.cycle().take(400) {
                simulator.next(good.clone());
                simulator.next(bad);
            }
        }
    }

    /// Ends a fault. The port may be taken a moment later than asked for.
    async fn recover(&self) {
        let mut simulator = self.simulator.lock().await;
        if let Some(simulator) = simulator.as_ref() {
            simulator.clear();
        }
        while simulator.is_none() {
            let vendor = Arc::clone(&self.vendor);
            *simulator = Simulator::bind(vendor, self.address).await.ok();
            tokio::task::yield_now().await;
        }
    }

    /// Requests that were recorded are of no use here, and take room.
    async fn forget(&self) {
        if let Some(simulator) = self.simulator.lock().await.as_ref() {
            simulator.forget();
        }
    }
}

impl Providers {
    /// Starts all of them.
    pub(crate) async fn start(watch: Watch) -> io::Result<Self> {
        let now = SystemTime::UNIX_EPOCH + moment::wall();
        let [trusted, clients, unknown] = ["trusted 0", "clients", "unknown"].map(Authority::new);
        let (trusted, clients) = (trusted?, clients?);
        let legacy = TibcoAsg::new(now);
        legacy.show_revoked();
        let sso = Seat::take(Which::Sso, Rfc7662::new(now)).await?;
        let corp = Seat::take(Which::Corp, Issuer::new(ISSUER)).await?;
        Ok(Self {
            bank: Seat::take(Which::Bank, Passport::new(now)).await?,
            legacy: Seat::take(Which::Legacy, legacy).await?,
            apis: Seat::take(Which::Apis, Apigee::new(now)).await?,
            gate: Gate::open(sso.address, trusted.issue()?, &clients).await?,
            sso,
            keyring: Keyring::new(watch, Arc::clone(&corp.vendor)),
            corp,
            trusted: ArcSwap::from_pointee(trusted),
            clients,
            unknown: unknown?,
        })
    }

    /// Beginning of a provider's URLs.
    pub(crate) fn url(&self, provider: Which) -> String {
        match provider {
            Which::Bank => format!("http://{}", self.bank.address),
            Which::Legacy => format!("http://{}", self.legacy.address),
            Which::Apis => format!("http://{}", self.apis.address),
            Which::Sso => format!("https://{}", self.gate.address),
            Which::Corp => format!("http://{}", self.corp.address),
        }
    }

    /// Authority of the certificates that the gate shows.
    pub(crate) fn authority(&self) -> Arc<Authority> {
        self.trusted.load_full()
    }

    /// Has the gate show certificates of this authority from now on.
    pub(crate) fn rotate_authority(&self, authority: Authority) -> io::Result<()> {
        self.trusted.store(Arc::new(authority));
        self.rotate_certificate()
    }

    /// A new certificate by which introspectd may be let in at the gate.
    pub(crate) fn client_identity(&self) -> io::Result<Identity> {
        self.clients.issue()
    }

    /// Lets a provider know a token.
    pub(crate) fn put(&self, token: &Token, record: Value) {
        match token.provider {
            Which::Bank => self.bank.vendor.put(&token.id, record),
            Which::Legacy => self.legacy.vendor.put(&token.value, record),
            Which::Apis => self.apis.vendor.put(&token.value, record),
            Which::Sso => self.sso.vendor.put(&token.value, record),
            Which::Corp => self.keyring.publish(token),
        }
    }

    /// Revokes a token at its provider, behind introspectd's back.
    pub(crate) fn revoke(&self, token: &Token) {
        match token.provider {
            Which::Bank => self.bank.vendor.revoke(&token.id),
            // It would go on showing what it only revoked.
            Which::Legacy => self.legacy.vendor.remove(&token.value),
            Which::Apis => self.apis.vendor.revoke(&token.value),
            Which::Sso => self.sso.vendor.revoke(&token.value),
            Which::Corp => self.keyring.withdraw(token),
        }
    }

    /// Takes a token out of a provider's records.
    pub(crate) fn remove(&self, token: &Token) {
        match token.provider {
            Which::Bank => self.bank.vendor.remove(&token.id),
            Which::Legacy => self.legacy.vendor.remove(&token.value),
            Which::Apis => self.apis.vendor.remove(&token.value),
            Which::Sso => self.sso.vendor.remove(&token.value),
            // Nobody keeps records of what was signed.
            Which::Corp => {}
        }
    }

    /// Begins a fault.
    pub(crate) async fn suffer(&self, provider: Which, fault: Fault) {
        match provider {
            Which::Bank => self.bank.suffer(fault).await,
            Which::Legacy => self.legacy.suffer(fault).await,
            Which::Apis => self.apis.suffer(fault).await,
            Which::Sso => self.sso.suffer(fault).await,
            Which::Corp => self.corp.suffer(fault).await,
        }
    }

    /// Ends whatever fault a provider has.
    pub(crate) async fn recover(&self, provider: Which) {
        match provider {
            Which::Bank => self.bank.recover().await,
            Which::Legacy => self.legacy.recover().await,
            Which::Apis => self.apis.recover().await,
            Which::Sso => self.sso.recover().await,
            Which::Corp => self.corp.recover().await,
        }
    }

    /// Shows a new certificate.
    pub(crate) fn rotate_certificate(&self) -> io::Result<()> {
        self.gate.show(self.authority().issue()?)
    }

    /// Shows a certificate of an authority that nobody trusts.
    pub(crate) fn forge_certificate(&self) -> io::Result<()> {
        self.gate.show(self.unknown.issue()?)
    }

    /// Ends the bearer tokens that introspectd was given.
    pub(crate) fn expire_credentials(&self) {
        self.sso.vendor.expire_credentials();
    }

    /// Number of bearer tokens that introspectd was given so far.
    pub(crate) fn bearers(&self) -> u64 {
        self.sso.vendor.issued() as u64
    }

    /// Number of times that introspectd was given the keys of `corp` so far.
    pub(crate) fn key_fetches(&self) -> u64 {
        self.corp.vendor.served()
    }

    /// Takes these passwords, and no others.
    pub(crate) fn accept_passwords(&self, passwords: &[String]) {
        self.apis.vendor.accept_passwords(passwords);
    }

    /// Drops the records of requests.
    pub(crate) async fn forget_requests(&self) {
        self.bank.forget().await;
        self.legacy.forget().await;
        self.apis.forget().await;
        self.sso.forget().await;
        self.corp.forget().await;
    }
}
