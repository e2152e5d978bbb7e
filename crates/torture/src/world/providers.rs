//! The simulators of all providers, their records and their faults.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use introspectd_simulators::apigee::Apigee;
use introspectd_simulators::passport::Passport;
use introspectd_simulators::rfc7662::Rfc7662;
use introspectd_simulators::tibco_asg::TibcoAsg;
use introspectd_simulators::{Answer, Fault as Scripted, Simulator, Vendor};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::cast::Which;
use crate::oracle::moment;
use crate::oracle::token::Token;
use crate::oracle::weather::Kind;
use crate::world::{Authority, Gate, Identity};

/// One vendor on its port, which it leaves and takes again.
struct Seat<V> {
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
    /// TLS in front of `sso`.
    pub(crate) gate: Gate,
    /// Authority of the certificates that the gate shows, and of our own ones there.
    trusted: ArcSwap<Authority>,
    clients: Authority,
    unknown: Authority,
}

/// Fault of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answers within the timeout, but slowly.
    Slow,
    /// Never answers.
    Hang,
    /// Closes connections without an answer.
    HangUp,
    /// Resets connections.
    Reset,
    /// Closes its port.
    Refuse,
    /// Sends half of its answer.
    Truncate,
    /// Sends more than anybody reads.
    Oversize,
    /// Sends what is no JSON.
    Garbage,
    /// Sends a page.
    Page,
    /// Sends a redirect.
    Redirect,
    /// Answers about another token.
    Another,
    /// Answers with meaningless words as `active` and `status`.
    Words,
    /// 500.
    Broken,
    /// 503 without a time.
    Unavailable,
    /// 429 with a time.
    Throttle,
    /// 401 to our credentials.
    Estrange,
    /// Any of these, and none, in turn.
    Flap,
}

impl Fault {
    pub(crate) const ALL: [Self; 17] = [
        Self::Slow,
        Self::Hang,
        Self::HangUp,
        Self::Reset,
        Self::Refuse,
        Self::Truncate,
        Self::Oversize,
        Self::Garbage,
        Self::Page,
        Self::Redirect,
        Self::Another,
        Self::Words,
        Self::Broken,
        Self::Unavailable,
        Self::Throttle,
        Self::Estrange,
        Self::Flap,
    ];

    /// Kind of failures that it explains; none for one that no caller may notice.
    pub(crate) const fn kind(self) -> Option<Kind> {
        match self {
            Self::Slow => None,
            Self::Hang => Some(Kind::Hangs),
            Self::HangUp | Self::Reset | Self::Refuse => Some(Kind::Cut),
            Self::Truncate
            | Self::Oversize
            | Self::Garbage
            | Self::Page
            | Self::Redirect
            | Self::Another
            | Self::Words => Some(Kind::Lies),
            Self::Broken | Self::Unavailable => Some(Kind::Fails),
            Self::Throttle => Some(Kind::Throttles),
            Self::Estrange => Some(Kind::Estranged),
            Self::Flap => Some(Kind::Flaps),
        }
    }

    /// `None` where no script does it.
    fn scripted(self) -> Option<Scripted> {
        // Of no token that anybody asks about.
        let another = json!({
            "active": true, "token_id": "0", "accessToken": "another", "token": "another",
            "status": "approved", "exp": "soon",
        });
        let words = json!({"active": "true", "status": "ACTIVE", "exp": "9999999999"});
        Some(match self {
            Self::Slow => Scripted::Delay(Duration::from_millis(200)),
            Self::Hang => Scripted::Hang,
            Self::HangUp => Scripted::HangUp,
            Self::Reset => Scripted::Reset,
            Self::Truncate => Scripted::Truncate,
            Self::Oversize => Scripted::Oversize(3 << 20),
            Self::Garbage => Scripted::Answer(Answer::garbage()),
            Self::Page => Scripted::Answer(Answer::html(200)),
            Self::Redirect => Scripted::Answer(Answer::redirect("http://127.0.0.1:9/")),
            Self::Another => Scripted::Answer(Answer::json(200, another)),
            Self::Words => Scripted::Answer(Answer::json(200, words)),
            Self::Broken => Scripted::Answer(Answer::html(500)),
            Self::Unavailable => Scripted::Answer(Answer::empty(503)),
            Self::Throttle => Scripted::Answer(Answer::retry_after(429, 1)),
            Self::Estrange => Scripted::Answer(Answer::json(401, json!({"error": "no"}))),
            Self::Refuse | Self::Flap => return None,
        })
    }
}

impl<V: Vendor> Seat<V> {
    async fn take(vendor: V) -> io::Result<Self> {
        let vendor = Arc::new(vendor);
        let simulator = Simulator::start(Arc::clone(&vendor)).await?;
        Ok(Self {
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
        if let Some(scripted) = fault.scripted() {
            simulator.always(scripted);
        }
        if fault == Fault::Flap {
            let bad = Fault::ALL.into_iter().filter_map(Fault::scripted);
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
    pub(crate) async fn start() -> io::Result<Self> {
        let now = SystemTime::UNIX_EPOCH + moment::wall();
        let [trusted, clients, unknown] = ["trusted 0", "clients", "unknown"].map(Authority::new);
        let (trusted, clients) = (trusted?, clients?);
        let legacy = TibcoAsg::new(now);
        legacy.show_revoked();
        let sso = Seat::take(Rfc7662::new(now)).await?;
        Ok(Self {
            bank: Seat::take(Passport::new(now)).await?,
            legacy: Seat::take(legacy).await?,
            apis: Seat::take(Apigee::new(now)).await?,
            gate: Gate::open(sso.address, trusted.issue()?, &clients).await?,
            sso,
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
        }
    }

    /// Takes a token out of a provider's records.
    pub(crate) fn remove(&self, token: &Token) {
        match token.provider {
            Which::Bank => self.bank.vendor.remove(&token.id),
            Which::Legacy => self.legacy.vendor.remove(&token.value),
            Which::Apis => self.apis.vendor.remove(&token.value),
            Which::Sso => self.sso.vendor.remove(&token.value),
        }
    }

    /// Begins a fault.
    pub(crate) async fn suffer(&self, provider: Which, fault: Fault) {
        match provider {
            Which::Bank => self.bank.suffer(fault).await,
            Which::Legacy => self.legacy.suffer(fault).await,
            Which::Apis => self.apis.suffer(fault).await,
            Which::Sso => self.sso.suffer(fault).await,
        }
    }

    /// Ends whatever fault a provider has.
    pub(crate) async fn recover(&self, provider: Which) {
        match provider {
            Which::Bank => self.bank.recover().await,
            Which::Legacy => self.legacy.recover().await,
            Which::Apis => self.apis.recover().await,
            Which::Sso => self.sso.recover().await,
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
    }
}
