use std::fmt::Write as _;
use std::path::Path;

use http::{Method, Request};
use introspectd_simulators::Simulator;
use introspectd_simulators::jwt::Issuer;
use introspectd_tests::{Apigee, Fixture, Gateway, NOW, Passport, Reply, Rfc7662, TibcoAsg, now};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A gateway before one vendor of each kind, and a caller that may do everything.
pub(crate) struct Harness {
    pub(crate) gateway: Gateway,
    _bank: Simulator<<Passport as Fixture>::Server>,
    _legacy: Simulator<<TibcoAsg as Fixture>::Server>,
    _apis: Simulator<<Apigee as Fixture>::Server>,
    _sso: Simulator<<Rfc7662 as Fixture>::Server>,
    pub(crate) transmitter: Transmitter,
    _folder: TempDir,
}

/// Server that tells of its subjects.
pub(crate) struct Transmitter(Issuer);

const TRANSMITTER: &str = "https://idp.example";

impl Transmitter {
    fn new() -> Self {
        Self(Issuer::new(TRANSMITTER))
    }

    /// Section of the configuration, with the keys in a file of this folder.
    fn section(&self, folder: &Path) -> String {
        let keys = folder.join("transmitter.json");
        std::fs::write(&keys, self.0.jwks().to_string()).unwrap();
        format!(
            "[events.idp]\nissuer = {TRANSMITTER:?}\naudience = [\"us\"]\n\
             jwks = {{ file = {keys:?} }}\n"
        )
    }

    /// Security events, one of which means nothing here.
    pub(crate) fn events(&self) -> Vec<String> {
        let subject = json!({"format": "iss_sub", "iss": TRANSMITTER, "sub": "alice"});
        let caep = "https://schemas.openid.net/secevent/caep/event-type";
        let event = |(jti, name): (&str, &str)| {
            let claims = json!({
                "iss": TRANSMITTER, "aud": "us", "iat": NOW, "jti": jti, "sub_id": subject,
                "events": {format!("{caep}/{name}"): {}},
            });
            let header = json!({"typ": "secevent+jwt"});
            self.0.mint_as(&header, &claims)
        };
        let events = [
            ("one", "session-revoked"),
            ("two", "device-compliance-change"),
        ];
        events.map(event).to_vec()
    }

    /// Logout tokens of two subjects.
    pub(crate) fn logout_tokens(&self) -> Vec<String> {
        let token = |sub: &str| {
            let claims = json!({
                "iss": TRANSMITTER, "aud": "us", "iat": NOW, "exp": NOW + 120,
                "jti": sub, "sub": sub,
                "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            });
            self.0.mint_as(&json!({"typ": "logout+jwt"}), &claims)
        };
        ["alice", "bob"].map(token).to_vec()
    }
}

pub(crate) const CALLER_SECRET: &str = "all-secret-7f0a5c1e";

/// Provider names of the document's examples.
pub(crate) const PROVIDERS: [&str; 4] = [
    Passport::PROVIDER,
    TibcoAsg::PROVIDER,
    Apigee::PROVIDER,
    Rfc7662::PROVIDER,
];

/// One that every active token meets, and one that none does.
pub(crate) const POLICIES: [&str; 2] = ["default", "orders"];

/// Configuration with `ask-all`, so that made-up tokens reach every vendor.
const CONFIGURATION: &str = r#"
[listen]
api   = ["127.0.0.1:0"]
admin = ["127.0.0.1:0"]
public_url = "https://introspect.example"

[[signing]]
key       = { file = "KEY" }
algorithm = "EdDSA"

[routing]
unmatched = "ask-all"

[policies.orders]
scope    = ["orders.read"]
resource = "https://api.example/orders"

[policies.root]
resource = "https://api.example"

[callers.all]
secret      = { literal = "all-secret-7f0a5c1e" }
permissions = ["introspect", "lookup", "list", "revoke", "purge", "explain", "bind", "issue"]
"#;

impl Harness {
    pub(crate) async fn open() -> Self {
        let bank = Simulator::start(Passport::server(now())).await.unwrap();
        let legacy = Simulator::start(TibcoAsg::server(now())).await.unwrap();
        let apis = Simulator::start(Apigee::server(now())).await.unwrap();
        let sso = Simulator::start(Rfc7662::server(now())).await.unwrap();
        let sections = [
            Passport::section(&bank.base_url()),
            TibcoAsg::section(&legacy.base_url()),
            Apigee::section(&apis.base_url()),
            Rfc7662::section(&sso.base_url()),
        ];
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("signing.pem");
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        std::fs::write(&key, pair.serialize_pem()).unwrap();
        let mut toml = CONFIGURATION.replace("KEY", key.to_str().unwrap());
        // So that answers bear the ids of their lines.
        write!(
            toml,
            "\n[audit]\nto = {:?}\n",
            folder.path().join("audit.log")
        )
        .unwrap();
        for (name, section) in PROVIDERS.into_iter().zip(sections) {
            // A machine with much to do makes no timeout where none is meant.
            let more = format!("timeout = \"60s\"\nissuer = \"https://{name}.example\"\n");
            write!(toml, "\n[providers.{name}]\n{section}\n{more}").unwrap();
        }
        let transmitter = Transmitter::new();
        toml.push_str(&transmitter.section(folder.path()));
        let gateway = Gateway::start_bare(&toml).await;
        Self {
            gateway,
            _bank: bank,
            _legacy: legacy,
            _apis: apis,
            _sso: sso,
            transmitter,
            _folder: folder,
        }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str) -> Reply {
        let uri = format!("http://{}{path}", self.gateway.api());
        let method = Method::try_from(method).unwrap();
        self.gateway
            .send(
                Request::builder()
                    .method(method)
                    .uri(uri)
                    .body("".into())
                    .unwrap(),
            )
            .await
    }

    pub(crate) async fn document(&self) -> Value {
        self.ask("GET", "/openapi.json").await.json()
    }
}
