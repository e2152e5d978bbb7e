//! Times of the parts of a hit.
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot begin has nothing to handle"
)]

mod fixture;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use introspectd_core::{SystemClock, Timestamp, TokenValue};
use introspectd_front::{ListenerIdentity, parts};
use introspectd_resolver::Keep;
use introspectd_resolver::parts::{Parts, Question};
use introspectd_server::Arrival;
use introspectd_service::KeptAnswer;

use fixture::{BASIC, FORM, LIMITS, api, provider, record};

fn headers() -> HeaderMap {
    let headers = [
        (HOST, "127.0.0.1"),
        (AUTHORIZATION, BASIC),
        (CONTENT_TYPE, "application/x-www-form-urlencoded"),
    ];
    headers
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
}

fn token(number: usize) -> Question {
    let text = format!("p0000001_{number:09}_aZ3xK9qLw7RtYu2{number:09}");
    Question::about(TokenValue::parse(text).expect("a token"))
}

fn all(criterion: &mut Criterion) {
    criterion.bench_function("form parse", |bench| {
        bench.iter(|| parts::form(black_box(FORM)))
    });

    let api = api();
    let headers = headers();
    criterion.bench_function("caller check, first of a connection", |bench| {
        bench.iter_batched_ref(
            || api.handler(&ListenerIdentity::default(), &Arrival::default()),
            |handler| parts::caller(handler, black_box(&headers)),
            BatchSize::SmallInput,
        );
    });
    let handler = api.handler(&ListenerIdentity::default(), &Arrival::default());
    criterion.bench_function("caller check, later ones", |bench| {
        bench.iter(|| parts::caller(&handler, black_box(&headers)));
    });

    let cache =
        Parts::<KeptAnswer>::new(LIMITS, Arc::new(SystemClock::default())).expect("random bytes");
    let question = token(0);
    criterion.bench_function("key", |bench| {
        bench.iter(|| cache.key(black_box(&question)))
    });

    for count in [1, 1_000, 100_000] {
        let keys: Vec<_> = (0..count).map(|number| cache.key(&token(number))).collect();
        for key in &keys {
            cache.put(key, &provider(), record());
        }
        let mut next = 0;
        criterion.bench_function(&format!("cache get, {count} tokens"), |bench| {
            bench.iter(|| {
                next = (next + 7919) % keys.len();
                keys.get(next).and_then(|key| cache.get(black_box(key)))
            });
        });
    }

    let rendered = KeptAnswer::keep(&provider(), record()).into_body(Timestamp::MIN);
    criterion.bench_function("reply", |bench| {
        bench.iter_batched(
            || (headers.clone(), rendered.clone()),
            |(room, body)| parts::reply(room, body),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("write a reply, once for each fact", |bench| {
        bench.iter_batched(
            record,
            |token| KeptAnswer::keep(&provider(), token),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, all);
criterion_main!(benches);
