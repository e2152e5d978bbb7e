use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::client::Request;
use crate::edge::Edge;
use crate::harness::Harness;
use crate::page::Files;
use crate::scenarios::instantiate;
use crate::tokens::GOOD;

struct Apache;

const SCRIPT: &str = "introspectd.lua";

/// Settings of Debian's `apache2.conf`, with the modules that it and the page enable.
const AROUND: &str = "
ServerRoot FOLDER
DefaultRuntimeDir FOLDER
PidFile FOLDER/pid
ErrorLog FOLDER/error.log
User www-data
Group www-data
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule authz_host_module MODULES/mod_authz_host.so
LoadModule reqtimeout_module MODULES/mod_reqtimeout.so
LoadModule lua_module MODULES/mod_lua.so
LoadModule proxy_module MODULES/mod_proxy.so
LoadModule proxy_http_module MODULES/mod_proxy_http.so
# A request that waits holds a worker: as many as there are clients.
ServerLimit 16
MaxRequestWorkers 400
IncludeOptional FOLDER/orders.conf
";

impl Edge for Apache {
    const PAGE: &'static str = "apache.md";
    const PLACES: &'static [&'static str] = &["/run/introspectd/", "/etc/apache2/"];

    fn command(folder: &Path) -> Command {
        let around = AROUND.replace("FOLDER", &folder.display().to_string());
        let around = around.replace("MODULES", "/usr/lib/apache2/modules");
        fs::write(folder.join("apache2.conf"), around).unwrap();
        open_to_workers(folder);
        let mut apache = Command::new("apache2");
        apache
            .args(["-DFOREGROUND", "-f"])
            .arg(folder.join("apache2.conf"));
        apache
    }

    fn over_tls(_: &mut Files) {
        panic!("its page has no lines for bound tokens");
    }

    fn hurry(files: &mut Files) {
        files.replace(SCRIPT, "http.TIMEOUT = 5 ", "http.TIMEOUT = 0.2 ");
    }
}

/// Gives Apache's workers, another user if root runs the test, access to the folder.
fn open_to_workers(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let socket = folder.join("edge.sock");
    if socket.exists() {
        fs::set_permissions(socket, Permissions::from_mode(0o666)).unwrap();
    }
}

instantiate!(Apache);
instantiate!(Apache: no_other_header_of_that_name_reaches_the_application);

#[tokio::test]
async fn script_mistake_lets_nothing_pass() {
    for (before, mistake) in [
        ("local http ", "error('x')\n"),
        ("local http ", "if then\n"),
        ("    local status, headers, body", "error('x')\n"),
        ("    if status == 200", "do return end\n"),
        ("    if status == 200", "do return 'yes' end\n"),
        ("    if status == 200", "do return apache2.OK end\n"),
        ("    if status == 200", "do return apache2.DECLINED end\n"),
        ("        r.subprocess_env[", "error('x')\n"),
    ] {
        let harness = Harness::<Apache>::open_with(|files| {
            files.replace(SCRIPT, before, &format!("{mistake}{before}"));
        });
        let harness = harness.await;
        let reply = harness.send(Request::get("/orders").bearer(GOOD)).await;
        assert!([403, 500].contains(&reply.status), "{mistake} {reply:?}");
        assert_eq!(harness.application.requests(), 0, "{mistake}");
    }
}
