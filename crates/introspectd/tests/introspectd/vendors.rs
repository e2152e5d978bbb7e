//! Simulators of the vendors, and the configuration that points at them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use introspectd_core::{Clock, SystemClock};
use introspectd_simulators::Simulator;
use introspectd_simulators::passport::{self, Passport};
use introspectd_simulators::rfc7662::{CLIENT_ID, CLIENT_SECRET, Rfc7662};
use introspectd_simulators::tibco_asg::{self, TibcoAsg};

/// The server reads the machine's clock: so do the vendors.
pub(crate) fn now() -> SystemTime {
    let seconds = SystemClock::default().now().seconds();
    UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap())
}

pub(crate) async fn sso() -> Simulator<Rfc7662> {
    Simulator::start(Rfc7662::new(now())).await.unwrap()
}

/// Provider whose tokens begin with `sso_`.
pub(crate) fn sso_config(sso: &Simulator<Rfc7662>) -> String {
    format!(
        r#"
        [providers.sso]
        kind = "rfc7662"
        introspection_endpoint = "{base}/introspect"
        revocation_endpoint = "{base}/revoke"
        match = {{ prefix = "sso_" }}
        timeout = "20s"
        [providers.sso.credentials]
        type = "client_secret_basic"
        client_id = "{CLIENT_ID}"
        client_secret = {{ literal = "{CLIENT_SECRET}" }}
        "#,
        base = sso.base_url()
    )
}

pub(crate) async fn bank() -> Simulator<Passport> {
    Simulator::start(Passport::new(now())).await.unwrap()
}

/// Asked by token id only.
pub(crate) fn bank_config(bank: &Simulator<Passport>) -> String {
    format!(
        "[providers.bank]\nkind = \"passport\"\nbase_url = \"{}\"\n\
         timeout = \"20s\"\nretry = \"off\"\nbreaker = \"off\"\n\
         credentials = {{ type = \"bearer\", token = {{ literal = \"{}\" }} }}\n",
        bank.base_url(),
        passport::BEARER
    )
}

pub(crate) async fn legacy() -> Simulator<TibcoAsg> {
    Simulator::start(TibcoAsg::new(now())).await.unwrap()
}

/// Provider whose tokens begin with `T1am`.
pub(crate) fn legacy_config(legacy: &Simulator<TibcoAsg>) -> String {
    format!(
        "[providers.legacy]\nkind = \"tibco-asg\"\nbase_url = \"{}\"\nmatch = {{ prefix = \
            \"T1am\" }}\n\
         timeout = \"20s\"\nretry = \"off\"\nbreaker = \"off\"\n\
         credentials = {{ type = \"basic\", username = \"{}\", password = {{ literal = \"{}\" }} \
         }}\n",
        legacy.base_url(),
        tibco_asg::CLIENT_ID,
        tibco_asg::CLIENT_SECRET
    )
}
