use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use super::map::{Entry, Moka, QuickCache};
use super::{Reply, reply};
use crate::answer::{self, Reader};

/// Tokens that there is room for.
pub(super) const TOKENS: u64 = 200_000;

/// Cache of answers by the hash of a request.
pub(super) trait Answers: Send + Sync + 'static {
    fn get(&self, key: &u128) -> Option<Entry>;
    fn insert(&self, key: u128, entry: Entry);
}

impl Answers for QuickCache {
    fn get(&self, key: &u128) -> Option<Entry> {
        Self::get(self, key)
    }

    fn insert(&self, key: u128, entry: Entry) {
        Self::insert(self, key, entry);
    }
}

impl Answers for Moka {
    fn get(&self, key: &u128) -> Option<Entry> {
        Self::get(self, key)
    }

    fn insert(&self, key: u128, entry: Entry) {
        Self::insert(self, key, entry);
    }
}

type Answered = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// HTTP itself, and a look-up of each request's body in a cache: what the choice of the cache costs
/// over the wire.
pub(super) fn service(
    cache: impl Answers,
) -> impl Fn(Request<Incoming>) -> Answered + Clone + Send + 'static {
    let shared = Arc::new((cache, [RandomState::new(), RandomState::new()]));
    move |request| {
        let shared = Arc::clone(&shared);
        Box::pin(async move {
            let Ok(body) = request.into_body().collect().await else {
                return reply(StatusCode::BAD_REQUEST, Full::default());
            };
            let body = body.to_bytes();
            let (cache, [high, low]) = &*shared;
            let key = u128::from(high.hash_one(&body)) << 64 | u128::from(low.hash_one(&body));
            let entry = cache.get(&key).unwrap_or_else(|| {
                let text = answer::active("cached", 1_800_000_000, Reader::Peer);
                let entry = Entry::holding(1, text.into_bytes().into());
                cache.insert(key, entry.clone());
                entry
            });
            let mut reply = reply(StatusCode::OK, Full::new(Bytes::from(entry.body)));
            let headers = reply.headers_mut();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(
                HeaderName::from_static("x-cache"),
                HeaderValue::from_static("hit"),
            );
            reply
        })
    }
}
