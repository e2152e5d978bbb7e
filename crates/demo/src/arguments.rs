//! Command line of the demo.

use clap::Parser;

use crate::ports::{self, FleetPorts, Ports};

/// Runs introspectd in front of a simulator of each vendor, for a first look
///
/// Builds and starts introspectd, prints curl lines to paste, and runs until Ctrl-C.
#[derive(Debug, Parser, PartialEq)]
#[command(
    name = "cargo demo",
    bin_name = "cargo demo",
    override_usage = "cargo demo [-- OPTIONS]",
    after_help = EXAMPLES
)]
pub(crate) struct Arguments {
    /// Send the requests, print the answers, check each against what is documented, and end
    #[arg(long)]
    pub(crate) once: bool,

    /// Run three replicas that share a Redis, and show what they promise, Redis killed meanwhile
    #[arg(long)]
    pub(crate) fleet: bool,

    /// Port of api; admin follows, then the providers [default: api 8080, admin 9090, providers
    /// 9501 to 9505; with --fleet 8080 to 8082, 9090 to 9092, 9501 and Redis 16379]
    #[arg(long = "port-base", value_name = "N", value_parser = ports::parse_base)]
    port_base: Option<u16>,
}

const EXAMPLES: &str = "\
Examples:
  cargo demo
  cargo demo -- --once
  cargo demo -- --fleet --once
  cargo demo -- --port-base 18080

Exit codes: 0 success, 1 an answer is not as documented or the demo cannot run, 2 wrong usage.";

impl Arguments {
    pub(crate) fn ports(&self) -> Ports {
        Ports::new(self.port_base)
    }

    pub(crate) fn fleet_ports(&self) -> FleetPorts {
        FleetPorts::new(self.port_base)
    }

    /// Parses the program's arguments; prints help or an error and exits if there are no others.
    pub(crate) fn parse_or_exit() -> Self {
        Self::parse_from(without_separator(std::env::args_os()))
    }
}

/// Drops `--`: the alias has one of its own before it, so that the reader's arrives here.
fn without_separator<T: AsRef<std::ffi::OsStr>>(
    words: impl Iterator<Item = T>,
) -> impl Iterator<Item = T> {
    words.filter(|word| word.as_ref() != "--")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Arguments, String> {
        let words = std::iter::once("demo").chain(line.split_whitespace());
        Arguments::try_parse_from(without_separator(words.map(str::to_owned)))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_accepted_in_any_order() {
        assert_eq!(
            parsed(""),
            Ok(Arguments {
                once: false,
                fleet: false,
                port_base: None
            })
        );
        let moved = Arguments {
            once: true,
            fleet: false,
            port_base: Some(18080),
        };
        assert_eq!(parsed("--once --port-base 18080"), Ok(moved));
        let fleet = parsed("--fleet").unwrap();
        assert!(fleet.fleet && !fleet.once);
        assert_eq!(
            parsed("-- --port-base=18080 --once"),
            parsed("--once --port-base 18080")
        );
    }

    #[test]
    fn invalid_options_are_named() {
        for (line, named) in [
            ("--twice", "--twice"),
            ("--port-base", "--port-base"),
            ("--port-base 65530", "65530"),
        ] {
            assert!(parsed(line).unwrap_err().contains(named), "{line}");
        }
    }

    #[test]
    fn help_shows_examples() {
        let help = Arguments::command().render_help().to_string();
        for line in [
            "Usage: cargo demo",
            "--once",
            "--fleet",
            "--port-base <N>",
            "cargo demo -- --port-base 18080",
        ] {
            assert!(help.contains(line), "{help}");
        }
    }
}
