//! Requests as they arrived.

/// One request as it was on the wire. Nothing in it is decoded or normalised.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: String,
    /// The raw request target with its query (`:path` in HTTP/2). A fragment is never part of it.
    pub target: String,
    /// Header names in lower case, and values, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub version: http::Version,
}

impl Recorded {
    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(present, _)| present.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The raw path: the target without its query.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The body read as `application/x-www-form-urlencoded`, in order, repeated names included.
    pub fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The decoded query, in order.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }
}
