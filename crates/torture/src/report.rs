//! Report of a run, as Markdown.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::Options;
use crate::act::Stage;
use crate::machine;
use crate::oracle::finding::Rule;
use crate::oracle::tally::{Counts, Delays};

/// Result of a run.
pub struct Report {
    seed: u64,
    rate: u32,
    time: Duration,
    without: Vec<String>,
    machine: Vec<(&'static str, String)>,
    /// Time that threads waited for a processor, in sum.
    waited: Duration,
    requests: u64,
    counts: Counts,
}

impl Report {
    pub(crate) fn new(options: &Options, stage: &Stage, time: Duration) -> Self {
        let mut without: Vec<String> = options.without.iter().cloned().collect();
        if options.fleet.is_some() {
            let left_out = [
                "reload",
                "clock",
                "disk",
                "crowd",
                "files that are replaced",
            ];
            without.extend(left_out.map(|act| format!("{act} (one process only)")));
        } else if !stage.subject.has_clock() {
            without.push("clock (libfaketime is not installed)".to_owned());
        }
        if options.fleet.is_none() && !stage.subject.disk.is_mounted() {
            without.push("disk (this user may not mount a file system)".to_owned());
        }
        Self {
            seed: options.seed,
            rate: options.rate,
            time,
            without,
            machine: machine::describe(&options.binary),
            waited: stage.oracle.waits.total(),
            requests: stage.oracle.tally.requests(),
            counts: stage.oracle.tally.counts(),
        }
    }

    /// Number of answers that the oracle judged.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Number of broken rules.
    pub fn findings(&self) -> u64 {
        self.counts.findings.values().sum()
    }

    /// Number of times that this rule was broken, by its title, such as `wrong active`.
    pub fn broken(&self, title: &str) -> u64 {
        let findings = self.counts.findings.iter();
        findings
            .filter(|(rule, _)| rule.title() == title)
            .map(|(_, times)| times)
            .sum()
    }

    /// Number of answers of this kind, such as `active` or `503`.
    pub fn answers(&self, word: &str) -> u64 {
        self.counts.answers.get(word).copied().unwrap_or_default()
    }

    /// Number of purges whose way to another replica was seen.
    pub fn spreads(&self) -> u64 {
        self.counts.heard.count() + self.counts.unheard.count()
    }

    /// Number of times that this was done, such as `token issued`.
    pub fn events(&self, what: &str) -> u64 {
        self.counts.events.get(what).copied().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.summary(&mut text)?;
        self.rules(&mut text)?;
        self.sharing(&mut text)?;
        self.answers_and_delays(&mut text)?;
        self.acts(&mut text)?;
        to.write_str(text.trim_end())
    }
}

impl Report {
    fn summary(&self, to: &mut String) -> fmt::Result {
        let Self {
            seed,
            rate,
            time,
            waited,
            requests,
            counts,
            ..
        } = self;
        let verdict = match self.findings() {
            0 => "No rule was broken.".to_owned(),
            findings => format!("**{findings} findings.**"),
        };
        writeln!(
            to,
            "{verdict} {requests} answers were judged in {:.0} s, at {rate} requests a second, \
                with the seed {seed}. The process took {} MiB of memory at most. Threads of the \
                process, of its providers and of its clients waited {:.0} s for a processor, in \
                sum.\n",
            time.as_secs_f64(),
            counts.memory >> 20,
            waited.as_secs_f64()
        )?;
        for (what, is) in &self.machine {
            writeln!(to, "- {what}: {is}")?;
        }
        writeln!(to)?;
        if self.without.is_empty() {
            return Ok(());
        }
        writeln!(to, "Not tried: {}.\n", self.without.join(", "))
    }

    fn rules(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "| broken rule | times |\n|---|---:|")?;
        for rule in Rule::ALL {
            let times = self.counts.findings.get(&rule).copied();
            writeln!(to, "| {} | {} |", rule.title(), times.unwrap_or_default())?;
        }
        writeln!(to)?;
        for finding in &self.counts.stories {
            writeln!(to, "- {finding}")?;
        }
        if !self.counts.stories.is_empty() {
            writeln!(to)?;
        }
        Ok(())
    }

    fn sharing(&self, to: &mut String) -> fmt::Result {
        let Counts {
            heard,
            unheard,
            well,
            ..
        } = &self.counts;
        if heard.count() + unheard.count() == 0 {
            return Ok(());
        }
        writeln!(
            to,
            "| delay in the fleet | times | median ms | 99 % ms | greatest ms |\n\
                |---|---:|---:|---:|---:|"
        )?;
        for (what, delays) in [
            (
                "from a purge to the refusal elsewhere, while both heard",
                heard,
            ),
            ("the same, with a fault of Redis or of a way to it", unheard),
            ("answers about tokens whose provider is well", well),
        ] {
            row(to, what, delays.count(), delays)?;
        }
        writeln!(to)
    }

    fn answers_and_delays(&self, to: &mut String) -> fmt::Result {
        writeln!(
            to,
            "| answer | times | median ms | 99 % ms | greatest ms |\n|---|---:|---:|---:|---:|"
        )?;
        for (word, times) in &self.counts.answers {
            let delays = self.counts.delays.get(word).cloned().unwrap_or_default();
            row(to, word, *times, &delays)?;
        }
        writeln!(to, "\n| way | requests |\n|---|---:|")?;
        for (way, times) in &self.counts.ways {
            writeln!(to, "| {way} | {times} |")?;
        }
        writeln!(to)
    }

    fn acts(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "| what was done | times |\n|---|---:|")?;
        for (what, times) in &self.counts.events {
            writeln!(to, "| {what} | {times} |")?;
        }
        Ok(())
    }
}

fn row(to: &mut String, what: &str, times: u64, delays: &Delays) -> fmt::Result {
    writeln!(
        to,
        "| {what} | {times} | {} | {} | {} |",
        millis(delays.percentile(0.5)),
        millis(delays.percentile(0.99)),
        millis(delays.greatest())
    )
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

/// Prints a line of progress.
#[allow(
    clippy::print_stderr,
    reason = "progress of a program for the terminal"
)]
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}
