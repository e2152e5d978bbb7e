use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};

/// By which a caller finds what was told of its request.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const LONGEST: usize = 128;

/// The request's own id, in its one header: 1 to 128 visible letters of ASCII. Else one of ours.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    let mut values = headers.get_all(X_REQUEST_ID).iter();
    match (values.next().and_then(sane), values.next()) {
        (Some(id), None) => id.to_owned(),
        _ => generated(),
    }
}

fn sane(value: &HeaderValue) -> Option<&str> {
    let id = std::str::from_utf8(value.as_bytes()).ok()?;
    let is_sane = (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_sane.then_some(id)
}

/// 128 random bits. A system without random bytes gives all the same, and has worse to care about.
fn generated() -> String {
    let mut bytes = [0; 16];
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(32), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&[u8]]) -> String {
        let header = |value: &&[u8]| (X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        request_id(&values.iter().map(header).collect())
    }

    #[test]
    fn a_sane_id_is_taken() {
        let longest = "x".repeat(LONGEST);
        for id in ["1", "a-b_c/{d}", &longest] {
            assert_eq!(of(&[id.as_bytes()]), id);
        }
    }

    #[test]
    fn in_place_of_any_other_there_is_one_of_ours() {
        let long = [b'x'; LONGEST + 1];
        let none: [&[u8]; 0] = [];
        let odd: [&[&[u8]]; 7] = [&none, &[b""], &[b"a b"], &[b"a\tb"], &[b"\xe9"], &[&long], &[b"a", b"a"]];
        for values in odd {
            let id = of(values);
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        }
        assert_ne!(of(&[]), of(&[]));
    }
}
