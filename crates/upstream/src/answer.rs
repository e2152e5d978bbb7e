use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, StatusCode, header};
use introspectd_core::{BadAnswer, Failure, Outage, Timestamp};
use serde::de::DeserializeOwned;

/// Reads a JSON object strictly into a vendor's struct: no array in its place, no member of the
/// struct twice, nothing after it, and no byte anywhere that is not UTF-8, in members that are not
/// read neither.
///
/// # Errors
/// [`BadAnswer::NotUtf8`], [`BadAnswer::NotAnObject`], or [`BadAnswer::Member`] with the struct's
/// own name of the member.
pub fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadAnswer> {
    // Serde looks only into strings that it keeps.
    let body = str::from_utf8(body).map_err(|_| BadAnswer::NotUtf8)?;
    // And it would fill a struct from an array.
    if !body.trim_ascii_start().starts_with('{') {
        return Err(BadAnswer::NotAnObject);
    }
    let json = &mut serde_json::Deserializer::from_str(body);
    let object: T = serde_path_to_error::deserialize(&mut *json).map_err(|error| member(&error))?;
    json.end().map_err(|_| BadAnswer::NotAnObject)?;
    Ok(object)
}

/// Names the member of the struct that an error is about. Only errors of type have one: in text
/// that is no JSON, the path could hold a name of the provider's choosing.
fn member(error: &serde_path_to_error::Error<serde_json::Error>) -> BadAnswer {
    if !error.inner().is_data() {
        return BadAnswer::NotAnObject;
    }
    let path = error.path().to_string();
    if path != "." {
        return BadAnswer::member(&path);
    }
    // "missing field `x`" and "duplicate field `x`" name a field of the struct.
    match error.inner().to_string().split('`').nth(1) {
        Some(name) => BadAnswer::member(name),
        None => BadAnswer::NotAnObject,
    }
}

/// Judges a status as a response would be, whose 401 and 403 may be about the token where its
/// request was [`refusable`](crate::Request::refusable).
///
/// # Errors
/// A [`Failure`] for a status that says nothing about any token.
pub fn judge_status(status: StatusCode, is_refusable: bool) -> Result<(), Failure> {
    if is_refusable && matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Ok(());
    }
    screen(status, &HeaderMap::new(), Timestamp::MIN)
}

