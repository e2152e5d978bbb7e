use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// Claims of a token that policies and identity headers need, in the body of its answer. An unknown
/// one is empty.
///
/// They are found by one scan of the body that is kept for `/introspect`, and decoded when they are
/// read: a copy of their own would cost every cache more memory, and a parse every decision more
/// time.
#[derive(Clone, Copy)]
pub struct Claims<'a> {
    body: &'a [u8],
    at: Positions,
}

/// Positions of the claims' values in a body, quotes included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Positions {
    sub: Span,
    client_id: Span,
    username: Span,
    scope: Span,
    roles: Span,
    aud: Span,
    provider: Span,
    jti: Span,
    exp: Span,
}

/// Range of bytes. An empty one is an absent value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    begin: u32,
    end: u32,
}

/// Names of the claims.
const NAMES: [&str; 9] = [
    "sub",
    "client_id",
    "username",
    "scope",
    "roles",
    "aud",
    "provider",
    "jti",
    "exp",
];

/// Returns true if a member of this name is a claim.
pub(super) fn is_claim(name: &str) -> bool {
    NAMES.contains(&name)
}

impl<'a> Claims<'a> {
    pub(super) fn new(body: &'a [u8], at: Positions) -> Self {
        Self { body, at }
    }

    /// Returns the subject.
    #[inline]
    pub fn sub(&self) -> Cow<'a, str> {
        self.text(self.at.sub)
    }

    /// Returns the client.
    #[inline]
    pub fn client_id(&self) -> Cow<'a, str> {
        self.text(self.at.client_id)
    }

    /// Returns the user name.
    #[inline]
    pub fn username(&self) -> Cow<'a, str> {
        self.text(self.at.username)
    }

    /// Returns the scopes, separated by single spaces.
    #[inline]
    pub fn scope(&self) -> Cow<'a, str> {
        self.text(self.at.scope)
    }

    /// Returns the name of the provider.
    #[inline]
    pub fn provider(&self) -> Cow<'a, str> {
        self.text(self.at.provider)
    }

    /// Returns the token's id.
    #[inline]
    pub fn jti(&self) -> Cow<'a, str> {
        self.text(self.at.jti)
    }

    /// Returns the expiry in seconds since 1970, as digits.
    #[inline]
    pub fn exp(&self) -> &'a str {
        std::str::from_utf8(self.at.exp.of(self.body)).unwrap_or_default()
    }

    /// Returns the roles, in the order of the provider.
    #[inline]
    pub fn roles(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        texts(self.at.roles.of(self.body))
    }

    /// Returns the audiences (RFC 7662 `aud`: one string is a list of one).
    #[inline]
    pub fn aud(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        texts(self.at.aud.of(self.body))
    }

    #[inline]
    fn text(&self, at: Span) -> Cow<'a, str> {
        decode(at.of(self.body))
    }
}

impl Positions {
    /// Finds the claims in a body without white space. With `ends_at_roles`, no member after
    /// `roles` is a claim, and the scan ends there.
    ///
    /// `None` if the body is not an object, or a claim occurs twice or has a wrong type.
    pub(super) fn find(body: &[u8], ends_at_roles: bool) -> Option<Self> {
        let mut found = Self::default();
        let mut at = 1;
        match body {
            b"{}" => return Some(found),
            [b'{', ..] => {}
            _ => return None,
        }
        loop {
            let name_end = string_end(body, at)?;
            let name = body.get(at.checked_add(1)?..name_end.checked_sub(1)?)?;
            if ends_at_roles && !found.provider.is_empty() && name != b"roles" {
                return Some(found);
            }
            let begin = name_end
                .checked_add(1)
                .filter(|_| body.get(name_end) == Some(&b':'))?;
            let end = value_end(body, begin)?;
            found.note(name, body, Span::new(begin, end)?)?;
            at = end.checked_add(1)?;
            match body.get(end)? {
                b',' => {}
                b'}' if at == body.len() => return Some(found),
                _ => return None,
            }
        }
    }

