//! SHA-256 in base64url, by which other documents name a key, a certificate or a token.

use ring::digest::{SHA256, digest};

use crate::base64url;

/// Returns `x5t#S256` of a certificate's DER bytes (RFC 8705 section 3.1).
pub fn certificate_thumbprint(der: &[u8]) -> String {
    sha256(der)
}

/// Returns `ath` of an access token: its hash in a DPoP proof (RFC 9449 section 4.2).
pub fn access_token_hash(token: &str) -> String {
    sha256(token.as_bytes())
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    base64url::encode(digest(&SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9449 section 7.1 has this token, and its `ath`.
    #[test]
    fn access_token_hash_is_that_of_the_rfc() {
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
        let ath = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";
        assert_eq!(access_token_hash(token), ath);
    }

    #[test]
    fn certificate_thumbprint_is_the_hash_of_its_bytes() {
        let empty = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        assert_eq!(certificate_thumbprint(b""), empty);
    }
}
