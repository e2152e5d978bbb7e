use std::io::Read;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use introspectd_core::BadAnswer;

/// Names of no coding: the registered one, and those of servers that take the field for a character
/// set.
const NONE: [&[u8]; 5] = [b"identity", b"", b"none", b"utf-8", b"utf8"];

/// Returns true where a body has a coding.
pub(crate) fn is_coded(headers: &HeaderMap) -> bool {
    let is_none = |coding: &[u8]| NONE.iter().any(|name| coding.eq_ignore_ascii_case(name));
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !is_none(coding.as_bytes().trim_ascii()))
}

/// Undoes the coding of a body (RFC 9110 section 8.4.1), which some proxies add whatever they were
/// asked for. At most `limit` bytes come of it, whatever it promises.
pub(crate) fn undo(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, BadAnswer> {
    if !is_coded(headers) || body.is_empty() {
        return Ok(body);
    }
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(coding), None) = (codings.next(), codings.next()) else {
        return Err(BadAnswer::Compressed);
    };
    let is = |name: &[u8]| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(name);
    if is(b"gzip") || is(b"x-gzip") {
        read(MultiGzDecoder::new(&*body), limit)
    } else if is(b"deflate") {
        // RFC 9110 means zlib's format, and some servers the bare one.
        match read(ZlibDecoder::new(&*body), limit) {
            Err(BadAnswer::Compressed) => read(DeflateDecoder::new(&*body), limit),
            undone => undone,
        }
    } else {
        Err(BadAnswer::Compressed)
    }
}

fn read(decoder: impl Read, limit: usize) -> Result<Bytes, BadAnswer> {
    let mut undone = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder
        .take(most)
        .read_to_end(&mut undone)
        .map_err(|_| BadAnswer::Compressed)?;
    if undone.len() > limit {
        Err(BadAnswer::TooLarge)
    } else {
        Ok(undone.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;
    use std::io::Write;

    const LIMIT: usize = 1000;

    fn undone(codings: &[&'static str], body: &[u8]) -> Result<Bytes, BadAnswer> {
        let pairs = codings
            .iter()
            .map(|coding| (CONTENT_ENCODING, HeaderValue::from_static(coding)));
        undo(&pairs.collect(), Bytes::copy_from_slice(body), LIMIT)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_and_deflate_are_undone() {
        let text = br#"{"active":true}"#;
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(text).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        bare.write_all(text).unwrap();
        let (zlib, bare) = (zlib.finish().unwrap(), bare.finish().unwrap());
        let two = [gzip(&text[..5]), gzip(&text[5..])].concat();
        for (coding, body) in [
            ("gzip", gzip(text)),
            ("X-GZIP", gzip(text)),
            ("gzip", two),
            ("deflate", zlib),
            ("Deflate", bare),
            ("identity", text.to_vec()),
            ("", text.to_vec()),
            ("UTF-8", text.to_vec()),
        ] {
            assert_eq!(undone(&[coding], &body).unwrap(), &text[..], "{coding}");
        }
        assert_eq!(undone(&[], text).unwrap(), &text[..]);
        assert_eq!(undone(&["gzip"], b"").unwrap(), &b""[..]);
    }

    #[test]
    fn what_cannot_be_undone_is_named() {
        let whole = gzip(b"{}");
        for (codings, body) in [
            (&["br"][..], &whole[..]),
            (&["gzip, gzip"], &whole),
            (&["gzip", "gzip"], &whole),
            (&["gzip"], b"{}"),
            (&["gzip"], &whole[..whole.len() - 1]),
            (&["deflate"], b"\xff\xff"),
        ] {
            assert_eq!(
                undone(codings, body),
                Err(BadAnswer::Compressed),
                "{codings:?}"
            );
        }
    }

    #[test]
    fn any_body_is_undone_within_the_limit_or_refused() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(&[b'x'; 2 * LIMIT]).unwrap();
        let seeds = [gzip(b"{\"active\":true}"), zlib.finish().unwrap()];
        let seeds = seeds.each_ref().map(Vec::as_slice);
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            for coding in ["gzip", "deflate", "br"] {
                if let Ok(body) = undone(&[coding], bytes) {
                    assert!(body.len() <= LIMIT && (coding != "br" || bytes.is_empty()));
                }
            }
        });
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        assert_eq!(
            undone(&["gzip"], &gzip(&vec![b' '; LIMIT])).unwrap().len(),
            LIMIT
        );
        for size in [LIMIT + 1, 10_000_000] {
            assert_eq!(
                undone(&["gzip"], &gzip(&vec![b' '; size])),
                Err(BadAnswer::TooLarge)
            );
        }
    }
}
