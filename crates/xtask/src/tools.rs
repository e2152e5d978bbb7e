//! Programs that the chores run: which, how to see that they are there, and where to get them.

use std::fmt;

use crate::run::{Failure, Line};

/// Tools of the tests. A new one is a line here.
pub(crate) const TESTS: &[Tool] = &[
    Tool {
        name: "node",
        version: &["node", "--version"],
        at_least: 18,
        package: "nodejs",
    },
    Tool {
        name: "npm",
        version: &["npm", "--version"],
        at_least: 8,
        package: "npm",
    },
    Tool {
        name: "curl",
        version: &["curl", "--version"],
        at_least: 7,
        package: "curl",
    },
    // Judges our units; it is not run.
    Tool {
        name: "systemd",
        version: &["systemd-analyze", "--version"],
        at_least: 250,
        package: "systemd",
    },
    // A terminal to be asked at.
    Tool {
        name: "script",
        version: &["script", "--version"],
        at_least: 2,
        package: "bsdutils",
    },
    // Reads our manual pages.
    Tool {
        name: "groff",
        version: &["groff", "--version"],
        at_least: 1,
        package: "groff-base",
    },
    NGINX,
    Tool {
        name: "HAProxy",
        version: &["haproxy", "-v"],
        at_least: 2,
        package: "haproxy",
    },
    Tool {
        name: "Apache httpd",
        version: &["apache2", "-v"],
        at_least: 2,
        package: "apache2-bin",
    },
    Tool {
        name: "Apache's mod_oauth2",
        version: &["dpkg-query", "--show", "libapache2-mod-oauth2"],
        at_least: 3,
        package: "libapache2-mod-oauth2",
    },
    Tool {
        name: "LuaSocket",
        version: &["dpkg-query", "--show", "lua-socket"],
        at_least: 3,
        package: "lua-socket",
    },
    // Reads our metrics and tests our alerts, by promtool and by itself.
    Tool {
        name: "Prometheus",
        version: &["promtool", "--version"],
        at_least: 2,
        package: "prometheus",
    },
    REDIS,
    // Debian takes this part out of Python.
    Tool {
        name: "Python's venv",
        version: &["python3", "-m", "ensurepip", "--version"],
        at_least: 20,
        package: "python3-venv",
    },
    Tool {
        name: "slowhttptest",
        version: &["dpkg-query", "--show", "slowhttptest"],
        at_least: 1,
        package: "slowhttptest",
    },
    Tool {
        name: "testssl.sh",
        version: &["dpkg-query", "--show", "testssl.sh"],
        at_least: 3,
        package: "testssl.sh",
    },
    Tool {
        name: "tinyproxy",
        version: &["tinyproxy", "-v"],
        at_least: 1,
        package: "tinyproxy",
    },
    FAKETIME,
];

/// Tools of the torture.
pub(crate) const TORTURE: &[Tool] = &[FAKETIME];

/// Tools that fuzzing compiles with.
pub(crate) const FUZZING: &[Tool] = &[Tool {
    name: "a C++ compiler",
    version: &["c++", "--version"],
    at_least: 9,
    package: "g++",
}];

/// Sets the clock of a process.
const FAKETIME: Tool = Tool {
    name: "faketime",
    version: &["dpkg-query", "--show", "faketime"],
    at_least: 0,
    package: "faketime",
};

/// Tools of the benchmarks alone. wrk and nginx's modules do not print their version: Debian does.
pub(crate) const BENCHMARKS: &[Tool] = &[
    NGINX,
    Tool {
        name: "nginx's Lua module",
        version: &["dpkg-query", "--show", "libnginx-mod-http-lua"],
        at_least: 0,
        package: "libnginx-mod-http-lua",
    },
    Tool {
        name: "nginx's JavaScript module",
        version: &["dpkg-query", "--show", "libnginx-mod-http-js"],
        at_least: 0,
        package: "libnginx-mod-http-js",
    },
    Tool {
        name: "Lua's cjson",
        version: &["dpkg-query", "--show", "lua-cjson"],
        at_least: 2,
        package: "lua-cjson",
    },
    Tool {
        name: "h2load",
        version: &["h2load", "--version"],
        at_least: 1,
        package: "nghttp2-client",
    },
    Tool {
        name: "openssl",
        version: &["openssl", "version"],
        at_least: 1,
        package: "openssl",
    },
    Tool {
        name: "wrk",
        version: &["dpkg-query", "--show", "wrk"],
        at_least: 4,
        package: "wrk",
    },
    REDIS,
];

