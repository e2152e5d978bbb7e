//! The figures as a picture: how much of its reach each one uses.

use std::fmt::Write;

use crate::figures::{Figure, Outcome, Reach};

const WIDTH: f64 = 860.0;
/// Left end of the bars, and length of one that uses its whole target.
const LEFT: f64 = 400.0;
const FULL: f64 = 260.0;
const ROW: f64 = 24.0;
const TOP: f64 = 44.0;

/// A bar for each figure that was measured and has a reach, to the line at which its reach ends;
/// thin lines show the spread.
pub(crate) fn svg(results: &[(&'static Figure, Outcome)]) -> String {
    let mut rows = String::new();
    let mut at = TOP;
    for (figure, outcome) in results {
        let Outcome::Measured {
            median,
            least,
            most,
            met,
            ..
        } = outcome
        else {
            continue;
        };
        if figure.reach == Reach::Open {
            continue;
        }
        let x =
            |value: f64| LEFT + FULL * figure.reach.used(value).unwrap_or_default().clamp(0.0, 1.6);
        let middle = at + ROW / 2.0;
        let colour = if *met { "#2a7f5f" } else { "#b5482f" };
        let name = escaped(figure.name);
        let value = figure.unit.show(*median);
        let _ = write!(
            rows,
            "<text x=\"{label}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>\n\
             <rect x=\"{LEFT}\" y=\"{bar}\" width=\"{length:.1}\" height=\"14\" \
             fill=\"{colour}\"/>\n\
             <line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle}\" y2=\"{middle}\" \
             stroke=\"#222\"/>\n\
             <text x=\"{end:.1}\" y=\"{middle}\">{value}</text>\n",
            label = LEFT - 8.0,
            bar = at + 5.0,
            length = x(*median) - LEFT,
            from = x(*least).min(x(*most)),
            to = x(*least).max(x(*most)),
            end = x(*median).max(x(*least)).max(x(*most)) + 6.0,
        );
        at += ROW;
    }
    let height = at + 16.0;
    let line = LEFT + FULL;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" dominant-baseline=\"middle\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{line}\" y=\"16\" text-anchor=\"middle\">reach</text>\n{rows}\
         <line x1=\"{line}\" x2=\"{line}\" y1=\"28\" y2=\"{at}\" stroke=\"#222\" \
         stroke-dasharray=\"4 3\"/>\n</svg>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures;

    #[test]
    fn bar_ends_at_the_line_of_a_used_up_target() {
        let figure = figures::all().next().unwrap();
        let outcome = Outcome::Measured {
            median: 1.1,
            least: 0.55,
            most: 9.0,
            rounds: 5,
            met: true,
        };
        let picture = svg(&[(figure, outcome), (figure, Outcome::NotMeasured)]);
        assert!(
            picture.contains("width=\"260.0\" height=\"14\" fill=\"#2a7f5f\""),
            "{picture}"
        );
        // What is far beyond stays in the picture.
        assert!(picture.contains("x1=\"530.0\" x2=\"816.0\""), "{picture}");
        assert_eq!(picture.matches("<rect x=").count(), 1);
    }

    #[test]
    fn subject_names_are_text() {
        assert_eq!(escaped("a < b & c"), "a &lt; b &amp; c");
    }
}
