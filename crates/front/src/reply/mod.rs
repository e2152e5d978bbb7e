use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use introspectd_core::{Audience, Json, Members, NotBearer, ProviderName, State, Timestamp, Token};
use introspectd_resolver::{Keep, Source};
use memchr::memmem;
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::decision::Claims;

/// Whether and how the cache served.
pub(crate) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// An answer.
pub type Reply = Response<Content>;

/// Body of an answer, which never waits for anything.
#[derive(Debug, Default)]
pub struct Content(Bytes);

/// Bytes of one frame of a [`Content`]: a longer one is handed on as its client takes it, and not copied
/// whole into the buffer of its connection.
const FRAME: usize = 16 * 1024;

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.0.len() {
            0 => return Poll::Ready(None),
            1..=FRAME => std::mem::take(&mut self.0),
            _ => self.0.split_to(FRAME),
        };
        Poll::Ready(Some(Ok(Frame::data(next))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

/// The body of an active token's answer, written once, when its provider has answered, and whether it authorizes a
/// bearer: all that is kept of the token's record beside what decides whether it is active.
#[derive(Clone)]
pub struct Rendered {
    body: Box<[u8]>,
    not_bearer: Option<NotBearer>,
    /// Whether the body ends in [`COUNTDOWN`], in which what is left of the token's life has to be filled in.
    counts_down: bool,
}

/// Last member of a body whose server says what is left. The zero is valid JSON and no answer.
const COUNTDOWN: &[u8] = br#","expires_in":0}"#;

impl Rendered {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body of an answer at `now`.
    pub(crate) fn answer(&self, now: Timestamp) -> Box<[u8]> {
        if self.counts_down { self.counted_down(now) } else { self.body.clone() }
    }

    /// Members of an answer at `now`.
    pub(crate) fn members(&self, now: Timestamp) -> Option<Members> {
        let body = self.answer(now);
        Members::read_written(serde_json::from_slice(&body).ok()?)
    }

    /// A relative `expires_in` is of the moment of the answer, hit or miss.
    fn counted_down(&self, now: Timestamp) -> Box<[u8]> {
        let left = self.end().map_or(0, |end| end.saturating_sub(now.seconds()).max(0));
        let fixed = self.body.strip_suffix(b"0}").unwrap_or(&self.body);
        [fixed, left.to_string().as_bytes(), b"}"].concat().into()
    }

    /// `exp` as it stands in the body. Its name with quotes cannot stand inside of a string, where they are escaped; and
    /// what a server may have nested stands behind it.
    fn end(&self) -> Option<i64> {
        const EXP: &[u8] = br#","exp":"#;
        let begin = memmem::find(&self.body, EXP)?.checked_add(EXP.len())?;
        let digits = self.body.get(begin..)?.split(|byte| matches!(byte, b',' | b'}')).next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Reason why the token authorizes no bearer, although it is active.
    pub(crate) fn not_bearer(&self) -> Option<NotBearer> {
        self.not_bearer
    }
}

impl Keep for Rendered {
    fn keep(provider: &ProviderName, token: Token) -> Self {
        let not_bearer = token.not_bearer();
        let body = body(&Record { provider, token: &token, state: None });
        Self { counts_down: body.ends_with(COUNTDOWN), body, not_bearer }
    }

    fn jti(&self) -> Option<Cow<'_, str>> {
        Claims::read(&self.body).map(|claims| claims.jti).filter(|jti| !jti.is_empty())
    }

    fn size(&self) -> usize {
        self.body.len()
    }
}

/// An RFC 7662 answer. Without an active token it is `{"active":false}`, whatever the reason: who may
/// not know more learns nothing from the difference.
///
/// Its headers are written into `room`, the map of the request's, so that a hit allocates none.
pub(crate) fn introspection(
    room: HeaderMap,
    active: Option<&Rendered>,
    source: Source,
    now: Timestamp,
) -> Reply {
    let inactive = || Bytes::from_static(br#"{"active":false}"#);
    let body = active.map_or_else(inactive, |rendered| rendered.answer(now).into());
    let mut headers = room;
    headers.clear();
    headers.insert(X_CACHE, how(source));
    of_type("application/json", headers, body)
}

/// The value of [`X_CACHE`].
pub(crate) fn how(source: Source) -> HeaderValue {
    HeaderValue::from_static(match source {
        Source::Hit => "hit",
        Source::Coalesced => "coalesced",
        Source::Miss => "miss",
        Source::Stale => "stale",
    })
}

/// An answer of these headers alone.
pub(crate) fn empty(headers: HeaderMap) -> Reply {
    let mut reply = Response::new(Content::default());
    *reply.headers_mut() = headers;
    reply
}

/// One record, active or not: the members of an active token's answer, with its state in place of `active`.
pub(crate) fn record(state: State, rendered: &Rendered, source: Source, now: Timestamp) -> Reply {
    let body = rendered.answer(now);
    // The body begins so for every record: whether it is active is said when it is asked for.
    let rest = body.strip_prefix(br#"{"active":true"#).unwrap_or(b"}");
    let body = [br#"{"state":""#, word(state).as_bytes(), b"\"", rest].concat();
    let mut headers = HeaderMap::new();
    headers.insert(X_CACHE, how(source));
    of_type("application/json", headers, body.into())
}

/// What a state is called.
pub(crate) const fn word(state: State) -> &'static str {
    state.as_str()
}

/// That what was asked for is done: 200 and nothing else.
pub(crate) fn done() -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    empty(headers)
}

/// The same, of what has nothing to show: 204.
pub(crate) fn no_content() -> Reply {
    let mut reply = done();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// Another server's answer, which nobody on the way may keep.
pub(crate) fn relayed(status: StatusCode, media_type: Option<HeaderValue>, body: &[u8]) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(media_type.map(|media_type| (CONTENT_TYPE, media_type)));
    let mut reply = Response::new(Content(Bytes::copy_from_slice(body)));
    (*reply.status_mut(), *reply.headers_mut()) = (status, headers);
    reply
}

/// An answer of this JSON, which nobody on the way may keep.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    let mut reply = of_type("application/json", HeaderMap::new(), body(value).into());
    *reply.status_mut() = status;
    reply
}

/// An answer of this text, which is JSON and shared by all who ask for it, likewise.
pub(crate) fn written(json: &'static str) -> Reply {
    of_type("application/json", HeaderMap::new(), Bytes::from_static(json.as_bytes()))
}

/// An answer of this text, likewise.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = of_type("text/plain; charset=utf-8", HeaderMap::new(), text.into());
    *reply.status_mut() = status;
    reply
}

fn of_type(media_type: &'static str, mut headers: HeaderMap, body: Bytes) -> Reply {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut reply = Response::new(Content(body));
    *reply.headers_mut() = headers;
    reply
}

fn body(value: &impl Serialize) -> Box<[u8]> {
    match serde_json::to_vec(value) {
        Ok(body) => body.into(),
        // Only a map with keys that are no strings could bring this about, and there is none.
        Err(_) => br#"{"error":"server_error"}"#[..].into(),
    }
}

/// A token as RFC 7662 section 2.2 and our contract name its members. What is unknown is absent, never null.
pub(crate) struct Record<'a> {
    pub(crate) provider: &'a ProviderName,
    pub(crate) token: &'a Token,
    /// Said in place of `active`, which is else said to be true.
    pub(crate) state: Option<State>,
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { provider, token, state } = self;
        let mut map = serializer.serialize_map(None)?;
        match state {
            None => map.serialize_entry("active", &true)?,
            Some(state) => map.serialize_entry("state", word(*state))?,
        }
        if !token.scope.is_empty() {
            map.serialize_entry("scope", &token.scope.to_string())?;
        }
        for (name, text) in [
            ("client_id", &token.client_id),
            ("username", &token.username),
            ("token_type", &token.token_type),
        ] {
            entry(&mut map, name, text.as_ref())?;
        }
        for (name, time) in [("exp", token.exp()), ("iat", token.iat), ("nbf", token.nbf)] {
            entry(&mut map, name, time.map(Timestamp::seconds))?;
        }
        entry(&mut map, "sub", token.sub.as_ref())?;
        match &token.aud {
            None => {}
            Some(Audience::One(one)) => map.serialize_entry("aud", one)?,
            Some(Audience::Many(many)) => entry(&mut map, "aud", (!many.is_empty()).then_some(many))?,
        }
        entry(&mut map, "iss", token.iss.as_ref())?;
        entry(&mut map, "jti", token.jti.as_ref())?;
        map.serialize_entry("provider", provider.as_str())?;
        let (roles, details) = (!token.roles.is_empty(), !token.details.is_empty());
        entry(&mut map, "roles", roles.then_some(&token.roles))?;
        entry(&mut map, "grant_type", token.grant_type.as_ref())?;
        entry(&mut map, "details", details.then_some(WrittenMembers(&token.details)))?;
        let counts_down = state.is_none()
            && token.exp().is_some()
            && matches!(token.extensions.get("expires_in"), Some(Json::Number(_)));
        for (name, value) in token.extensions.iter() {
            // A name of ours is ours: written twice, a reader could take either.
            let taken = match name {
                "provider" => true,
                "state" => state.is_some(),
                "roles" => roles,
                "grant_type" => token.grant_type.is_some(),
                "details" => details,
                "expires_in" => counts_down,
                _ => false,
            };
            if !taken {
                map.serialize_entry(name, &Written(value))?;
            }
        }
        entry(&mut map, "expires_in", counts_down.then_some(0))?;
        map.end()
    }
}

/// JSON with its numbers as they were sent.
struct Written<'a>(&'a Json);

/// The members of an object, likewise.
struct WrittenMembers<'a>(&'a Members);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(flag) => serializer.serialize_bool(*flag),
            Json::Number(digits) => {
                RawValue::from_string(String::from(&**digits)).map_err(Error::custom)?.serialize(serializer)
            }
            Json::String(text) => serializer.serialize_str(text),
            Json::Array(items) => serializer.collect_seq(items.iter().map(Written)),
            Json::Object(members) => WrittenMembers(members).serialize(serializer),
        }
    }
}

impl Serialize for WrittenMembers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Written(value))))
    }
}

fn entry<M: SerializeMap>(map: &mut M, name: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, &value),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
