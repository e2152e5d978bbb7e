//! `cargo xtask bench --instructions`: how many instructions a hit takes, against the committed
//! number.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::bench;
use crate::run::{Failure, Line, root, step};
use crate::tools;

/// The committed counts: the total and each function that takes a thousandth of it.
const COMMITTED: &str = "crates/bench/instructions.txt";

/// File with the counts of one run.
const COUNTED: &str =
    "target/gungraun/introspectd-bench/instructions/hit/thousand_hits/callgrind.thousand_hits.out";

/// Requests of one run.
const HITS: u64 = 1000;

/// A hit may take so many hundredths more before it is a failure: another processor's copy routines
/// may do that.
const SLACK: u64 = 2;

/// The version must be that of the library in `Cargo.toml`.
const RUNNER: &str = "0.20.0";

/// Counts and compares, or with `accept` writes down what was counted.
///
/// # Errors
/// A tool is missing, something does not build, or a hit takes more than it did; says which
/// functions grew.
pub(crate) fn compare(accept: bool) -> Result<(), Failure> {
    step("tools", || {
        tools::install_missing(tools::INSTRUCTIONS).and_then(|()| install_runner())
    })?;
    step("count", || bench::inside("instructions"))?;
    let annotate = Line::new(
        "callgrind_annotate",
        &["--threshold=100", "--show=Ir", COUNTED],
    );
    let counted = annotate.output().as_deref().and_then(Counts::annotated);
    let counted = counted.ok_or_else(|| {
        Failure::new("the counts cannot be read").repeated_by(annotate.to_string())
    })?;
    let path = root().join(COMMITTED);
    let failed = |error| Failure::new(format!("{COMMITTED}: {error}"));
    if accept {
        fs::write(&path, counted.written()).map_err(failed)?;
        println!(
            "    {} instructions a hit: written to {COMMITTED}",
            counted.total / HITS
        );
        return Ok(());
    }
    let committed = Counts::read(&fs::read_to_string(&path).map_err(failed)?);
    step("compare", || counted.judge(&committed))
}

fn install_runner() -> Result<(), Failure> {
    let version = Line::new("gungraun-runner", &["--version"]).output();
    if version.is_some_and(|version| version.contains(RUNNER)) {
        return Ok(());
    }
    println!("    gungraun-runner {RUNNER} is missing; building it takes minutes");
    Line::new(
        "cargo",
        &[
            "install",
            "gungraun-runner",
            "--version",
            RUNNER,
            "--locked",
        ],
    )
    .run()
}

/// Instructions of [`HITS`] hits, by function.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    total: u64,
    functions: BTreeMap<String, u64>,
}

impl Counts {
    /// Parses the output of `callgrind_annotate`: `1,542,000 ( 8.70%)  file:function [object]`.
    fn annotated(text: &str) -> Option<Self> {
        let mut counts = Self::default();
        for line in text.lines() {
            let Some((number, rest)) = line.trim_start().split_once(" (") else {
                continue;
            };
            let Ok(number) = number.replace(',', "").parse::<u64>() else {
                continue;
            };
            let Some((_, place)) = rest.split_once("%)") else {
                continue;
            };
            match place.trim() {
                "PROGRAM TOTALS" => counts.total = number,
                place => *counts.functions.entry(function(place)).or_default() += number,
            }
        }
        counts
            .functions
            .retain(|_, count| *count >= counts.total / 1000);
        (counts.total > 0).then_some(counts)
    }

