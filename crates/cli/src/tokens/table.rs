use std::io::IsTerminal;
use std::iter::repeat_n;

use terminal_size::{Width, terminal_size_of};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::page::{End, Form, Page};
use super::record::Record;
use crate::Stopped;
use introspectd_core::text::one_line;

/// Table of the columns that fit. The first page settles their widths, since it is printed before
/// the next one is known.
pub(super) struct Table {
    /// Columns of the terminal; `None` if nothing needs to be cut.
    room: Option<usize>,
    now: i64,
    widths: Option<Vec<usize>>,
}

/// Columns, of which the last are left out first.
const COLUMNS: [&str; 7] = [
    "STATE", "PROVIDER", "ID", "EXPIRES", "CLIENT", "SUBJECT", "SCOPE",
];

/// Number of first columns that are neither cut nor left out: they identify a record.
const WHOLE: usize = 4;

/// Least width of a column that is cut.
const LEAST: usize = 8;

const GAP: usize = 2;

/// Assumed columns of a terminal that does not report them.
const DEFAULT_COLUMNS: usize = 80;

impl Table {
    pub(super) fn new(room: Option<usize>, now: i64) -> Self {
        Self {
            room,
            now,
            widths: None,
        }
    }

    fn row(&self, record: &Record) -> Vec<String> {
        let expires = match record.seconds("exp") {
            Some(exp) => relative(exp, self.now),
            None => record.text("exp"),
        };
        let [state, provider, id, client, subject, scope] =
            ["state", "provider", "jti", "client_id", "sub", "scope"]
                .map(|member| record.text(member));
        let cells = [state, provider, id, expires, client, subject, scope].into_iter();
        cells
            .map(|cell| {
                if cell.is_empty() {
                    "-".to_owned()
                } else {
                    one_line(&cell).into_owned()
                }
            })
            .collect()
    }
}

impl Form for Table {
    fn page(&mut self, page: &Page) -> Result<String, Stopped> {
        let records = page
            .tokens
            .iter()
            .map(|record| Ok(self.row(&Record::read(record)?)));
        let mut rows = records.collect::<Result<Vec<_>, Stopped>>()?;
        if rows.is_empty() {
            return Ok(String::new());
        }
        let widths = match self.widths.take() {
            Some(widths) => widths,
            None => {
                rows.insert(0, COLUMNS.map(str::to_owned).to_vec());
                fit(&natural(&rows), self.room)
            }
        };
        let text = rows.iter().map(|row| line(row, &widths)).collect();
        self.widths = Some(widths);
        Ok(text)
    }

    fn end(&mut self, end: &End) -> String {
        // If a provider failed, there may be tokens.
        if self.widths.is_none() && end.errors.is_empty() {
            "no tokens\n".to_owned()
        } else {
            String::new()
        }
    }
}

/// Returns the columns of the terminal on standard output.
pub(super) fn room() -> Option<usize> {
    let output = std::io::stdout();
    output.is_terminal().then(|| {
        terminal_size_of(&output).map_or(DEFAULT_COLUMNS, |(Width(columns), _)| columns.into())
    })
}

/// Returns the width of each column that shows all of it.
fn natural(rows: &[Vec<String>]) -> Vec<usize> {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.width())
            .max()
    };
    (0..COLUMNS.len())
        .map(|column| width(column).unwrap_or_default())
        .collect()
}

/// Cuts the widest columns; where that is not enough, leaves out the last ones.
fn fit(natural: &[usize], room: Option<usize>) -> Vec<usize> {
    let Some(room) = room else {
        return natural.to_vec();
    };
    let first = |count: usize| natural.iter().copied().take(count).collect::<Vec<_>>();
    let fitting = (WHOLE..=COLUMNS.len())
        .rev()
        .find_map(|shown| shrunk(&first(shown), room));
    // Else the terminal breaks its lines.
    fitting.unwrap_or_else(|| first(WHOLE))
}

