//! Command line of the benchmarks.

use clap::Parser;

use crate::group::Group;

/// Measures the cost of a cached answer on this machine, beside bare HTTP and nginx
///
/// Starts a fake authorization server, bare hyper (the floor), four nginx peers and introspectd on
/// loopback, drives them in turns, prints one table, and writes it to docs/benchmarks.md. Redis is
/// started for what a fleet shares. Ends every process that it started. Best on an idle machine:
/// other load shows in the spread. About 50 minutes.
#[derive(Debug, Clone, PartialEq, Default, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", after_help = AFTER)]
pub(crate) struct Scope {
    /// Run 2 rounds of 2 seconds, at most 100,000 tokens (12 minutes); the page is not written
    #[arg(long)]
    pub(crate) quick: bool,

    /// Draw docs/benchmarks.svg as well
    #[arg(long, conflicts_with_all = ["quick", "only"])]
    pub(crate) plot: bool,

    /// Run one group, may be repeated; the page is not written
    #[arg(long, value_name = "GROUP")]
    pub(crate) only: Vec<Group>,
}

const AFTER: &str = "\
Alone:
  --instructions [--accept]
      Instructions of a hit, against the committed number; with --accept writes them
  --parts
      Times of the parts of a hit

Examples:
  cargo xtask bench
  cargo xtask bench --plot
  cargo xtask bench --quick --only hits

Exit codes: 0 every figure that was measured is met, 1 one is not met or void, 2 wrong usage.";

impl Scope {
    pub(crate) fn includes(&self, group: Group) -> bool {
        self.only.is_empty() || self.only.contains(&group)
    }

    /// A part of the figures, or figures of a few seconds, are none to publish.
    pub(crate) fn is_whole(&self) -> bool {
        !self.quick && self.only.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Scope, String> {
        let words = std::iter::once("bench").chain(line.split_whitespace());
        Scope::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_accepted_in_any_order() {
        assert_eq!(parsed(""), Ok(Scope::default()));
        let some = Scope {
            quick: true,
            plot: false,
            only: vec![Group::Hits, Group::Herd],
        };
        assert_eq!(parsed("--only hits --quick --only=herd"), Ok(some));
    }

    #[test]
    fn invalid_options_are_named() {
        for (line, named) in [
            ("--fast", "--fast"),
            ("--only x", "hits, million"),
            ("--quick --plot", "--plot"),
        ] {
            assert!(parsed(line).unwrap_err().contains(named), "{line}");
        }
    }

    #[test]
    fn help_shows_every_group_and_examples() {
        let help = Scope::command().render_help().to_string();
        assert!(
            Group::ALL
                .into_iter()
                .all(|group| help.contains(group.name())),
            "{help}"
        );
        assert!(
            help.contains("cargo xtask bench --quick --only hits"),
            "{help}"
        );
    }
}
