//! The figures in rows and columns.

use crate::figures::{Figure, Outcome, Reach, Unit};
use crate::ledger::{Disturbance, Key, Ledger, Load, Metric, Tiers};
use crate::number::median;

/// Cells; the first row is the heading.
pub(crate) type Rows = Vec<Vec<String>>;

/// Figure, median, spread, reach, met or not.
pub(crate) fn figures<'a>(results: impl Iterator<Item = &'a (&'static Figure, Outcome)>) -> Rows {
    let mut rows = vec![words([
        "figure",
        "median",
        "least–most",
        "rounds",
        "reach",
        "met",
    ])];
    rows.extend(results.map(|(figure, outcome)| {
        let name = figure.name.to_owned();
        let reach = match figure.reach {
            Reach::AtMost(most) => format!("≤ {}", figure.unit.show(most)),
            Reach::AtLeast(least) => format!("≥ {}", figure.unit.show(least)),
            Reach::Open => String::new(),
        };
        let nothing = String::new;
        match outcome {
            Outcome::Measured {
                median,
                least,
                most,
                rounds,
                met,
            } => vec![
                name,
                figure.unit.show(*median),
                format!(
                    "{}–{}",
                    figure.unit.number(*least),
                    figure.unit.number(*most)
                ),
                rounds.to_string(),
                reach,
                match (figure.reach, met) {
                    (Reach::Open, _) => "",
                    (_, true) => "yes",
                    (_, false) => "NO",
                }
                .to_owned(),
            ],
            Outcome::Void(why) => vec![
                name,
                nothing(),
                nothing(),
                nothing(),
                reach,
                format!("void: {why}"),
            ],
            Outcome::NotMeasured => {
                vec![
                    name,
                    nothing(),
                    nothing(),
                    nothing(),
                    reach,
                    "not measured".to_owned(),
                ]
            }
        }
    }));
    rows
}

/// Medians of each subject under each load.
pub(crate) fn loads(ledger: &Ledger) -> Rows {
    let mut rows = vec![words([
        "load",
        "subject",
        "requests/s",
        "CPU µs",
        "p50 µs",
        "p99 µs",
    ])];
    for (load, subject) in ledger.driven() {
        let cell = |metric, decimals| {
            let rounds = ledger
                .rounds(Key(subject, load, metric))
                .unwrap_or_default();
            median(rounds).map_or_else(String::new, |value| format!("{value:.decimals$}"))
        };
        rows.push(vec![
            name(load),
            subject.name().to_owned(),
            cell(Metric::Rate, 0),
            cell(Metric::Cpu, 2),
            cell(Metric::Median, 0),
            cell(Metric::P99, 0),
        ]);
    }
    rows
}

fn name(load: Load) -> String {
    match load {
        Load::Hits(tokens) => format!("hits on {tokens}"),
        Load::Wide(tokens) => format!("hits on {tokens}, each request built anew"),
        Load::Paced => "hits on 100000, fixed rate".to_owned(),
        Load::Beside(disturbance) => beside(disturbance).to_owned(),
        Load::Neighbour(Disturbance::QuietBeforeFault) => "misses, 1000/s".to_owned(),
        Load::Neighbour(disturbance) => beside(disturbance).to_owned(),
        Load::ForwardAuth => "hits on 1000 at /forward-auth".to_owned(),
        Load::Tls => "hits on 1000 over TLS".to_owned(),
        Load::InHyper(tokens) => format!("hits on {tokens} in bare hyper with a cache"),
        Load::Grpc => "hits on 1 over gRPC".to_owned(),
        Load::Unsigned => "hits on 1000, as JSON".to_owned(),
        Load::Signed => "hits on 1000, signed by Ed25519".to_owned(),
        Load::Misses => "misses".to_owned(),
        Load::TierHits(Tiers::One) => "hits on 1000 in a process alone".to_owned(),
        Load::TierHits(Tiers::Two) => "hits on 1000 in a process of a fleet".to_owned(),
        Load::TierMisses(Tiers::One) => "misses of 3 processes".to_owned(),
        Load::TierMisses(Tiers::Two) => "misses of 3 processes of a fleet".to_owned(),
        Load::SlowMisses(Tiers::One) => "misses of 3 processes, provider 80 ms".to_owned(),
        Load::SlowMisses(Tiers::Two) => "misses of 3 of a fleet, provider 80 ms".to_owned(),
        Load::FullHits => "full cache: hits".to_owned(),
        Load::FullMixed => "full cache: 10 % new".to_owned(),
        Load::FullMisses => "full cache: new only".to_owned(),
        Load::Growth(_)
        | Load::FullGrowth
        | Load::Described
        | Load::HerdCalls
        | Load::HerdLast
        | Load::DownCached
        | Load::DownEnded
        | Load::DownUncached
        | Load::Cost(_)
        | Load::Scrape
        | Load::LongestScrape
        | Load::ReloadFailed
        | Load::OutageAsked
        | Load::OutageAskedUnbroken
        | Load::BreakerUncached
        | Load::BreakerStale
        | Load::Flooded
        | Load::FloodLines
        | Load::Idle
        | Load::IdleConnection
        | Load::Start
        | Load::Bound
        | Load::BoundAtLeast
        | Load::Get(_)
        | Load::Entry
        | Load::SecondTier
        | Load::RawGet
        | Load::SecondTierHttp
        | Load::SpreadMedian
        | Load::SpreadP99
        | Load::SpreadWhole
        | Load::Restarted
        | Load::RedisBytes
        | Load::FirstSight(_)
        | Load::BareVerification(_)
        | Load::JwtHit
        | Load::LongHit
        | Load::KeyFetches
        | Load::Signature => format!("{load:?}"),
    }
}