    fn written(&self) -> String {
        let mut sorted: Vec<_> = self.functions.iter().collect();
        sorted.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), name.as_str()));
        let mut text = format!(
            "# Instructions of {HITS} hits: `cargo xtask bench --instructions` compares, and with \
                --accept writes.\n\
             {} total\n",
            self.total
        );
        for (name, count) in sorted {
            let _ = writeln!(text, "{count} {name}");
        }
        text
    }

    fn read(text: &str) -> Self {
        let mut counts = Self::default();
        for (number, name) in text.lines().filter_map(|line| line.split_once(' ')) {
            match (number.parse(), name) {
                (Ok(number), "total") => counts.total = number,
                (Ok(number), name) => drop(counts.functions.insert(name.to_owned(), number)),
                (Err(_), _) => {}
            }
        }
        counts
    }

    fn judge(&self, committed: &Self) -> Result<(), Failure> {
        println!(
            "    {} instructions a hit, {} committed",
            self.total / HITS,
            committed.total / HITS
        );
        if self.total * 100 <= committed.total * (100 + SLACK) {
            return Ok(());
        }
        for (name, before, now) in self.grown(committed).into_iter().take(8) {
            println!("    {:>6} → {:>6}  {name}", before / HITS, now / HITS);
        }
        Err(Failure::new(format!(
            "a hit takes over {SLACK} % more instructions than were committed"
        ))
        .repeated_by("cargo xtask bench --instructions --accept, if that is intended"))
    }

    /// The functions that take at least one more for each hit, the most grown first.
    fn grown(&self, committed: &Self) -> Vec<(&str, u64, u64)> {
        let before = |name| committed.functions.get(name).copied().unwrap_or_default();
        let all = self
            .functions
            .iter()
            .map(|(name, now)| (name.as_str(), before(name), *now));
        let mut grown: Vec<_> = all
            .filter(|(_, before, now)| *now >= before + HITS)
            .collect();
        grown.sort_by_key(|(_, before, now)| std::cmp::Reverse(now - before));
        grown
    }
}

/// Strips the object, whose name has a hash, and the file, which only C code has. A function
/// without a name has an address, which every build changes.
fn function(place: &str) -> String {
    let name = place.split(" [").next().unwrap_or(place);
    let name = match name.strip_prefix("???:") {
        Some(name) => name,
        None => name.rsplit('/').next().unwrap_or(name),
    };
    if name.starts_with("0x") {
        "(without a name)".to_owned()
    } else {
        name.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNOTATED: &str = "\
Profiled target:  ./instructions (PID 1, part 1)
--------------------------------------------------------------------------------
Ir                  file:function
17,000,000 (100.0%)  PROGRAM TOTALS

 1,542,000 ( 9.07%)  ???:<a::B<C> as d::E>::parse [/t/instructions-1f]
   802,337 ( 4.72%)  ./string/../sysdeps/memmove.S:__memcpy_avx [/usr/lib/libc.so.6]
   400,000 ( 2.35%)  ???:0x00000000001be0c0 [/t/instructions-1f]
    67,000 ( 0.39%)  ???:0x00000000001be0d0 [/t/instructions-1f]
        12 ( 0.00%)  ???:rare [/t/instructions-1f]
";

    fn counts(total: u64, functions: &[(&str, u64)]) -> Counts {
        let functions = functions
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        Counts { total, functions }
    }

    #[test]
    fn output_of_callgrind_annotate_is_read() {
        let functions = [
            ("<a::B<C> as d::E>::parse", 1_542_000),
            ("memmove.S:__memcpy_avx", 802_337),
            ("(without a name)", 467_000),
        ];
        assert_eq!(
            Counts::annotated(ANNOTATED),
            Some(counts(17_000_000, &functions))
        );
        assert_eq!(Counts::annotated("no file"), None);
    }

    #[test]
    fn counts_round_trip() {
        let counted = counts(1_000_000, &[("a::<b c>", 600), ("d", 7000)]);
        assert_eq!(Counts::read(&counted.written()), counted);
    }

    #[test]
    fn growth_is_a_failure_and_names_functions() {
        let committed = counts(1_000_000, &[("a", 400_000), ("b", 300_000)]);
        for (total, fails) in [(900_000, false), (1_020_000, false), (1_020_001, true)] {
            assert_eq!(
                counts(total, &[]).judge(&committed).is_err(),
                fails,
                "{total}"
            );
        }
        let now = counts(
            1_100_000,
            &[("a", 390_000), ("b", 310_000), ("new", 100_000)],
        );
        assert_eq!(
            now.grown(&committed),
            [("new", 0, 100_000), ("b", 300_000, 310_000)]
        );
    }

    #[test]
    fn committed_counts_are_complete() {
        let committed = Counts::read(&fs::read_to_string(root().join(COMMITTED)).unwrap());
        assert!(
            committed.total / HITS > 1000 && committed.functions.len() > 20,
            "{committed:?}"
        );
    }
}
