//! nginx as the peers that a cached answer is compared with: two workers, no access log, caches in memory.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, getrlimit};

use crate::answer::BASIC;
use crate::failure::{Result, Tried};
use crate::subject::Subject;

const HEAD: &str = include_str!("nginx/head.conf");
const PROXY_CACHE: &str = include_str!("nginx/proxy_cache.conf");
const LUA: &str = include_str!("nginx/lua.conf");
const SCRIPT: &str = include_str!("nginx/introspect.lua");

/// Writes its configuration into the folder, and says how it is started.
pub(crate) fn command(subject: Subject, port: u16, authority: u16, folder: &Path) -> Result<Command> {
    let place = folder.to_string_lossy();
    let descriptors = getrlimit(Resource::Nofile).maximum.unwrap_or(1 << 20).min(1 << 20);
    let configuration = configuration(subject, &place, port, authority, descriptors);
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration).tried(file.display())?;
    let script = folder.join("introspect.lua");
    fs::write(&script, SCRIPT.replace("@BASIC@", BASIC)).tried(script.display())?;
    let mut command = Command::new("nginx");
    // Where Debian keeps its modules.
    command.args(["-p", "/usr/share/nginx", "-c"]).arg(file);
    Ok(command)
}

fn configuration(subject: Subject, folder: &str, port: u16, authority: u16, descriptors: u64) -> String {
    let lua = subject == Subject::Lua;
    let modules = if lua {
        "load_module modules/ndk_http_module.so;\nload_module modules/ngx_http_lua_module.so;"
    } else {
        ""
    };
    // Out of descriptors it would stop to accept.
    let kept_open = match subject {
        Subject::OpenFileCache => {
            format!("open_file_cache max={} inactive=30m;", (descriptors / 4 * 3).min(150_000))
        }
        Subject::ProxyCache | Subject::Lua | Subject::Floor | Subject::Introspectd => String::new(),
    };
    format!("{HEAD}{}", if lua { LUA } else { PROXY_CACHE })
        .replace("@MODULES@", modules)
        .replace("@OPEN_FILE_CACHE@", &kept_open)
        .replace("@FOLDER@", folder)
        .replace("@DESCRIPTORS@", &descriptors.to_string())
        .replace("@PORT@", &port.to_string())
        .replace("@AUTHORITY@", &authority.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blank_is_filled() {
        for subject in Subject::PEERS {
            let configuration = configuration(subject, "/x", 1, 2, 20_000);
            assert!(!configuration.contains('@'), "{configuration}");
            assert_eq!(configuration.matches('{').count(), configuration.matches('}').count());
        }
    }

    #[test]
    fn only_one_keeps_files_open() {
        let keeps =
            |subject| configuration(subject, "/x", 1, 2, 20_000).contains("open_file_cache max=15000 ");
        assert_eq!(Subject::PEERS.map(keeps), [false, true, false]);
    }
}
