//! One HTTP answer, as it comes in.

use crate::answer::{ACTIVE, BODY};

/// An answer that is complete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Set if the token is active: by a body of the common length, by one in a JWT, or by the
    /// headers that a proxy hands on.
    pub(crate) active: bool,
    /// Bytes of head and body.
    pub(crate) bytes: usize,
}

/// Reads what came in so far. `None`: there is more to come.
///
/// An answer without a length is none of those that we compare: it is complete when its head is.
pub(crate) fn read(received: &[u8]) -> Option<Answer> {
    let head = received
        .windows(4)
        .position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (received.get(..head)?, received.get(head + 4..)?);
    let text = std::str::from_utf8(head).unwrap_or_default();
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_default();
    let length = header(text, "content-length")
        .and_then(|length| length.parse::<usize>().ok())
        .unwrap_or_default();
    let body = body.get(..length)?;
    let tells = || length == BODY && body.starts_with(ACTIVE);
    let names =
        || length == 0 && header(text, "x-auth-subject").is_some_and(|subject| !subject.is_empty());
    let signs = || {
        let media_type = header(text, "content-type").unwrap_or_default();
        // In base64url, with header, claims and signature: longer than an inactive one could be.
        media_type.ends_with("+jwt") && length > BODY * 4 / 3
    };
    let active = status == 200 && (tells() || signs() || names());
    Some(Answer {
        status,
        active,
        bytes: head.len() + 4 + length,
    })
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(wanted).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Reader, active};

    #[test]
    fn complete_active_answer_is_recognized() {
        let body = active("t", 1_800_000_000, Reader::Peer);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\nDate: x\r\n\r\n{body}");
        let bytes = answer.as_bytes();
        assert_eq!(
            read(bytes),
            Some(Answer {
                status: 200,
                active: true,
                bytes: bytes.len()
            })
        );
        for cut in [0, 20, 60, bytes.len() - 1] {
            assert_eq!(read(&bytes[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn allowed_request_has_a_subject() {
        let active = |answer: &str| read(answer.as_bytes()).unwrap().active;
        assert!(active(
            "HTTP/1.1 200 OK\r\nx-auth-subject: s\r\ncontent-length: 0\r\n\r\n"
        ));
        assert!(!active(
            "HTTP/1.1 200 OK\r\nx-auth-subject: \r\ncontent-length: 0\r\n\r\n"
        ));
        assert!(!active("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
        assert!(!active(
            "HTTP/1.1 403 Forbidden\r\nx-auth-subject: s\r\ncontent-length: 0\r\n\r\n"
        ));
    }

    #[test]
    fn inactive_answers_are_recognized() {
        let inactive = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"active\":false}";
        assert_eq!(
            read(inactive),
            Some(Answer {
                status: 200,
                active: false,
                bytes: inactive.len()
            })
        );
        let refused = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(read(refused).map(|answer| answer.status), Some(503));
    }
}
