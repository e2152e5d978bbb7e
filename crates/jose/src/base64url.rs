//! Base64url of RFC 7515 section 2: without padding, and one spelling only of any bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Encodes behind a text.
pub(crate) fn append(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// Returns the bytes; `None` for padding, white space, another alphabet or trailing bits.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_spelling() {
        assert_eq!(decode("_-8").as_deref(), Some([0xff, 0xef].as_slice()));
        assert_eq!(decode("").as_deref(), Some([].as_slice()));
        for other in ["_-9", "_-8=", "_-8 ", "/+8", "_-8\n", "_", "_-8A_"] {
            assert_eq!(decode(other), None, "{other}");
        }
        assert_eq!(encode(&[0xff, 0xef]), "_-8");
    }
}