/// Cuts the columns to the greatest width with which all fit.
fn shrunk(natural: &[usize], room: usize) -> Option<Vec<usize>> {
    let cut = |limit: usize| {
        let widths = natural.iter().enumerate();
        widths
            .map(|(column, width)| {
                if column < WHOLE {
                    *width
                } else {
                    limit.min(*width)
                }
            })
            .collect()
    };
    let fits =
        |widths: &Vec<usize>| widths.iter().map(|width| width + GAP).sum::<usize>() <= room + GAP;
    (LEAST..=room.max(LEAST)).rev().map(cut).find(fits)
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        let cell = if column < WHOLE {
            cell.clone()
        } else {
            cut(cell, *width)
        };
        let padding = width.saturating_sub(cell.width()) + GAP;
        line.push_str(&cell);
        line.extend(repeat_n(' ', padding));
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// Cuts text to the room, with an ellipsis in place of the rest.
fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or_default();
        taken < room
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// Formats a time relative to now, in its largest unit that is not zero.
fn relative(time: i64, now: i64) -> String {
    let seconds = time.abs_diff(now);
    let amount = match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    };
    if time > now {
        format!("in {amount}")
    } else {
        format!("{amount} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(records: &[serde_json::Value]) -> Page {
        serde_json::from_value(serde_json::json!({ "tokens": records })).unwrap()
    }

    fn record(id: &str, client: &str, scope: &str) -> serde_json::Value {
        serde_json::json!({
            "state": "active", "provider": "bank", "jti": id, "exp": 7200,
            "client_id": client, "scope": scope,
        })
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(None, 0);
        let text = table
            .page(&page(&[
                record("1", "orders", "a b"),
                record("22", "日本", ""),
            ]))
            .unwrap();
        let expected = "\
STATE   PROVIDER  ID  EXPIRES  CLIENT  SUBJECT  SCOPE
active  bank      1   in 2h    orders  -        a b
active  bank      22  in 2h    日本    -        -
";
        assert_eq!(text, expected);
        // Of the same widths, without a header, and an id is whole whatever the widths are.
        let next = table.page(&page(&[record("333", "o", "s")])).unwrap();
        assert_eq!(next, "active  bank      333  in 2h    o       -        s\n");
    }

    #[test]
    fn wide_columns_are_cut_and_then_left_out() {
        let records = [record(
            "0123456789",
            "a-client-of-some-length",
            "one two three four five six seven",
        )];
        let whole = "a-client-of-some-length  -        one two three four five six seven";
        for (room, expected) in [
            (200, whole),
            (80, "a-client-of-so…  -        one two three …"),
            (66, "a-clien…  -        one two…"),
            (65, "a-client-of-some…  -"),
            (56, "a-clien…  -"),
            (55, "a-client-of-som…"),
            (47, "a-clien…"),
            (46, ""),
            (1, ""),
        ] {
            let text = Table::new(Some(room), 0).page(&page(&records)).unwrap();
            let row = text.lines().nth(1).unwrap();
            assert_eq!(
                row,
                format!("active  bank      0123456789  in 2h    {expected}").trim_end(),
                "{room}"
            );
            assert!(
                text.lines().all(|line| line.width() <= room.max(37)),
                "{room}: {text}"
            );
        }
    }

    #[test]
    fn a_text_is_cut_between_its_letters() {
        assert_eq!(cut("orders", 6), "orders");
        assert_eq!(cut("orders!", 6), "order…");
        assert_eq!(cut("日本語日本", 6), "日本…");
    }

    #[test]
    fn times_are_seen_from_now() {
        let times = [
            (100, "1m ago"),
            (160, "0s ago"),
            (161, "in 1s"),
            (i64::MIN, "106751991167300d ago"),
        ];
        for (time, expected) in times {
            assert_eq!(relative(time, 160), expected);
        }
        assert_eq!(
            (relative(7199, 0), relative(200_000, 0)),
            ("in 1h".to_owned(), "in 2d".to_owned())
        );
    }

    #[test]
    fn no_cell_speaks_to_the_terminal() {
        let text = Table::new(None, 0)
            .page(&page(&[record("a\u{1b}[2J\nb", "c\u{202e}", "s")]))
            .unwrap();
        assert!(
            text.contains(r"a\u001b[2J\u000ab") && text.contains(r"c\u202e"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn an_empty_list_is_said_unless_a_provider_failed() {
        let mut table = Table::new(None, 0);
        assert_eq!(table.page(&Page::default()).unwrap(), "");
        assert_eq!(table.end(&End::default()), "no tokens\n");
        let failed = r#"{"errors":[{"provider":"bank","error":"unavailable"}]}"#;
        assert_eq!(table.end(&serde_json::from_str(failed).unwrap()), "");
    }
}
