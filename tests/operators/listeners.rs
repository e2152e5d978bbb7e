//! Listeners in figures: connections, and when certificates end.

use std::fs;
use std::path::Path;

use introspectd_tests::Gateway;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::net::TcpStream;

use crate::scrape::Scrape;

const CONNECTIONS: &str = "introspectd_connections{listener=\"127.0.0.2:0\"}";

/// Waits until a metric has this value.
pub(crate) async fn until(gateway: &Gateway, metric: &str, expected: f64) {
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
    for _ in 0..500 {
        ticks.tick().await;
        if Scrape::of(gateway).await.value(metric) == expected {
            return;
        }
    }
    panic!("{metric} never became {expected}");
}

#[tokio::test]
async fn open_connections_are_counted_by_listener() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    // Not the address of `admin`, whose connection is the scraper's own.
    let toml = format!(
        "[listen]\nadmin = [\"127.0.0.1:0\"]\napi = [\"127.0.0.2:0\", {{ address = \"unix:{}\", \
         caller = \"sidecar\" }}]\n",
        socket.display()
    );
    let gateway = Gateway::start_bare(&toml).await;
    until(&gateway, CONNECTIONS, 0.0).await;
    let open = [
        TcpStream::connect(gateway.api()).await.unwrap(),
        TcpStream::connect(gateway.api()).await.unwrap(),
    ];
    let local = tokio::net::UnixStream::connect(&socket).await.unwrap();
    until(&gateway, CONNECTIONS, 2.0).await;
    let unix = format!(
        "introspectd_connections{{listener=\"unix:{}\"}}",
        socket.display()
    );
    until(&gateway, &unix, 1.0).await;
    drop((open, local));
    until(&gateway, CONNECTIONS, 0.0).await;
    until(&gateway, &unix, 0.0).await;
}

fn write_certificate(folder: &Path, year: i32) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(folder.join("certificate.pem"), certificate.pem()).unwrap();
}

#[tokio::test]
async fn end_of_a_listeners_certificate_follows_its_files() {
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path(), 2040);
    let toml = format!(
        "[listen]\nadmin = [\"127.0.0.1:0\"]\napi = [{{ address = \"127.0.0.1:0\", tls = {{ \
         certificate = \"{0}/certificate.pem\", key = \"{0}/key.pem\" }} }}]\n",
        folder.path().display()
    );
    let gateway = Gateway::start_bare(&toml).await;
    let metric = "introspectd_tls_certificate_expiry_timestamp_seconds{listener=\"127.0.0.1:0\"}";
    let ends = |year| date_time_ymd(year, 1, 1).unix_timestamp();
    assert_eq!(Scrape::of(&gateway).await.value(metric), ends(2040) as f64);
    // Renewed, and nobody has connected since.
    write_certificate(folder.path(), 2041);
    assert_eq!(Scrape::of(&gateway).await.value(metric), ends(2041) as f64);
    fs::write(folder.path().join("certificate.pem"), "no certificate").unwrap();
    assert_eq!(Scrape::of(&gateway).await.value(metric), ends(2041) as f64);
}
