use super::page::{End, Form, Page};
use super::record::Record;
use crate::Stopped;
use introspectd_core::text::one_line;

/// CSV for spreadsheets and scripts: always the same columns, times in UTC.
pub(super) struct Csv {
    at_terminal: bool,
    has_header: bool,
}

const COLUMNS: [&str; 16] = [
    "provider",
    "state",
    "jti",
    "client_id",
    "username",
    "sub",
    "scope",
    "roles",
    "grant_type",
    "iat",
    "nbf",
    "exp",
    "iss",
    "aud",
    "token_type",
    "details",
];

impl Csv {
    pub(super) fn new(at_terminal: bool) -> Self {
        Self {
            at_terminal,
            has_header: false,
        }
    }

    fn cell(&self, record: &Record, column: &str) -> String {
        let text = match column {
            "iat" | "nbf" | "exp" => record.time(column),
            _ => record.text(column),
        };
        let text = as_text(text);
        if self.at_terminal {
            one_line(&text).into_owned()
        } else {
            text
        }
    }
}

impl Form for Csv {
    fn page(&mut self, page: &Page) -> Result<String, Stopped> {
        let mut rows = csv::Writer::from_writer(Vec::new());
        if !self.has_header {
            rows.write_record(COLUMNS).map_err(unwritten)?;
            self.has_header = true;
        }
        for record in &page.tokens {
            let record = Record::read(record)?;
            rows.write_record(COLUMNS.map(|column| self.cell(&record, column)))
                .map_err(unwritten)?;
        }
        let rows = rows.into_inner().map_err(unwritten)?;
        Ok(String::from_utf8_lossy(&rows).into_owned())
    }

    fn end(&mut self, _: &End) -> String {
        String::new()
    }
}

/// Quotes a cell that a spreadsheet would run as a formula, which may fetch from or send to
/// anywhere; some of them read wide letters as plain ones. Names of clients and users must not
/// become formulas.
fn as_text(cell: String) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{cell}")
        }
        _ => cell,
    }
}

fn unwritten(error: impl std::fmt::Display) -> Stopped {
    Stopped::usage(format!("cannot be written as CSV: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(at_terminal: bool, page: &str) -> String {
        let page = serde_json::from_str(page).unwrap();
        Csv::new(at_terminal).page(&page).unwrap()
    }

    #[test]
    fn a_cell_is_never_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "＝1"] {
            assert_eq!(as_text(cell.to_owned()), format!("'{cell}"));
        }
        for cell in ["", "a=1", "1", " =1", "'=1", "é"] {
            assert_eq!(as_text(cell.to_owned()), cell);
        }
    }

    #[test]
    fn rows_are_read_as_they_were_meant() {
        let page = r#"{"tokens":[{"provider":"b","jti":"a,\"b\"\nc","client_id":"=x","exp":0,"details":{"k":"v"}},{}]}"#;
        let text = written(false, page);
        assert!(text.starts_with("provider,state,jti,client_id,"), "{text}");
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        let cells = [0, 2, 3, 11, 15].map(|column| &rows[0][column]);
        assert_eq!(
            cells,
            [
                "b",
                "a,\"b\"\nc",
                "'=x",
                "1970-01-01T00:00:00Z",
                r#"{"k":"v"}"#
            ]
        );
    }

    #[test]
    fn a_terminal_is_shown_what_it_would_obey() {
        let page = r#"{"tokens":[{"jti":"a\u001b[2J\nb"}]}"#;
        assert!(written(false, page).contains("a\u{1b}[2J\nb"));
        assert!(written(true, page).contains(r"a\u001b[2J\u000ab"));
    }

    #[test]
    fn the_header_comes_once_and_without_a_record_too() {
        let (mut csv, page) = (Csv::new(false), Page::default());
        assert_eq!(csv.page(&page).unwrap().lines().count(), 1);
        assert_eq!(csv.page(&page).unwrap(), "");
    }
}
