//! testssl.sh on a TLS listener: what it must say, and what it must not.

use std::net::{Ipv4Addr, SocketAddr};

use introspectd_tests::free_address;
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{Harness, run};

/// Finding of testssl.sh, and a part of what it must say.
const EXPECTED: &[(&str, &str)] = &[
    ("SSLv2", "not offered"),
    ("SSLv3", "not offered"),
    ("TLS1", "not offered"),
    ("TLS1_1", "not offered"),
    ("TLS1_2", "offered"),
    ("TLS1_3", "offered"),
    ("cipherlist_NULL", "not offered"),
    ("cipherlist_aNULL", "not offered"),
    ("cipherlist_EXPORT", "not offered"),
    ("cipherlist_LOW", "not offered"),
    ("cipherlist_3DES_IDEA", "not offered"),
    ("cipherlist_AVERAGE", "not offered"),
    ("cipherlist_STRONG", "offered"),
    ("PFS", "offered"),
    ("secure_renego", "supported"),
    ("secure_client_renego", "not vulnerable"),
    ("CRIME_TLS", "not vulnerable"),
    ("heartbleed", "not vulnerable"),
    ("CCS", "not vulnerable"),
    ("ticketbleed", "no session ticket"),
    ("ROBOT", "not vulnerable"),
    ("SWEET32", "not vulnerable"),
    ("FREAK", "not vulnerable"),
    ("LOGJAM", "not vulnerable"),
    ("BEAST", "not vulnerable"),
    ("LUCKY13", "not vulnerable"),
    ("RC4", "not vulnerable"),
];

#[tokio::test(flavor = "multi_thread")]
async fn tls_listener_is_as_strict_as_testssl_can_see() {
    let folder = TempDir::new().unwrap();
    let address = serve_tls(&folder).await;
    let report = folder.path().join("testssl.json");
    let (_, printed) = run(Command::new("testssl")
        .args([
            "--quiet",
            "--warnings",
            "off",
            "--color",
            "0",
            "--nodns",
            "none",
        ])
        .args(["-p", "-s", "-f", "-U", "--jsonfile"])
        .arg(&report)
        .arg(address.1.to_string())
        // It looks for a terminal's width.
        .env("TERM", "dumb"))
    .await;
    let text =
        std::fs::read_to_string(&report).unwrap_or_else(|error| panic!("{error}: {printed}"));
    let findings: Vec<Value> = serde_json::from_str(&text).unwrap();
    for (id, expected) in EXPECTED {
        let finding = findings
            .iter()
            .find(|finding| finding["id"] == *id)
            .unwrap_or_else(|| panic!("testssl.sh says nothing of {id}: {printed}"));
        let said = finding["finding"].as_str().unwrap();
        let denied = said.contains("not offered") && !expected.contains("not");
        assert!(said.contains(expected) && !denied, "{id}: {said}");
    }
    let severe: Vec<&Value> = findings
        .iter()
        .filter(|finding| {
            ["HIGH", "CRITICAL"]
                .iter()
                .any(|it| finding["severity"] == **it)
        })
        .collect();
    assert!(severe.is_empty(), "{severe:?}");
}

/// A gateway with a TLS listener, and its address. Both end with the value.
async fn serve_tls(folder: &TempDir) -> (Harness, SocketAddr) {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let file = folder.path().join("server.pem");
    std::fs::write(&file, certificate.pem() + &key.serialize_pem()).unwrap();
    let address = free_address();
    let listener = format!(
        ", {{ address = \"{address}\", tls = {{ certificate = {file:?}, key = {file:?} }} }}"
    );
    (Harness::open_with(&listener, "").await, address)
}
