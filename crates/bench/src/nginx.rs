//! nginx as the peers that a cached answer is compared with: two workers, no access log, caches in
//! memory.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, getrlimit};

use crate::answer::{self, BASIC, Reader};
use crate::failure::{Result, Tried};
use crate::subject::Subject;

const HEAD: &str = include_str!("nginx/head.conf");
const PROXY_CACHE: &str = include_str!("nginx/proxy_cache.conf");
const LUA: &str = include_str!("nginx/lua.conf");
const NJS: &str = include_str!("nginx/njs.conf");
const LUA_SCRIPT: &str = include_str!("nginx/introspect.lua");
const NJS_SCRIPT: &str = include_str!("nginx/check.js");

/// Writes its configuration into the folder, and says how it is started.
pub(crate) fn command(
    subject: Subject,
    port: u16,
    authority: u16,
    folder: &Path,
) -> Result<Command> {
    let place = folder.to_string_lossy();
    let descriptors = getrlimit(Resource::Nofile)
        .maximum
        .unwrap_or(1 << 20)
        .min(1 << 20);
    for (name, text) in [
        (
            "nginx.conf",
            configuration(subject, &place, port, authority, descriptors),
        ),
        ("introspect.lua", LUA_SCRIPT.replace("@BASIC@", BASIC)),
        ("check.js", NJS_SCRIPT.to_owned()),
        (
            "file.json",
            answer::active("file", 1_800_000_000, Reader::Peer),
        ),
    ] {
        let file = folder.join(name);
        fs::write(&file, text).tried(file.display())?;
    }
    let mut command = Command::new("nginx");
    // Where Debian keeps its modules.
    command
        .args(["-p", "/usr/share/nginx", "-c"])
        .arg(folder.join("nginx.conf"));
    Ok(command)
}

fn configuration(
    subject: Subject,
    folder: &str,
    port: u16,
    authority: u16,
    descriptors: u64,
) -> String {
    let (modules, rest): (&[&str], _) = match subject {
        Subject::Lua => (&["ndk_http", "ngx_http_lua"], LUA),
        Subject::Njs => (&["ngx_http_js"], NJS),
        Subject::ProxyCache
        | Subject::OpenFileCache
        | Subject::Floor
        | Subject::Introspectd
        | Subject::Mirror
        | Subject::Tonic
        | Subject::QuickCache
        | Subject::Moka => (&[], PROXY_CACHE),
    };
    let modules: Vec<String> = modules
        .iter()
        .map(|name| format!("load_module modules/{name}_module.so;"))
        .collect();
    // Out of descriptors it would stop to accept.
    let kept_open = match subject {
        Subject::OpenFileCache | Subject::Njs => {
            format!(
                "open_file_cache max={} inactive=30m;",
                (descriptors / 4 * 3).min(150_000)
            )
        }
        Subject::ProxyCache
        | Subject::Lua
        | Subject::Floor
        | Subject::Introspectd
        | Subject::Mirror
        | Subject::Tonic
        | Subject::QuickCache
        | Subject::Moka => String::new(),
    };
    format!("{HEAD}{rest}")
        .replace("@MODULES@", &modules.join("\n"))
        .replace("@OPEN_FILE_CACHE@", &kept_open)
        .replace("@FOLDER@", folder)
        .replace("@BASIC@", BASIC)
        .replace("@POLICY@", answer::POLICY)
        .replace("@DESCRIPTORS@", &descriptors.to_string())
        .replace("@PORT@", &port.to_string())
        .replace("@AUTHORITY@", &authority.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Subject; 4] = [
        Subject::ProxyCache,
        Subject::OpenFileCache,
        Subject::Lua,
        Subject::Njs,
    ];

    #[test]
    fn template_is_fully_filled() {
        for subject in ALL {
            let configuration = configuration(subject, "/x", 1, 2, 20_000);
            assert!(!configuration.contains('@'), "{configuration}");
            assert_eq!(
                configuration.matches('{').count(),
                configuration.matches('}').count()
            );
        }
    }

    #[test]
    fn files_are_kept_open_if_configured() {
        let keeps = |subject| {
            configuration(subject, "/x", 1, 2, 20_000).contains("open_file_cache max=15000 ")
        };
        assert_eq!(ALL.map(keeps), [false, true, false, true]);
    }
}
