//! Tokens that are bound to a key, behind each gateway whose page has the lines.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use introspectd_simulators::{Draft, Wallet, hash};
use introspectd_tests::Reply;
use rcgen::CertifiedKey;
use serde_json::json;
use tokio::process::Command;

use crate::client::Request;
use crate::edge::Edge;
use crate::harness::Harness;
use crate::tokens::{GOOD, record};

const BOUND: &str = "token-bound";

struct Lab<E> {
    harness: Harness<E>,
    wallet: Wallet,
    nonce: String,
}

/// Headers of the client in the names of those by which the gateway says what it asks for.
const FORGED: [(&str, &str); 5] = [
    ("X-Forwarded-Method", "GET"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "other.example"),
    ("X-Forwarded-Uri", "/other"),
    ("X-Forwarded-Client-Cert", "Hash=00"),
];

impl<E: Edge> Lab<E> {
    async fn open() -> Self {
        let harness = Harness::<E>::open_to_proofs().await;
        let wallet = Wallet::generate().unwrap();
        let cnf = json!({"cnf": {"jkt": wallet.thumbprint()}, "token_type": "DPoP"});
        harness
            .provider
            .vendor()
            .put(BOUND, record(harness.now, &cnf));
        Self {
            harness,
            wallet,
            nonce: String::new(),
        }
    }

    /// Draft of the proof of `POST http://api.example/orders`.
    fn draft(&self, jti: &str) -> Draft {
        self.wallet
            .draft(BOUND, jti, self.harness.now)
            .claim("htu", json!("http://api.example/orders"))
            .claim("nonce", json!(self.nonce))
    }

    fn request(&self, draft: &Draft) -> Request {
        Request::post("/orders?page=2", "a=b")
            .header("Authorization", format!("DPoP {BOUND}"))
            .header("DPoP", self.wallet.sign(draft))
    }

    async fn refused(&self, request: Request, error: &str) -> Reply {
        let before = self.harness.application.requests();
        let reply = self.harness.send(request.clone()).await;
        assert_eq!(reply.status, 401, "{request:?} {reply:?}");
        assert_eq!(reply.json()["error"], error, "{request:?}");
        let mut challenges = reply.headers.get_all("www-authenticate").iter();
        let is_challenged = challenges.any(|it| it.as_bytes().starts_with(b"DPoP "));
        assert!(is_challenged || error == "invalid_token", "{reply:?}");
        assert_eq!(self.harness.application.requests(), before, "{request:?}");
        reply
    }
}

