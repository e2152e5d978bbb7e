use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use constant_time_eq::constant_time_eq_32;
use introspectd_core::RawMembers;
use introspectd_jose::certificate_thumbprint;

/// Keys that a token is bound to (`cnf`, RFC 7800), of which at least one is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmation {
    /// Key of DPoP proofs (RFC 9449 section 6.1).
    pub(crate) jkt: Option<Thumbprint>,
    /// Client certificate (RFC 8705 section 3.1).
    pub(crate) certificate: Option<Thumbprint>,
}

/// Reason why nobody can confirm possession here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unconfirmed {
    /// No object, a repeated member, or a thumbprint that is none.
    Malformed,
    /// Method that is not known here.
    UnknownMethod,
}

/// SHA-256 of a key or certificate, compared in constant time.
#[derive(Clone, Copy)]
pub struct Thumbprint([u8; 32]);

impl Confirmation {
    /// Reads `cnf`. A member that is not known is a method that nobody would check.
    pub(crate) fn read(json: &str) -> Result<Self, Unconfirmed> {
        let object: RawMembers<'_> =
            serde_json::from_str(json).map_err(|_| Unconfirmed::Malformed)?;
        if !object.repeated.is_empty() {
            return Err(Unconfirmed::Malformed);
        }
        let (mut jkt, mut certificate) = (None, None);
        let mut is_known = true;
        for (name, value) in &object.members {
            let place = match name.as_ref() {
                "jkt" => &mut jkt,
                "x5t#S256" => &mut certificate,
                _ => {
                    is_known = false;
                    continue;
                }
            };
            let text: String =
                serde_json::from_str(value.get()).map_err(|_| Unconfirmed::Malformed)?;
            *place = Some(Thumbprint::parse(&text).ok_or(Unconfirmed::Malformed)?);
        }
        if object.members.is_empty() {
            return Err(Unconfirmed::Malformed);
        }
        if !is_known {
            return Err(Unconfirmed::UnknownMethod);
        }
        Ok(Self { jkt, certificate })
    }
}

impl Thumbprint {
    /// Reads base64url without padding.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// Returns that of a certificate's DER bytes (RFC 8705 section 3.1).
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        Self::parse(&certificate_thumbprint(der))
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Thumbprint {
    fn from(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl PartialEq for Thumbprint {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq_32(&self.0, &other.0)
    }
}

impl Eq for Thumbprint {}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    const B: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";

    #[test]
    fn both_methods_are_read_alone_and_together() {
        let read = |json: &str| {
            let read = Confirmation::read(json).unwrap();
            (read.jkt.is_some(), read.certificate.is_some())
        };
        assert_eq!(read(&format!(r#"{{"jkt":"{A}"}}"#)), (true, false));
        assert_eq!(read(&format!(r#"{{"x5t#S256":"{A}"}}"#)), (false, true));
        let both = format!(r#"{{"x5t#S256":"{A}","jkt":"{A}"}}"#);
        assert_eq!(read(&both), (true, true));
    }

    #[test]
    fn method_that_is_not_known_is_never_left_out() {
        for json in [
            r#"{"jwk":{}}"#.to_owned(),
            r#"{"kid":"x"}"#.to_owned(),
            format!(r#"{{"jkt":"{A}","kid":"x"}}"#),
            format!(r#"{{"JKT":"{A}"}}"#),
        ] {
            let read = Confirmation::read(&json);
            assert_eq!(read, Err(Unconfirmed::UnknownMethod), "{json}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for json in [
            "null".to_owned(),
            "{}".to_owned(),
            "[]".to_owned(),
            r#""x""#.to_owned(),
            r#"{"jkt":null}"#.to_owned(),
            r#"{"jkt":1}"#.to_owned(),
            r#"{"jkt":""}"#.to_owned(),
            format!(r#"{{"jkt":"{A}="}}"#),
            format!(r#"{{"jkt":["{A}"]}}"#),
            format!(r#"{{"jkt":"{A}A"}}"#),
            // Bits that no byte has: a second spelling.
            format!(r#"{{"jkt":"{B}"}}"#),
            format!(r#"{{"jkt":"{A}","jkt":"{A}"}}"#),
            format!(r#"{{"jkt":"{A}","x5t#S256":7}}"#),
        ] {
            let read = Confirmation::read(&json);
            assert_eq!(read, Err(Unconfirmed::Malformed), "{json}");
        }
    }

    #[test]
    fn any_text_is_a_confirmation_or_none() {
        let sample = format!(r#"{{"jkt":"{A}"}}"#);
        introspectd_fuzz::check!(&[sample.as_bytes()], |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(read) = Confirmation::read(&text) {
                assert!(read.jkt.is_some() || read.certificate.is_some());
            }
        });
    }
}
