use http::StatusCode;

/// Row of the table: status, description in both languages, and challenges.
pub(super) struct Row {
    pub(super) status: StatusCode,
    pub(super) text: Text,
    pub(super) challenges: &'static [&'static str],
}

/// Text in English and in Spanish.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) english: &'static str,
    pub(super) spanish: &'static str,
}

pub(super) const fn row(status: StatusCode, english: &'static str, spanish: &'static str) -> Row {
    Row {
        status,
        text: text(english, spanish),
        challenges: &[],
    }
}

impl Row {
    pub(super) const fn challenged(self, challenges: &'static [&'static str]) -> Self {
        Self { challenges, ..self }
    }
}

pub(super) const fn text(english: &'static str, spanish: &'static str) -> Text {
    Text { english, spanish }
}
