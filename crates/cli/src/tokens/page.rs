use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Stopped;

/// Response of `GET /v1/tokens`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Page {
    /// Records, unchanged from the server.
    pub(super) tokens: Vec<Box<RawValue>>,
    #[serde(flatten)]
    pub(super) end: End,
}

/// Members of a page beside the records.
#[derive(Debug, Default, Deserialize, Serialize, PartialEq)]
pub(super) struct End {
    /// Token of the next page, which retries providers that failed.
    #[serde(rename = "next_page_token", skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// Token in its place, if only providers that failed are left.
    #[serde(rename = "retry_page_token", skip_serializing_if = "Option::is_none")]
    pub(super) retry: Option<String>,
    /// Providers whose records are missing.
    #[serde(default)]
    pub(super) errors: Vec<Failed>,
    /// Providers that cannot list, or not with these filters.
    #[serde(default)]
    pub(super) unlisted: Vec<String>,
}

/// Provider whose records are missing, with the reason.
#[derive(Debug, Clone, Deserialize, Serialize, PartialEq)]
pub(super) struct Failed {
    pub(super) provider: String,
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "the records of {} are missing: {}",
            self.provider, self.error
        )?;
        match &self.error_description {
            Some(description) => write!(to, ": {description}"),
            None => Ok(()),
        }
    }
}

/// Output format of consecutive pages.
pub(super) trait Form {
    /// Formats a page.
    ///
    /// # Errors
    /// A record that is not an object.
    fn page(&mut self, page: &Page) -> Result<String, Stopped>;

    /// Formats the end of the list. Not called if a failure of the server cut the list off, so that
    /// it does not look complete.
    fn end(&mut self, end: &End) -> String;
}
