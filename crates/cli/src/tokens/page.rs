use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Stopped;

/// One answer of `GET /v1/tokens`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Page {
    /// As they came: what is printed as JSON is what the server said.
    pub(super) tokens: Vec<Box<RawValue>>,
    #[serde(flatten)]
    pub(super) end: End,
}

/// What stands beside the records.
#[derive(Debug, Default, Deserialize, Serialize, PartialEq)]
pub(super) struct End {
    /// Where the next page begins. A provider that failed is asked again there.
    #[serde(rename = "next_page_token", skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// In its place where only providers that failed are left.
    #[serde(rename = "retry_page_token", skip_serializing_if = "Option::is_none")]
    pub(super) retry: Option<String>,
    /// Providers whose records are missing.
    #[serde(default)]
    pub(super) errors: Vec<Failed>,
    /// Providers that cannot list, or not with these filters.
    #[serde(default)]
    pub(super) unlisted: Vec<String>,
}

/// A provider, and why its records are missing.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq)]
pub(super) struct Failed {
    pub(super) provider: String,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "the records of {} are missing: {}", self.provider, self.error)?;
        match &self.error_description {
            Some(description) => write!(to, ": {description}"),
            None => Ok(()),
        }
    }
}

/// How pages are written, one after the other.
pub(super) trait Form {
    /// # Errors
    /// A record that is none.
    fn page(&mut self, page: &Page) -> Result<String, Stopped>;

    /// What follows the last page. Not asked for where a failure of the server cut the list off, so that what is cut off
    /// does not look whole.
    fn end(&mut self, end: &End) -> String;
}
