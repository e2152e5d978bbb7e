//! Apache's `mod_oauth2`, which Debian has.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use http::Method;
use introspectd_tests::{Process, Reply, free_address};
use tempfile::TempDir;

use super::harness::{CALLER, GOOD, Harness, LACKS_SCOPE, REVOKED, SECRET, UNKNOWN};

/// The module's own options (`/etc/apache2/mods-available/oauth2.conf`); `sub` becomes the remote
/// user. It compares a claim as a whole.
const CONFIGURATION: &str = r#"
ServerRoot FOLDER
ServerName 127.0.0.1
DefaultRuntimeDir FOLDER
PidFile FOLDER/pid
ErrorLog FOLDER/error.log
User www-data
Group www-data
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authn_core_module MODULES/mod_authn_core.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule authz_user_module MODULES/mod_authz_user.so
LoadModule oauth2_module MODULES/mod_oauth2.so
Listen ADDRESS
DocumentRoot FOLDER/htdocs
<Location /orders>
    AuthType oauth2
    OAuth2TokenVerify introspect URL introspect.auth=client_secret_basic&client_id=CALLER&client_secret=SECRET
    Require oauth2_claim "scope:orders.read orders.write"
</Location>
"#;

struct Apache {
    url: String,
    _process: Process,
    _folder: TempDir,
}

impl Apache {
    async fn start(harness: &Harness, secret: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Where root runs the test, Apache's workers are another user still.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("htdocs")).unwrap();
        fs::write(folder.path().join("htdocs/orders"), "orders").unwrap();
        let address = free_address();
        let in_a_query: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let text = CONFIGURATION
            .replace("FOLDER", &folder.path().display().to_string())
            .replace("MODULES", "/usr/lib/apache2/modules")
            .replace("ADDRESS", &address.to_string())
            .replace("URL", &harness.introspection_url())
            .replace("CALLER", CALLER)
            .replace("SECRET", &in_a_query.replace('+', "%20"));
        let file = folder.path().join("apache2.conf");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("apache2");
        command.args(["-DFOREGROUND", "-f"]).arg(&file);
        let process = Process::start(command, folder.path(), address).await;
        Self {
            url: format!("http://{address}/orders"),
            _process: process,
            _folder: folder,
        }
    }

    async fn ask(&self, harness: &Harness, token: &str) -> Reply {
        harness.present(Method::GET, &self.url, token, "").await
    }
}

#[tokio::test]
async fn mod_oauth2_follows_introspectd() {
    let harness = Harness::open().await;
    let apache = Apache::start(&harness, SECRET).await;
    for (token, status) in [
        (GOOD, 200),
        (LACKS_SCOPE, 401),
        (REVOKED, 401),
        (UNKNOWN, 401),
        (GOOD, 200),
    ] {
        let reply = apache.ask(&harness, token).await;
        assert_eq!(reply.status, status, "{token}: {reply:?}");
    }
    assert_eq!(harness.provider.count(), 4);

    harness.provider.stop();
    assert_eq!(apache.ask(&harness, "token-new").await.status, 401);
}

#[tokio::test]
async fn mod_oauth2_refuses_everything_with_a_wrong_secret() {
    let harness = Harness::open().await;
    let apache = Apache::start(&harness, "another secret").await;
    assert_eq!(apache.ask(&harness, GOOD).await.status, 401);
    assert_eq!(harness.provider.count(), 0);
}
