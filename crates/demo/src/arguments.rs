//! Command line of the demo.

use crate::ports::Ports;

pub(crate) const HELP: &str = "\
introspectd in front of a simulator of each vendor, for a first look.

Usage: cargo demo [-- OPTIONS]

Builds and starts introspectd, prints curl lines to paste, and runs until Ctrl-C.

Options:
  --once         Send the requests itself, print the answers, check each against what is documented, and end
  --port-base N  api on port N, admin on N+1, the providers on N+2 to N+6
                 (without it: api 8080, admin 9090, the providers 9501 to 9505)
  -h, --help     This text

Examples:
  cargo demo
  cargo demo -- --once
  cargo demo -- --port-base 18080

Exit codes: 0 success, 1 an answer is not as documented or the demo cannot run, 2 wrong usage.";

/// Parsed command line.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    Run { once: bool, ports: Ports },
}

impl Command {
    /// Reads the words after the program's name. The error is one line for the reader.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut once = false;
        let mut ports = Ports::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--help" | "-h" => return Ok(Self::Help),
                // The alias has one of its own before it, so that the reader's arrives here.
                "--" => {}
                "--once" => once = true,
                "--port-base" => ports = Ports::parse(words.next().unwrap_or_default())?,
                _ => match word.strip_prefix("--port-base=") {
                    Some(base) => ports = Ports::parse(base)?,
                    None => return Err(format!("unknown option {word:?}")),
                },
            }
        }
        Ok(Self::Run { once, ports })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        Command::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_accepted_in_any_order() {
        assert_eq!(parsed(""), Ok(Command::Run { once: false, ports: Ports::default() }));
        let moved = Command::Run { once: true, ports: Ports::parse("18080").unwrap() };
        assert_eq!(parsed("--once --port-base 18080"), Ok(moved));
        assert_eq!(parsed("-- --port-base=18080 --once"), parsed("--once --port-base 18080"));
        assert_eq!(parsed("--once --help"), Ok(Command::Help));
    }

    #[test]
    fn invalid_options_are_named() {
        for (line, named) in
            [("--twice", "--twice"), ("--port-base", "--port-base"), ("--port-base 65530", "65530")]
        {
            assert!(parsed(line).unwrap_err().contains(named), "{line}");
        }
    }
}
