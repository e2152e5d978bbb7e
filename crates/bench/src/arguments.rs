//! Command line of the benchmarks.

use crate::group::Group;

pub(crate) const HELP: &str = "\
Measures the cost of a cached answer on this machine, beside bare HTTP and nginx.

Usage: cargo xtask bench [OPTIONS]

Starts a fake authorization server, bare hyper (the floor), four nginx peers and introspectd on loopback, drives
them in turns, prints one table, and writes it to docs/benchmarks.md. Ends every process that it started. Best on
an idle machine: other load shows in the spread. About half an hour.

Options:
  --quick      2 rounds of 2 seconds, at most 100,000 tokens; does not write the page (about 7 minutes)
  --only NAME  One group, may be repeated; does not write the page
               hits, million, latency, memory, misses, herd, down, eviction, start, forward-auth,
               revocation, connections, wrong-secrets, tls, grpc
  --plot       Draws docs/benchmarks.svg, too

Alone:
  --instructions [--accept]
               Instructions of a hit, against the committed number; with --accept writes them
  --parts      Times of the parts of a hit

  -h, --help   This text

Examples:
  cargo xtask bench
  cargo xtask bench --plot
  cargo xtask bench --quick --only hits

Exit codes: 0 every figure that was measured is met, 1 one is not met or void, 2 wrong usage.";

/// Parsed command line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Help,
    Measure(Scope),
}

/// Extent of a measurement.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Scope {
    pub(crate) quick: bool,
    pub(crate) plot: bool,
    /// Selected groups; empty for all.
    pub(crate) only: Vec<Group>,
}

impl Scope {
    pub(crate) fn includes(&self, group: Group) -> bool {
        self.only.is_empty() || self.only.contains(&group)
    }

    /// A part of the figures, or figures of a few seconds, are none to publish.
    pub(crate) fn is_whole(&self) -> bool {
        !self.quick && self.only.is_empty()
    }
}

impl Action {
    /// Reads the words after the program's name. The error is one line for the reader.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut scope = Scope::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                "--help" | "-h" => return Ok(Self::Help),
                "--" => {}
                "--quick" => scope.quick = true,
                "--plot" => scope.plot = true,
                "--only" => scope.only.push(group(words.next().unwrap_or_default())?),
                _ => match word.strip_prefix("--only=") {
                    Some(name) => scope.only.push(group(name)?),
                    None => return Err(format!("there is no option {word:?}")),
                },
            }
        }
        if scope.plot && !scope.is_whole() {
            return Err("--plot draws the whole of it: leave --quick and --only out".to_owned());
        }
        Ok(Self::Measure(scope))
    }
}

fn group(name: &str) -> Result<Group, String> {
    let known = || Group::ALL.map(Group::name).join(", ");
    Group::ALL
        .into_iter()
        .find(|group| group.name() == name)
        .ok_or_else(|| format!("--only takes one of {}; {name:?} is none of them", known()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Action, String> {
        Action::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_accepted_in_any_order() {
        assert_eq!(parsed(""), Ok(Action::Measure(Scope::default())));
        let some = Scope { quick: true, plot: false, only: vec![Group::Hits, Group::Herd] };
        assert_eq!(parsed("--only hits --quick --only=herd"), Ok(Action::Measure(some)));
        assert_eq!(parsed("--quick --help"), Ok(Action::Help));
    }

    #[test]
    fn invalid_options_are_named() {
        for (line, named) in [
            ("--fast", "--fast"),
            ("--only", "hits, million"),
            ("--only x", "\"x\""),
            ("--quick --plot", "--plot"),
        ] {
            assert!(parsed(line).unwrap_err().contains(named), "{line}");
        }
    }

    #[test]
    fn help_names_every_group() {
        assert!(Group::ALL.into_iter().all(|group| HELP.contains(group.name())));
    }
}