/// Refuses statuses that say nothing about any token, whichever vendor sends them.
pub(crate) fn screen(
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(), Failure> {
    let code = status.as_u16();
    match code {
        401 | 403 => Err(BadAnswer::Credentials(code).into()),
        429 | 502 | 503 | 504 => Err(Failure::Unavailable {
            outage: Outage::Status(code),
            retry_after: retry_after(headers, now),
        }),
        300..=399 => Err(BadAnswer::Redirect(code).into()),
        500.. => Err(BadAnswer::Status(code).into()),
        _ => Ok(()),
    }
}

/// Longest accepted `Retry-After`.
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date, which is counted from the
/// answer's own `Date`, and where it has none, by our clock. At most an hour. Absent when malformed
/// or past.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number can have are as good as an hour.
        return Some(
            text.parse()
                .map_or(MAX_WAIT, Duration::from_secs)
                .min(MAX_WAIT),
        );
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let own = headers
        .get(header::DATE)
        .and_then(|date| date.to_str().ok());
    let own = own.and_then(|date| httpdate::parse_http_date(date).ok());
    let now = u64::try_from(now.seconds())
        .map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds))
        .ok();
    Some(until.duration_since(own.or(now)?).ok()?.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: i64 = 784_111_777;

    fn screened(
        status: u16,
        headers: &[(header::HeaderName, &'static str)],
    ) -> Result<(), Failure> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        screen(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            Timestamp::from_seconds(NOW).unwrap(),
        )
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Wire {
        status: String,
        end: i64,
    }

    #[test]
    fn an_object_is_read_strictly() {
        let read = |text: &str| object::<Wire>(text.as_bytes());
        assert_eq!(
            read(r#" {"status":"a","end":1,"x":[]}"#),
            Ok(Wire {
                status: "a".to_owned(),
                end: 1
            })
        );
        for no_object in [
            r#"["a",1]"#,
            "null",
            "",
            "{",
            r#"{"status":"a","end":1} x"#,
            r#"{"hunter2": ?}"#,
        ] {
            assert_eq!(read(no_object), Err(BadAnswer::NotAnObject), "{no_object}");
        }
        for (text, name) in [
            (r#"{"status":"a"}"#, "end"),
            (r#"{"status":"a","end":"1"}"#, "end"),
            (r#"{"status":"a","end":1.5}"#, "end"),
            (r#"{"status":"a","end":1,"status":"b"}"#, "status"),
            (r#"{"status":null,"end":1}"#, "status"),
        ] {
            assert_eq!(read(text), Err(BadAnswer::member(name)), "{text}");
        }
    }

    #[test]
    fn what_is_about_us_is_not_about_the_token() {
        assert_eq!(screened(401, &[]), Err(BadAnswer::Credentials(401).into()));
        assert_eq!(screened(403, &[]), Err(BadAnswer::Credentials(403).into()));
        assert_eq!(screened(302, &[]), Err(BadAnswer::Redirect(302).into()));
        assert_eq!(screened(500, &[]), Err(BadAnswer::Status(500).into()));
        assert_eq!(
            screened(503, &[]),
            Err(Failure::outage(Outage::Status(503)))
        );
        for silent in [200, 204, 400, 404, 409] {
            assert_eq!(screened(silent, &[]), Ok(()), "{silent}");
        }
    }

    #[test]
    fn retry_after_is_handed_on_in_both_forms() {
        let wait = |headers: &[(header::HeaderName, &'static str)]| match screened(429, headers) {
            Err(Failure::Unavailable { retry_after, .. }) => retry_after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        };
        let after = |text: &'static str| wait(&[(header::RETRY_AFTER, text)]);
        assert_eq!(after("7"), Some(7));
        assert_eq!(after("0"), Some(0));
        assert_eq!(
            wait(&[
                (header::DATE, "Sun, 06 Nov 1994 08:40:00 GMT"),
                (header::RETRY_AFTER, "Sun, 06 Nov 1994 08:40:10 GMT"),
            ]),
            Some(10)
        );
        // Without a `Date`, or with one that is none, our clock counts.
        assert_eq!(after("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(
            wait(&[
                (header::DATE, "now"),
                (header::RETRY_AFTER, "Sun, 06 Nov 1994 08:49:47 GMT")
            ]),
            Some(10)
        );
        for malformed in [
            "soon",
            "-1",
            "1.5",
            "",
            "7 s",
            "Sun, 06 Nov 1994 08:49:36 GMT",
        ] {
            assert_eq!(after(malformed), None, "{malformed:?}");
        }
    }

    #[test]
    fn retry_after_is_at_most_an_hour() {
        for long in [
            "3601",
            "99999999999999999999999",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            let screened = screened(503, &[(header::RETRY_AFTER, long)]);
            let outage = Outage::Status(503);
            assert_eq!(
                screened,
                Err(Failure::Unavailable {
                    outage,
                    retry_after: Some(MAX_WAIT)
                }),
                "{long}"
            );
        }
    }

    #[test]
    fn any_retry_after_is_a_wait_of_an_hour_at_most_or_none() {
        let seeds: [&[u8]; 3] = [
            b"7",
            b"Sun, 06 Nov 1994 08:49:47 GMT",
            b"Sunday, 06-Nov-94 08:49:47 GMT",
        ];
        let now = Timestamp::from_seconds(NOW).unwrap();
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let Ok(value) = HeaderValue::from_bytes(bytes) else {
                return;
            };
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.clone());
            assert!(retry_after(&headers, now).is_none_or(|wait| wait <= MAX_WAIT));
            // The date of the answer itself is no wait.
            headers.insert(header::DATE, value);
            if let Some(wait) = retry_after(&headers, now) {
                let is_number = bytes.trim_ascii().iter().all(u8::is_ascii_digit);
                assert!(
                    wait <= MAX_WAIT && (is_number || wait.is_zero()),
                    "{wait:?}"
                );
            }
        });
    }

    #[test]
    fn a_byte_that_is_no_utf8_is_refused_wherever_it_stands() {
        for body in [
            &b"{\"status\":\"a\",\"end\":1,\"x\":\"\xff\"}"[..],
            b"{\"status\":\"a\",\"end\":1,\"\xc0\xaf\":1}",
            b"{\"status\":\"a\xed\xa0\x80\",\"end\":1}",
            b"{\"status\":\"a\",\"end\":1}\xfe",
        ] {
            assert_eq!(object::<Wire>(body), Err(BadAnswer::NotUtf8));
        }
    }
}
