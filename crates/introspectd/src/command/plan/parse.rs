//! Arguments, each with its bounds. A message says what to give in place of what was given.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MOST_TOKENS: u64 = 1_000_000_000_000;

type Parsed<T> = Result<T, String>;

pub(super) fn rate(text: &str) -> Parsed<f64> {
    number(text, 0.001..=1e12).ok_or_else(|| "give a number a second, such as 5000 or 1e6".into())
}

pub(super) fn revocations(text: &str) -> Parsed<f64> {
    number(text, 0.0..=1e9).ok_or_else(|| "give a number a second, such as 10, or 0".into())
}

pub(super) fn zipf(text: &str) -> Parsed<f64> {
    number(text, 0.0..=5.0).ok_or_else(|| "give a number from 0 to 5, such as 0.9".into())
}

pub(super) fn tokens(text: &str) -> Parsed<u64> {
    // `5e7` is a number of tokens to people, and to no parser of integers.
    let whole = number(text, 1.0..=1e12).filter(|number| number.fract() == 0.0);
    let tokens = whole.and_then(|number| format!("{number:.0}").parse().ok());
    tokens
        .filter(|tokens| (1..=MOST_TOKENS).contains(tokens))
        .ok_or_else(|| "give a whole number from 1 to 1e12, such as 200000 or 5e7".into())
}

fn number(text: &str, range: RangeInclusive<f64>) -> Option<f64> {
    text.parse().ok().filter(|number| range.contains(number))
}

pub(super) fn ttl(text: &str) -> Parsed<Duration> {
    let range = Duration::from_millis(1)..=DAY;
    duration(text, range).ok_or_else(|| {
        "give a time from 1ms to 1day, such as 60s: without a ttl nothing is kept".into()
    })
}

pub(super) fn latency(text: &str) -> Parsed<Duration> {
    let range = Duration::ZERO..=Duration::from_secs(60);
    duration(text, range).ok_or_else(|| "give a time up to 60s, such as 80ms".into())
}

pub(super) fn trust(text: &str) -> Parsed<Duration> {
    let range = Duration::from_millis(500)..=DAY;
    duration(text, range).ok_or_else(|| {
        "give a time of at least 500ms, such as 2s, or --no-shared without a shared tier".into()
    })
}

fn duration(text: &str, range: RangeInclusive<Duration>) -> Option<Duration> {
    let duration = humantime::parse_duration(text).ok();
    duration.filter(|duration| range.contains(duration))
}

pub(super) fn max_bytes(text: &str) -> Parsed<ByteSize> {
    size(text, ByteSize::kib(64))
        .ok_or_else(|| "give a size of at least 64KiB, such as 1GiB".into())
}

pub(super) fn shard_memory(text: &str) -> Parsed<ByteSize> {
    size(text, ByteSize::mib(1)).ok_or_else(|| "give a size of at least 1MiB, such as 8GiB".into())
}

fn size(text: &str, least: ByteSize) -> Option<ByteSize> {
    let size: Option<ByteSize> = text.parse().ok();
    size.filter(|size| (least..=ByteSize::pib(1)).contains(size))
}