    /// Notes a member. `None` for a claim that occurs twice or has a wrong type.
    fn note(&mut self, name: &[u8], body: &[u8], value: Span) -> Option<()> {
        let (slot, kind) = match name {
            b"sub" => (&mut self.sub, Kind::Text),
            b"client_id" => (&mut self.client_id, Kind::Text),
            b"username" => (&mut self.username, Kind::Text),
            b"scope" => (&mut self.scope, Kind::Text),
            b"roles" => (&mut self.roles, Kind::List),
            b"aud" => (&mut self.aud, Kind::TextOrList),
            b"provider" => (&mut self.provider, Kind::Text),
            b"jti" => (&mut self.jti, Kind::Text),
            b"exp" => (&mut self.exp, Kind::Seconds),
            _ => return Some(()),
        };
        if *slot != Span::default() {
            return None;
        }
        let without_meaning = Span {
            begin: value.begin,
            end: value.begin,
        };
        *slot = match (kind, kind.fits(value.of(body))) {
            (_, true) => value,
            // A member of the server's own, without meaning here.
            (Kind::List | Kind::TextOrList, false) => without_meaning,
            (Kind::Seconds, false) if value.of(body) == b"null" => without_meaning,
            (Kind::Text | Kind::Seconds, false) => return None,
        };
        Some(())
    }
}

/// Type of a claim's value.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    List,
    TextOrList,
    Seconds,
}

impl Kind {
    fn fits(self, json: &[u8]) -> bool {
        let is_text = json.first() == Some(&b'"');
        match self {
            Self::Text => is_text,
            Self::List => is_list_of_texts(json),
            Self::TextOrList => is_text || is_list_of_texts(json),
            Self::Seconds => {
                let digits = std::str::from_utf8(json).unwrap_or_default();
                digits != "-0" && digits.parse::<i64>().is_ok()
            }
        }
    }
}

impl Span {
    fn new(begin: usize, end: usize) -> Option<Self> {
        Some(Self {
            begin: u32::try_from(begin).ok()?,
            end: u32::try_from(end).ok()?,
        })
    }

    /// Returns true for an absent value. A present one has at least one byte.
    #[inline]
    fn is_empty(self) -> bool {
        self.begin == self.end
    }

    #[inline]
    fn of(self, body: &[u8]) -> &[u8] {
        let range =
            usize::try_from(self.begin).unwrap_or(0)..usize::try_from(self.end).unwrap_or(0);
        body.get(range).unwrap_or_default()
    }
}

/// Returns the end of the string whose opening quote is at `begin`.
#[inline]
fn string_end(body: &[u8], begin: usize) -> Option<usize> {
    let mut at = begin
        .checked_add(1)
        .filter(|_| body.get(begin) == Some(&b'"'))?;
    loop {
        at = at.checked_add(memchr2(b'"', b'\\', body.get(at..)?)?)?;
        if body.get(at) == Some(&b'"') {
            return at.checked_add(1);
        }
        at = at.checked_add(2)?;
    }
}

/// Returns the end of the value that begins at `begin`.
fn value_end(body: &[u8], begin: usize) -> Option<usize> {
    let (mut at, mut depth) = (begin, 0_usize);
    loop {
        match body.get(at)? {
            b'"' => at = string_end(body, at)?,
            b'[' | b'{' => {
                depth = depth.checked_add(1)?;
                at = at.checked_add(1)?;
                continue;
            }
            b']' | b'}' if depth > 0 => {
                depth = depth.checked_sub(1)?;
                at = at.checked_add(1)?;
            }
            b',' if depth > 0 => at = at.checked_add(1)?,
            b',' | b'}' if at > begin => return Some(at),
            b',' | b'}' | b']' => return None,
            _ => {
                at = at.checked_add(1)?;
                continue;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Returns true for an array whose elements are all strings.
fn is_list_of_texts(json: &[u8]) -> bool {
    let mut at = 1;
    if json == b"[]" {
        return true;
    }
    if json.first() != Some(&b'[') {
        return false;
    }
    while let Some(end) = string_end(json, at) {
        match json.get(end) {
            Some(b',') => at = end.saturating_add(1),
            _ => return end.saturating_add(1) == json.len(),
        }
    }
    false
}

/// Lists the strings of an array, or the only string.
#[inline]
fn texts(json: &[u8]) -> impl Iterator<Item = Cow<'_, str>> {
    let mut at = usize::from(json.first() == Some(&b'['));
    std::iter::from_fn(move || {
        let end = string_end(json, at)?;
        let text = json.get(at..end)?;
        at = end.checked_add(1)?;
        Some(decode(text))
    })
}

/// Decodes a string with its quotes; an absent one is empty.
#[inline]
fn decode(json: &[u8]) -> Cow<'_, str> {
    let text = json
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .unwrap_or_default();
    if memchr(b'\\', text).is_none() {
        return std::str::from_utf8(text)
            .map(Cow::Borrowed)
            .unwrap_or_default();
    }
    serde_json::from_slice::<String>(json)
        .map(Cow::Owned)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