fn beside(disturbance: Disturbance) -> &'static str {
    match disturbance {
        Disturbance::Quiet => "hits on 100000 of 120000, 10000/s",
        Disturbance::Revocations => "the same, beside 64 revocations at once",
        Disturbance::Purges => "the same, beside 64 purges at once",
        Disturbance::QuietBeforeFlood => "hits on 100000, 10000/s, log in a pipe",
        Disturbance::FloodElsewhere => "the same, beside wrong secrets at bare hyper",
        Disturbance::Flood => "the same, beside wrong secrets",
        Disturbance::QuietBeforeFault => "hits on 10000, 10000/s",
        Disturbance::Hang => "the same, beside a provider that hangs",
        Disturbance::Drip => "the same, beside a provider that drips",
        Disturbance::Swell => "the same, beside a provider with 1 MiB answers",
        Disturbance::QuietBeforeScrape => "hits on 10000, 10000/s, 50 providers, 200 callers",
        Disturbance::Scrape => "the same, beside scrapes",
        Disturbance::QuietBeforeReload => "hits on 10000, 20000/s",
        Disturbance::Reload => "the same, beside reloads",
        Disturbance::QuietBeforeMadeUpKeys => "hits on 1000 JWTs, 5000/s",
        Disturbance::MadeUpKeys => "the same, beside made-up key ids",
    }
}

impl Unit {
    pub(crate) fn show(self, value: f64) -> String {
        let number = self.number(value);
        match self {
            Self::Times => format!("{number} ×"),
            Self::Bytes => format!("{number} B"),
            Self::Milliseconds => format!("{number} ms"),
            Self::Mebibytes => format!("{number} MiB"),
            Self::Kibibytes => format!("{number} KiB"),
            Self::Microseconds => format!("{number} µs"),
            Self::Nanoseconds => format!("{number} ns"),
            Self::PerSecond => format!("{number}/s"),
            Self::Calls | Self::Share => number,
        }
    }

    fn number(self, value: f64) -> String {
        match self {
            Self::Times | Self::Share => format!("{value:.2}"),
            Self::Milliseconds | Self::Mebibytes | Self::Kibibytes => format!("{value:.1}"),
            Self::Bytes
            | Self::Calls
            | Self::Microseconds
            | Self::Nanoseconds
            | Self::PerSecond => {
                format!("{value:.0}")
            }
        }
    }
}

/// Formats for a terminal: columns as wide as their widest cell.
pub(crate) fn plain(rows: &Rows) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}", width = *width))
            .collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Formats as Markdown.
pub(crate) fn markdown(rows: &Rows) -> String {
    let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        text += &line(row);
        if number == 0 {
            text += &line(&vec!["---".to_owned(); row.len()]);
        }
    }
    text
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::all;
    use crate::subject::Subject;

    fn cells(outcome: Outcome) -> Vec<String> {
        let figure = all().next().unwrap();
        figures([(figure, outcome)].iter()).remove(1)
    }

    #[test]
    fn figure_shows_its_median_between_its_extremes() {
        let measured = Outcome::Measured {
            median: 1.234,
            least: 1.1,
            most: 1.5,
            rounds: 5,
            met: false,
        };
        assert_eq!(
            cells(measured)[1..],
            ["1.23 ×", "1.10–1.50", "5", "≤ 1.10 ×", "NO"]
        );
        assert_eq!(
            cells(Outcome::Void("why".to_owned()))[4..],
            ["≤ 1.10 ×", "void: why"]
        );
    }

    #[test]
    fn columns_are_aligned() {
        let rows = vec![words(["a", "b"]), words(["long µ", "c"])];
        assert_eq!(plain(&rows), "a       b\nlong µ  c\n");
        assert_eq!(
            markdown(&rows),
            "| a | b |\n| --- | --- |\n| long µ | c |\n"
        );
    }

    #[test]
    fn void_load_is_not_shown() {
        let mut ledger = Ledger::default();
        for subject in [Subject::Floor, Subject::Lua] {
            ledger.add(Key(subject, Load::Hits(1), Metric::Rate), 9_000.0);
            ledger.add(Key(subject, Load::Hits(1), Metric::Median), 200.0);
            ledger.add(Key(subject, Load::Hits(1), Metric::Cpu), 6.0);
        }
        ledger.fault(Subject::Lua, Load::Hits(1), "void");
        let rows = loads(&ledger);
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[1],
            ["hits on 1", "bare hyper", "9000", "6.00", "200", ""]
        );
    }
}
