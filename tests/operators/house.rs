//! A gateway before one provider that is configured as an operator would.

use introspectd_simulators::rfc7662::{self, Rfc7662};
use introspectd_simulators::{Answer, Fault, Simulator};
use introspectd_tests::{Gateway, Reply, now};

pub(crate) struct House {
    pub(crate) server: Simulator<Rfc7662>,
    pub(crate) gateway: Gateway,
}

impl House {
    /// Opens one with further lines in the provider's section, and further sections.
    pub(crate) async fn new(lines: &str, sections: &str) -> Self {
        let server = Simulator::start(Rfc7662::new(now())).await.unwrap();
        let provider = provider(&server, lines);
        let gateway = Gateway::start(&format!("{sections}\n{provider}")).await;
        Self { server, gateway }
    }

    pub(crate) async fn ask(&self, token: &str) -> Reply {
        self.gateway.post_introspect(&[("token", token)]).await
    }

    /// Lets the provider fail so many asks.
    pub(crate) async fn fail(&self, asks: usize) {
        self.server.always(Fault::Answer(Answer::html(503)));
        for number in 0..asks {
            assert_eq!(self.ask(&format!("failing_{number}")).await.status, 503);
        }
        self.server.clear();
    }
}

/// Sections of a provider `sso`, which is asked about every token.
pub(crate) fn provider(server: &Simulator<Rfc7662>, lines: &str) -> String {
    let (base_url, id, secret) = (
        server.base_url(),
        rfc7662::CLIENT_ID,
        rfc7662::CLIENT_SECRET,
    );
    format!(
        "[routing]\nunmatched = \"sso\"\n[providers.sso]\nkind = \"rfc7662\"\n\
         introspection_endpoint = \"{base_url}/introspect\"\n\
         revocation_endpoint = \"{base_url}/revoke\"\n\
         credentials = {{ type = \"client_secret_basic\", client_id = \"{id}\", \
         client_secret = {{ literal = \"{secret}\" }} }}\n{lines}"
    )
}
