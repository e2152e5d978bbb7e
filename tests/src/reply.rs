use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// A gateway's answer, whole.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// The only header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().expect("a header of visible ASCII");
        assert!(values.next().is_none(), "{name} stands twice in {self:?}");
        Some(value)
    }

    /// Value of `X-Cache`.
    pub fn cache(&self) -> Option<&str> {
        self.header("x-cache")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Everything that was answered, as one text to search in.
    pub fn everything(&self) -> String {
        format!(
            "{} {:?} {}",
            self.status,
            self.headers,
            String::from_utf8_lossy(&self.body)
        )
    }

    /// Exactly this answer about an active token, from there.
    #[track_caller]
    pub fn assert_active(&self, expected: &Value, cache: &str) {
        self.assert_answer(200);
        assert_eq!(&self.json(), expected);
        assert_eq!(self.cache(), Some(cache));
        assert_eq!(self.header("retry-after"), None);
    }

    /// Exactly `{"active":false}`, byte for byte.
    #[track_caller]
    pub fn assert_inactive(&self) {
        self.assert_answer(200);
        assert_eq!(self.body, br#"{"active":false}"#.as_slice());
        assert!(self.cache().is_some(), "{self:?}");
        assert_eq!(self.header("retry-after"), None);
    }

    /// Exactly this error (RFC 6749 section 5.2), which nothing may have cached.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, error: &str, retry_after: Option<&str>) {
        self.assert_answer(status);
        let body = self.json();
        assert_eq!(body["error"], error, "{self:?}");
        assert!(
            body["error_description"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{self:?}"
        );
        assert_eq!(
            body.as_object().map(serde_json::Map::len),
            Some(2),
            "{self:?}"
        );
        assert_eq!(self.header("retry-after"), retry_after, "{self:?}");
        assert_eq!(self.cache(), None, "{self:?}");
    }

    #[track_caller]
    fn assert_answer(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
    }
}
