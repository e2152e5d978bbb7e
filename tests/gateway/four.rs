//! All four vendors behind one gateway.

use introspectd_simulators::{Simulator, apigee, passport, rfc7662, tibco_asg};
use introspectd_tests::{Apigee, Fixture, Gateway, Passport, Rfc7662, Sent, TibcoAsg, now};

/// Match rules of the documentation.
pub(crate) const MATCHES: [(&str, &str); 4] = [
    ("bank", r#"match = { regex = "^[0-9a-f]{64}$" }"#),
    ("legacy", r#"match = { prefix = "T1am" }"#),
    ("apis", r#"match = { regex = "^[A-Za-z0-9]{28}$" }"#),
    (
        "sso",
        r#"match = { jwt_issuer = "https://sso.example.com" }"#,
    ),
];

const LIMITED: &str = r#"
[callers.limited]
secret      = { literal = "limited-secret" }
permissions = ["introspect", "list"]
providers   = ["legacy"]
"#;

pub(crate) struct Four {
    pub(crate) bank: Simulator<passport::Passport>,
    pub(crate) legacy: Simulator<tibco_asg::TibcoAsg>,
    pub(crate) apis: Simulator<apigee::Apigee>,
    pub(crate) sso: Simulator<rfc7662::Rfc7662>,
    pub(crate) gateway: Gateway,
}

impl Four {
    pub(crate) async fn open() -> Self {
        Self::open_with(MATCHES, "").await
    }

    pub(crate) async fn open_with(matches: [(&str, &str); 4], sections: &str) -> Self {
        let bank = Simulator::start(Passport::server(now())).await.unwrap();
        let legacy = Simulator::start(TibcoAsg::server(now())).await.unwrap();
        let apis = Simulator::start(Apigee::server(now())).await.unwrap();
        let sso = Simulator::start(Rfc7662::server(now())).await.unwrap();
        let of = |name: &str| {
            matches
                .iter()
                .find(|(known, _)| *known == name)
                .map_or("", |(_, text)| text)
        };
        let toml = [
            sections,
            LIMITED,
            &format!(
                "[providers.bank]\n{}\n{}",
                Passport::section(&bank.base_url()),
                of("bank")
            ),
            &format!(
                "[providers.legacy]\n{}\n{}",
                TibcoAsg::section(&legacy.base_url()),
                of("legacy")
            ),
            &format!(
                "[providers.apis]\n{}\n{}",
                Apigee::section(&apis.base_url()),
                of("apis")
            ),
            &format!(
                "[providers.sso]\n{}\n{}",
                Rfc7662::section(&sso.base_url()),
                of("sso")
            ),
        ]
        .join("\n");
        let gateway = Gateway::start(&toml).await;
        Self {
            bank,
            legacy,
            apis,
            sso,
            gateway,
        }
    }

    /// Requests to each provider since the start or the last call, by name.
    pub(crate) fn sent(&self) -> Vec<(&'static str, Sent)> {
        fn taken<V: introspectd_simulators::Vendor>(
            name: &'static str,
            server: &Simulator<V>,
        ) -> Vec<(&'static str, Sent)> {
            let sent = server
                .requests()
                .iter()
                .map(|request| (name, Sent::from(request)))
                .collect();
            server.forget();
            sent
        }
        [
            taken("bank", &self.bank),
            taken("legacy", &self.legacy),
            taken("apis", &self.apis),
            taken("sso", &self.sso),
        ]
        .concat()
    }
}
