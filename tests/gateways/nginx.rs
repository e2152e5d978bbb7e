use std::path::Path;
use std::process::Command;

use crate::edge::{Answer, Edge, Refusal};
use crate::page::Files;
use crate::scenarios::instantiate;

struct Nginx;

impl Edge for Nginx {
    const PAGE: &'static str = "nginx.md";
    const PLACES: &'static [&'static str] = &["/run/introspectd/", "/run/", "/var/log/nginx/"];

    fn command(folder: &Path) -> Command {
        let mut nginx = Command::new("nginx");
        nginx
            .args(["-g", "daemon off;", "-c"])
            .arg(folder.join("nginx.conf"));
        nginx
    }

    fn adapted(_: &str, text: String, folder: &Path) -> String {
        without_root(&text, folder)
    }

    fn over_tls(files: &mut Files) {
        let listen = "listen 127.0.0.1:8000";
        let tls = [
            " ssl;",
            "ssl_certificate     /run/introspectd/server.pem;",
            "ssl_certificate_key /run/introspectd/server.pem;",
            "ssl_verify_client   optional_no_ca;",
        ];
        let tls = tls.join("\n        ");
        files.replace(
            "nginx.conf",
            &format!("{listen};"),
            &format!("{listen}{tls}"),
        );
    }

    fn hurry(files: &mut Files) {
        files.replace(
            "nginx.conf",
            "proxy_read_timeout    5s;",
            "proxy_read_timeout 200ms;",
        );
    }

    /// Maps statuses: nginx forwards introspectd's 401 and 403, anything else becomes a 503.
    fn answer(refusal: Refusal) -> Answer {
        let by_introspectd = refusal.by_introspectd();
        let status = if by_introspectd.status > 403 {
            503
        } else {
            by_introspectd.status
        };
        Answer {
            status,
            ..by_introspectd
        }
    }
}

/// Keeps the user that runs the test, who can open its folder and socket. Without root, nginx
/// cannot write to the paths of its package.
fn without_root(text: &str, folder: &Path) -> String {
    let folder = folder.display();
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    let text = text.replace("user www-data;", "user root;");
    text.replacen("http {\n", &format!("http {{\n{paths}"), 1)
}

/// Moves the file's paths into this folder.
pub(crate) fn at_home(text: String, folder: &Path) -> String {
    let here = format!("{}/", folder.display());
    let text = Nginx::PLACES
        .iter()
        .fold(text, |text, place| text.replace(place, &here));
    without_root(&text, folder)
}

instantiate!(Nginx);

#[tokio::test]
async fn bound_token_needs_a_proof_of_the_very_request() {
    crate::bound::bound_token_needs_a_proof_of_the_very_request::<Nginx>().await;
}

#[tokio::test]
async fn certificate_in_a_header_of_the_client_is_none() {
    crate::bound::certificate_in_a_header_of_the_client_is_none::<Nginx>().await;
}

#[tokio::test]
async fn certificate_of_the_connection_is_the_proof() {
    crate::bound::certificate_of_the_connection_is_the_proof::<Nginx>().await;
}
