use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

/// Name in a client certificate that identifies a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
    /// Whole subject, as RFC 4514 writes it.
    Subject(String),
    /// Subject alternative name (RFC 5280 section 4.2.1.6) of type dNSName.
    Dns(String),
    /// Subject alternative name of type uniformResourceIdentifier.
    Uri(String),
    /// Subject alternative name of type rfc822Name.
    Email(String),
    /// Subject alternative name of type iPAddress.
    Ip(IpAddr),
}

/// Text that is no name of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCertificateName;

impl fmt::Display for InvalidCertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not a name that a certificate could have")
    }
}

impl std::error::Error for InvalidCertificateName {}

impl CertificateName {
    /// Parses a subject such as `CN=edge,O=Acme`.
    ///
    /// # Errors
    /// [`InvalidCertificateName`] for what is no RFC 4514 name, and for an empty one.
    pub fn subject(text: &str) -> Result<Self, InvalidCertificateName> {
        let name = Name::from_str(text).map_err(|_| InvalidCertificateName)?;
        // Read and written again, so that two spellings of one name are one.
        if name.is_empty() {
            Err(InvalidCertificateName)
        } else {
            Ok(Self::Subject(name.to_string()))
        }
    }

    /// Parses a subject alternative name. The type follows from the form: an IP address, a URI with
    /// a scheme, an address with `@`, else a host name. It equals names of that type only.
    ///
    /// # Errors
    /// [`InvalidCertificateName`] for what is empty, or holds anything but printable ASCII.
    pub fn san(text: &str) -> Result<Self, InvalidCertificateName> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidCertificateName);
        }
        Ok(match text.parse() {
            Ok(address) => Self::Ip(address),
            Err(_) if text.contains(':') => Self::Uri(text.to_owned()),
            Err(_) if text.contains('@') => Self::Email(text.to_owned()),
            Err(_) => Self::Dns(text.to_owned()),
        })
    }
}

/// Lists all names in a client certificate (DER). An unreadable one has none.
pub fn certificate_names(certificate: &[u8]) -> Vec<CertificateName> {
    let Ok(certificate) = Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let certificate = certificate.tbs_certificate();
    let subject = certificate.subject();
    let mut names: Vec<_> = (!subject.is_empty())
        .then(|| CertificateName::Subject(subject.to_string()))
        .into_iter()
        .collect();
    if let Ok(Some((_, SubjectAltName(alternatives)))) =
        certificate.get_extension::<SubjectAltName>()
    {
        names.extend(alternatives.iter().filter_map(alternative));
    }
    names
}

fn alternative(name: &GeneralName) -> Option<CertificateName> {
    match name {
        GeneralName::DnsName(name) => Some(CertificateName::Dns(name.to_string())),
        GeneralName::UniformResourceIdentifier(uri) => Some(CertificateName::Uri(uri.to_string())),
        GeneralName::Rfc822Name(address) => Some(CertificateName::Email(address.to_string())),
        GeneralName::IpAddress(octets) => ip(octets.as_bytes()).map(CertificateName::Ip),
        GeneralName::OtherName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    fn certificate() -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Acme, Inc.");
        params.distinguished_name.push(DnType::CommonName, "edge");
        params.subject_alt_names = vec![
            SanType::DnsName("edge.internal".try_into().unwrap()),
            SanType::URI("spiffe://acme/edge".try_into().unwrap()),
            SanType::Rfc822Name("edge@acme.example".try_into().unwrap()),
            SanType::IpAddress("10.0.0.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::7".parse().unwrap()),
        ];
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .to_vec()
    }

    #[test]
    fn a_certificate_has_the_names_that_a_configuration_says() {
        let found = certificate_names(&certificate());
        let expected = [
            CertificateName::subject("CN=edge,O=Acme\\, Inc."),
            CertificateName::san("edge.internal"),
            CertificateName::san("spiffe://acme/edge"),
            CertificateName::san("edge@acme.example"),
            CertificateName::san("10.0.0.7"),
            CertificateName::san("2001:db8::7"),
        ];
        assert_eq!(found, expected.map(Result::unwrap));
    }

    #[test]
    fn the_order_of_a_subject_counts() {
        assert!(
            !certificate_names(&certificate())
                .contains(&CertificateName::subject("O=Acme\\, Inc.,CN=edge").unwrap())
        );
    }

    #[test]
    fn what_no_certificate_could_have_is_refused() {
        for text in ["", "edge", "CN", "=edge"] {
            assert!(CertificateName::subject(text).is_err(), "{text:?}");
        }
        for text in ["", "a b", "l\u{e9}ger.example", "a\n"] {
            assert!(CertificateName::san(text).is_err(), "{text:?}");
        }
    }

    /// A name that is found is one that a configuration may hold.
    #[test]
    fn any_certificate_has_names_that_can_be_configured_or_none() {
        introspectd_fuzz::check!(&[&certificate()], |bytes: &[u8]| {
            for name in certificate_names(bytes) {
                if let CertificateName::Subject(subject) = &name {
                    let _ = CertificateName::subject(subject);
                }
            }
        });
    }

    #[test]
    fn any_text_is_a_name_of_a_certificate_or_refused() {
        let seeds: [&[u8]; 3] = [
            b"CN=edge,O=Acme\\, Inc.",
            b"spiffe://acme/edge",
            b"2001:db8::7",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(CertificateName::Subject(subject)) = CertificateName::subject(&text) {
                assert!(!subject.is_empty());
            }
            if CertificateName::san(&text).is_ok() {
                assert!(bytes.iter().all(u8::is_ascii_graphic));
            }
        });
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        assert_eq!(certificate_names(b""), []);
        assert_eq!(certificate_names(b"edge.internal"), []);
    }
}
