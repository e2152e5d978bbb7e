//! Certificates of clients in the words of proxies. Each is read into its thumbprint; anything but
//! one certificate is none.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use introspectd_service::Thumbprint;
use percent_encoding::percent_decode_str;

/// RFC 8941 section 4.2.7: with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads `Client-Cert` (RFC 9440 section 2.2): a byte sequence between colons.
pub(super) fn of_field(value: &str) -> Option<Thumbprint> {
    let value = value.trim_matches(' ');
    let encoded = value.strip_prefix(':')?.strip_suffix(':')?;
    let der = BASE64.decode(encoded).ok()?;
    of_der(&der)
}

/// Reads one certificate as PEM in percent-encoding, as Envoy writes it.
pub(super) fn of_pem(encoded: &str) -> Option<Thumbprint> {
    let text = percent_decode_str(encoded).decode_utf8().ok()?;
    let body = text
        .trim_ascii()
        .strip_prefix("-----BEGIN CERTIFICATE-----")?
        .strip_suffix("-----END CERTIFICATE-----")?;
    let encoded: String = body.split_ascii_whitespace().collect();
    // A second certificate has dashes around it, which are no part of the alphabet.
    let der = BASE64.decode(encoded).ok()?;
    of_der(&der)
}

fn of_der(der: &[u8]) -> Option<Thumbprint> {
    (!der.is_empty())
        .then(|| Thumbprint::of_certificate(der))
        .flatten()
}

/// Reads `X-Forwarded-Client-Cert`: one element of pairs, of which `Hash` or `Cert` name the
/// certificate, and both the same. Several elements are of several proxies, or of a client that
/// wrote the first one.
pub(super) fn of_forwarded(value: &str) -> Option<Thumbprint> {
    let (mut by_hash, mut by_pem) = (None, None);
    for pair in pairs(value)? {
        let (name, value) = pair.split_once('=')?;
        let place = match name.trim_ascii().to_ascii_lowercase().as_str() {
            "hash" => (&mut by_hash, of_hex(unquoted(value)?)?),
            "cert" => (&mut by_pem, of_pem(unquoted(value)?)?),
            _ => continue,
        };
        let (place, thumbprint) = place;
        if place.replace(thumbprint).is_some() {
            return None;
        }
    }
    match (by_hash, by_pem) {
        (Some(hash), Some(pem)) if hash != pem => None,
        (hash, pem) => hash.or(pem),
    }
}

/// Splits the only element into its pairs; `None` if there are several, or a quote is left open.
fn pairs(value: &str) -> Option<Vec<&str>> {
    let mut pairs = Vec::new();
    let (mut begin, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return None,
            b';' if !is_quoted => {
                pairs.push(value.get(begin..at)?);
                begin = at + 1;
            }
            _ => {}
        }
    }
    pairs.push(value.get(begin..)?);
    (!is_quoted).then_some(pairs)
}

/// Hashes and percent-encoded PEM have no character that is escaped between quotes.
fn unquoted(value: &str) -> Option<&str> {
    let value = value.trim_ascii();
    let value = match value.strip_prefix('"') {
        Some(value) => value.strip_suffix('"')?,
        None => value,
    };
    (!value.contains(['"', '\\'])).then_some(value)
}

fn of_hex(digits: &str) -> Option<Thumbprint> {
    let mut hash = [0_u8; 32];
    if digits.len() != 2 * hash.len() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(hash.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    const DER: &[u8] = b"0\x82 a certificate; nothing here reads it, but its hash";

    fn thumbprint() -> Thumbprint {
        Thumbprint::of_certificate(DER).unwrap()
    }

    fn pem() -> String {
        let body = general_purpose::STANDARD.encode(DER);
        let (first, rest) = body.split_at(40);
        format!("-----BEGIN CERTIFICATE-----\n{first}\n{rest}\n-----END CERTIFICATE-----\n")
    }

    fn encoded_pem() -> String {
        utf8_percent_encode(&pem(), NON_ALPHANUMERIC).to_string()
    }

    fn hex() -> String {
        let hash = general_purpose::URL_SAFE_NO_PAD
            .decode(format!("{:?}", thumbprint()))
            .unwrap();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn byte_sequence_is_a_certificate() {
        let encoded = general_purpose::STANDARD.encode(DER);
        assert_eq!(of_field(&format!(":{encoded}:")), Some(thumbprint()));
        let bare = encoded.trim_end_matches('=');
        assert_eq!(of_field(&format!(":{bare}:")), Some(thumbprint()));
        for odd in [
            String::new(),
            "::".to_owned(),
            ":".to_owned(),
            encoded.clone(),
            format!("\"{encoded}\""),
            format!(":{encoded}"),
            format!(":{encoded}:, :{encoded}:"),
            format!(":{encoded}:;x=1"),
            format!("::{encoded}::"),
        ] {
            assert_eq!(of_field(&odd), None, "{odd}");
        }
        let other = of_field(":AAAA:").unwrap();
        assert_ne!(other, thumbprint());
    }

    #[test]
    fn encoded_pem_is_a_certificate() {
        assert_eq!(of_pem(&encoded_pem()), Some(thumbprint()));
        assert_eq!(of_pem(""), None);
        assert_eq!(of_pem("%ff"), None);
        let two = [encoded_pem(), encoded_pem()].concat();
        assert_eq!(of_pem(&two), None);
    }

    #[test]
    fn element_of_envoy_is_a_certificate() {
        let (hash, pem) = (hex(), encoded_pem());
        for value in [
            format!("Hash={hash}"),
            format!("By=spiffe://a/b;Hash={hash};Subject=\"/C=US/O=\\\"A, B; C\\\"\";URI=x"),
            format!("Cert=\"{pem}\""),
            format!("Hash={hash};Cert=\"{pem}\";Chain=\"{pem}\""),
            format!("hash=\"{hash}\""),
        ] {
            assert_eq!(of_forwarded(&value), Some(thumbprint()), "{value}");
        }
    }

    #[test]
    fn anything_but_one_certificate_is_none() {
        let (hash, pem) = (hex(), encoded_pem());
        let other = "00".repeat(32);
        for value in [
            String::new(),
            "By=x".to_owned(),
            "Hash=".to_owned(),
            format!("Hash={hash}0"),
            format!("Hash={other};Cert=\"{pem}\""),
            format!("Hash={hash};Hash={other}"),
            format!("Hash={hash},Hash={other}"),
            format!("Hash={other},Hash={hash}"),
            format!("Hash={hash};Subject=\"x"),
            format!("Subject=\"Hash={hash}\""),
            format!("Subject=\"\\\";Hash={hash}\""),
            format!("Hash={hash};Cert=\"x\""),
            format!("Hash={hash};x"),
        ] {
            assert_eq!(of_forwarded(&value), None, "{value}");
        }
    }

    #[test]
    fn any_text_is_one_certificate_or_none() {
        let samples = [
            format!("Hash={};Subject=\"a\"", hex()),
            format!("Cert=\"{}\"", encoded_pem()),
            format!(":{}:", general_purpose::STANDARD.encode(DER)),
            encoded_pem(),
        ];
        let seeds = [&samples[0], &samples[1], &samples[2], &samples[3]].map(|it| it.as_bytes());
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let _ = of_forwarded(&text);
            let _ = of_pem(&text);
            if of_field(&text).is_some() {
                assert!(text.trim_matches(' ').starts_with(':'));
            }
        });
    }
}
