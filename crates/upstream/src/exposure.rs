use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};

/// Head of a response. Its headers may hold secrets, so it does not print.
#[derive(Clone)]
pub struct Head {
    /// Version of HTTP.
    pub version: Version,
    /// Status, whichever it is.
    pub status: StatusCode,
    /// Headers as they came.
    pub headers: HeaderMap,
}

/// Shared view of an exchange, by which its response is kept as it came.
#[derive(Clone, Default)]
pub(crate) struct Exposure(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    head: Option<Head>,
    body: Option<Bytes>,
}

impl Exposure {
    /// Keeps the head of the response.
    pub(crate) fn note_head(&self, head: Head) {
        self.lock().head = Some(head);
    }

    /// Keeps the body of the response.
    pub(crate) fn note_body(&self, body: &Bytes) {
        self.lock().body = Some(body.clone());
    }

    /// Returns what has come so far.
    pub(crate) fn take(&self) -> (Option<Head>, Option<Bytes>) {
        let Seen { head, body } = std::mem::take(&mut *self.lock());
        (head, body)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