pub(crate) async fn bound_token_needs_a_proof_of_the_very_request<E: Edge>() {
    let mut lab = Lab::<E>::open().await;
    let draft = lab.draft("a").without("nonce");
    let asked = lab.refused(lab.request(&draft), "use_dpop_nonce").await;
    lab.nonce = asked.header("dpop-nonce").unwrap().to_owned();

    let right = lab.draft("b");
    let received = lab.harness.pass(lab.request(&right)).await;
    assert_eq!(received.all("x-auth-subject"), ["alice"]);
    assert_eq!(received.body, "a=b");
    lab.refused(lab.request(&right), "invalid_dpop_proof").await;
    lab.refused(Request::post("/orders", "").bearer(BOUND), "invalid_token")
        .await;
    lab.harness.pass(Request::get("/orders").bearer(GOOD)).await;

    // A proof of what the client's own headers tell, and of what they tell in part.
    let forge = |request: Request, headers: &[(&str, &str)]| {
        let add = |request: Request, (name, value): &(&str, &str)| request.header(name, value);
        headers.iter().fold(request, add)
    };
    let told = |draft: Draft| {
        draft
            .claim("htm", json!("GET"))
            .claim("htu", json!("https://other.example/other"))
    };
    let all = forge(lab.request(&told(lab.draft("c"))), &FORGED);
    lab.refused(all, "invalid_dpop_proof").await;
    for (number, forged) in FORGED.iter().enumerate() {
        let jti = format!("d{number}");
        let draft = match forged.0 {
            "X-Forwarded-Method" => lab.draft(&jti).claim("htm", json!("GET")),
            "X-Forwarded-Proto" => {
                let url = "https://api.example/orders";
                lab.draft(&jti).claim("htu", json!(url))
            }
            "X-Forwarded-Host" => {
                let url = "http://other.example/orders";
                lab.draft(&jti).claim("htu", json!(url))
            }
            "X-Forwarded-Uri" => {
                let url = "http://api.example/other";
                lab.draft(&jti).claim("htu", json!(url))
            }
            _ => continue,
        };
        let request = forge(lab.request(&draft), &[*forged]);
        lab.refused(request, "invalid_dpop_proof").await;
    }
    // They change nothing for a proof of the request itself.
    let honest = forge(lab.request(&lab.draft("e")), &FORGED);
    lab.harness.pass(honest).await;

    // The next nonce comes with an answer of the application.
    let seconds = 200;
    let clock = lab.harness.introspectd.as_ref().unwrap().clock();
    clock.advance(seconds);
    let later = lab
        .draft("f")
        .claim("iat", json!(lab.harness.now + i64::from(seconds)));
    let reply = lab.harness.send(lab.request(&later)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let next = reply.header("dpop-nonce").unwrap();
    assert_ne!(next, lab.nonce);
}

/// A client without TLS that shows the right certificate in a header of its own.
pub(crate) async fn certificate_in_a_header_of_the_client_is_none<E: Edge>() {
    let harness = Harness::<E>::open_to_certificates(|_| ()).await;
    let der = b"DER of a certificate";
    let cnf = json!({"cnf": {"x5t#S256": hash(der)}});
    harness
        .provider
        .vendor()
        .put(BOUND, record(harness.now, &cnf));
    let encoded = STANDARD.encode(der);
    let pem = format!("-----BEGIN CERTIFICATE-----%0A{encoded}%0A-----END CERTIFICATE-----%0A");
    let forged = [
        ("Client-Cert", format!(":{encoded}:")),
        ("Client_Cert", format!(":{encoded}:")),
        ("X-Forwarded-Client-Cert", format!("Cert=\"{pem}\"")),
        ("X_Forwarded_Client_Cert", format!("Cert=\"{pem}\"")),
        ("X-SSL-Client-Cert", pem.clone()),
    ];
    let plain = || Request::get("/orders").bearer(BOUND);
    let all = forged.iter().fold(plain(), |request, (name, value)| {
        request.header(name, value)
    });
    let each = forged
        .iter()
        .map(|(name, value)| plain().header(name, value));
    for request in each.chain([plain(), all]) {
        let before = harness.application.requests();
        let reply = harness.send(request.clone()).await;
        assert_eq!(reply.status, 401, "{request:?} {reply:?}");
        assert_eq!(reply.json()["error"], "invalid_token");
        assert_eq!(harness.application.requests(), before, "{request:?}");
    }
    harness.pass(Request::get("/orders").bearer(GOOD)).await;
}

/// The certificate of the client's own connection counts, whatever its headers say.
pub(crate) async fn certificate_of_the_connection_is_the_proof<E: Edge>() {
    let certified = || rcgen::generate_simple_self_signed(vec!["api.example".to_owned()]).unwrap();
    let (server, mine, other) = (certified(), certified(), certified());
    let harness = Harness::<E>::open_to_certificates(|files| {
        E::over_tls(files);
        files.add("server.pem", pem(&server));
        files.add("clients.pem", mine.cert.pem() + &other.cert.pem());
    });
    let harness = harness.await;
    let cnf = json!({"cnf": {"x5t#S256": hash(mine.cert.der())}});
    harness
        .provider
        .vendor()
        .put(BOUND, record(harness.now, &cnf));
    let folder = tempfile::tempdir().unwrap();
    for (name, certified) in [("mine.pem", &mine), ("other.pem", &other)] {
        fs::write(folder.path().join(name), pem(certified)).unwrap();
    }
    let port = harness.address().port();
    let sequence = format!("Client-Cert: :{}:", STANDARD.encode(mine.cert.der()));
    let hash = URL_SAFE_NO_PAD.decode(hash(mine.cert.der())).unwrap();
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let element = format!("X-Forwarded-Client-Cert: Hash={digits}");
    for (certificate, token, expected) in [
        (Some("mine.pem"), BOUND, "200"),
        (Some("other.pem"), BOUND, "401"),
        (None, BOUND, "401"),
        (Some("other.pem"), GOOD, "200"),
    ] {
        for headers in [&[][..], &[sequence.as_str(), element.as_str()]] {
            let certificate = certificate.map(|name| folder.path().join(name));
            let status = status(port, token, certificate.as_deref(), headers).await;
            assert_eq!(status, expected, "{token} {certificate:?} {headers:?}");
        }
    }
}

fn pem(certified: &CertifiedKey<rcgen::KeyPair>) -> String {
    certified.cert.pem() + &certified.signing_key.serialize_pem()
}

/// Status of the answer to curl, which shows a certificate as any client does.
async fn status(port: u16, token: &str, certificate: Option<&Path>, headers: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--insecure", "--max-time", "60"])
        .args(["--output", "/dev/null", "--write-out", "%{http_code}"])
        .args(["--resolve", &format!("api.example:{port}:127.0.0.1")])
        .arg("--header")
        .arg(format!("Authorization: Bearer {token}"));
    for header in headers {
        curl.args(["--header", header]);
    }
    if let Some(certificate) = certificate {
        curl.arg("--cert").arg(certificate);
    }
    let output = curl
        .arg(format!("https://api.example:{port}/orders"))
        .output()
        .await
        .expect("curl");
    String::from_utf8(output.stdout).unwrap()
}