const REDIS: Tool = Tool {
    name: "Redis",
    version: &["redis-server", "--version"],
    at_least: 7,
    package: "redis-server",
};

const NGINX: Tool = Tool {
    name: "nginx",
    version: &["nginx", "-v"],
    at_least: 1,
    package: "nginx-light",
};

/// Tools that count instructions.
pub(crate) const INSTRUCTIONS: &[Tool] = &[Tool {
    name: "valgrind",
    version: &["valgrind", "--version"],
    at_least: 3,
    package: "valgrind",
}];

pub(crate) struct Tool {
    name: &'static str,
    /// The words that print its version, on either stream.
    version: &'static [&'static str],
    /// The oldest major version that will do.
    at_least: u32,
    /// Package in Debian and its descendants.
    package: &'static str,
}

enum Lack {
    Missing,
    TooOld(u32),
}

/// Installs the programs that are not there, as root or through `sudo` where it asks for no
/// password.
///
/// # Errors
/// One is missing or too old and could not be installed; says which, and what to type.
pub(crate) fn install_missing(tools: &'static [Tool]) -> Result<(), Failure> {
    let lacking = lacking(tools);
    if lacking.is_empty() {
        return Ok(());
    }
    println!("    {}", listed(&lacking));

    let packages: Vec<&str> = lacking.iter().map(|(tool, _)| tool.package).collect();
    let failed = |why: &str| Failure::new(format!("{}, and {why}", listed(&lacking)));
    if Line::new("apt-get", &["--version"]).output().is_none() {
        return Err(failed(
            "there is no apt-get: install it with this system's package manager",
        ));
    }
    let by_hand = [
        &["apt-get", "install", "--no-install-recommends"],
        packages.as_slice(),
    ]
    .concat();
    install(&packages)
        .map_err(|why| failed(why).repeated_by(Line::new("sudo", &by_hand).to_string()))?;

    let lacking = self::lacking(tools);
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "after the installation of {}: {}",
        packages.join(", "),
        listed(&lacking)
    )))
}

/// Debian's own way: lists refreshed once if they are stale, nothing beyond what is needed, no
/// service started by its package.
/// Installs a subcommand of cargo, `cargo-NAME`, unless it is there.
///
/// # Errors
/// It does not build.
pub(crate) fn install_subcommand(name: &str) -> Result<(), Failure> {
    if Line::new("cargo", &[name, "--version"]).output().is_some() {
        return Ok(());
    }
    println!("    cargo-{name} is missing; building it takes minutes");
    Line::new("cargo", &["install", &format!("cargo-{name}"), "--locked"]).run()
}

const INSTALL: &str = include_str!("install.sh");

fn install(packages: &[&str]) -> Result<(), &'static str> {
    let script = [&["-c", INSTALL, "install"], packages].concat();
    let line = if is_root() {
        Line::new("sh", &script)
    } else if Line::new("sudo", &["-n", "true"]).output().is_some() {
        Line::new("sudo", &[&["-n", "sh"], script.as_slice()].concat())
    } else {
        return Err("this user is not root and cannot use sudo without a password");
    };
    line.run()
        .map_err(|_| "its installation failed (see above)")
}

fn is_root() -> bool {
    Line::new("id", &["-u"])
        .output()
        .is_some_and(|id| id.trim() == "0")
}

fn lacking(tools: &'static [Tool]) -> Vec<(&'static Tool, Lack)> {
    tools
        .iter()
        .filter_map(|tool| Some((tool, tool.lack()?)))
        .collect()
}

fn listed(lacking: &[(&Tool, Lack)]) -> String {
    let each: Vec<String> = lacking
        .iter()
        .map(|(tool, lack)| format!("{} {lack}", tool.name))
        .collect();
    each.join(", ")
}

impl Tool {
    fn lack(&self) -> Option<Lack> {
        let (program, arguments) = self.version.split_first()?;
        match Line::new(program, arguments)
            .output()
            .as_deref()
            .and_then(major)
        {
            None => Some(Lack::Missing),
            Some(version) => (version < self.at_least).then_some(Lack::TooOld(self.at_least)),
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(to, "is missing"),
            Self::TooOld(at_least) => write!(to, "is older than {at_least}"),
        }
    }
}

/// The first number that a dot follows: programs agree on no more than that.
fn major(printed: &str) -> Option<u32> {
    let mut digits = String::new();
    for character in printed.chars() {
        match character {
            '.' if !digits.is_empty() => return digits.parse().ok(),
            digit if digit.is_ascii_digit() => digits.push(digit),
            _ => digits.clear(),
        }
    }
    None
}

#[cfg(test)]
mod tests;
