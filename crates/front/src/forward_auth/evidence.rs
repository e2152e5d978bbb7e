use http::HeaderMap;
use introspectd_service::{
    CertificateHeader, ClientRequest, Evidence, ProofFault, ProofRules, Target, Thumbprint,
    UrlHeaders,
};

use super::certificate;

/// Client's request as a proxy's message describes it, in place of headers.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    /// Method.
    pub method: &'a str,
    /// Scheme of the URL.
    pub scheme: &'a str,
    /// Host with its port.
    pub host: &'a str,
    /// Path with its query.
    pub path: &'a str,
    /// Certificate of the client as PEM in percent-encoding; empty if there is none.
    pub certificate: &'a str,
}

/// Evidence of a client in its proxy's words: a message describes the request, or the headers do
/// that the policy names, and no others.
pub(crate) struct ClientEvidence<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) described: Option<&'a Described<'a>>,
    pub(crate) rules: &'a ProofRules,
}

/// Header with a proof (RFC 9449 section 4.1).
pub(crate) const DPOP: &str = "dpop";

impl Evidence for ClientEvidence<'_> {
    fn proof(&self) -> Result<&str, ProofFault> {
        let mut values = self.headers.get_all(DPOP).iter();
        match (values.next(), values.next()) {
            (None, _) => Err(ProofFault::Missing),
            (Some(_), Some(_)) => Err(ProofFault::Repeated),
            (Some(proof), None) => proof.to_str().map_err(|_| ProofFault::Malformed),
        }
    }

    fn request(&self) -> Result<ClientRequest<'_>, ProofFault> {
        self.said().ok_or(ProofFault::RequestUnknown)
    }

    fn certificate(&self) -> Option<Thumbprint> {
        if let Some(described) = self.described {
            return certificate::of_pem(described.certificate);
        }
        match self.rules.certificate? {
            CertificateHeader::ClientCert => certificate::of_field(self.only("client-cert")?),
            CertificateHeader::ForwardedClientCert => {
                certificate::of_forwarded(self.only("x-forwarded-client-cert")?)
            }
        }
    }
}

impl ClientEvidence<'_> {
    /// Returns method and URL, unless the proxy says them not at all, twice, or not clearly.
    fn said(&self) -> Option<ClientRequest<'_>> {
        if let Some(described) = self.described {
            let Described {
                method,
                scheme,
                host,
                path,
                ..
            } = *described;
            let target = Target::of_request(scheme, host, path)?;
            return (!method.is_empty()).then_some(ClientRequest { method, target });
        }
        let names = self.rules.request.as_ref()?;
        let target = match &names.url {
            UrlHeaders::Whole(url) => Target::parse(self.only(url)?)?,
            UrlHeaders::Parts([scheme, host, path]) => {
                Target::of_request(self.only(scheme)?, self.only(host)?, self.only(path)?)?
            }
        };
        let method = self.only(&names.method).filter(|it| !it.is_empty())?;
        Some(ClientRequest { method, target })
    }

    /// Returns the only value of a header. Of two, one may be the client's own.
    fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use introspectd_service::RequestHeaders;

    fn rules() -> ProofRules {
        let name = str::to_owned;
        ProofRules {
            request: Some(RequestHeaders {
                method: name("x-forwarded-method"),
                url: UrlHeaders::Parts([
                    name("x-forwarded-proto"),
                    name("x-forwarded-host"),
                    name("x-forwarded-uri"),
                ]),
            }),
            ..ProofRules::default()
        }
    }

    const ASKED: [(&str, &str); 4] = [
        ("x-forwarded-method", "POST"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "API.example:443"),
        ("x-forwarded-uri", "/orders?page=2"),
    ];

    fn said(headers: &[(&str, &str)], rules: &ProofRules) -> Option<(String, String)> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let evidence = ClientEvidence {
            headers: &headers,
            described: None,
            rules,
        };
        let request = evidence.request().ok()?;
        Some((
            request.method.to_owned(),
            request.target.as_str().to_owned(),
        ))
    }

    #[test]
    fn method_and_url_come_from_the_headers_that_the_policy_names() {
        let expected = ("POST".to_owned(), "https://api.example/orders".to_owned());
        assert_eq!(said(&ASKED, &rules()), Some(expected.clone()));
        let others = [
            ("host", "evil.example"),
            ("x-original-url", "/"),
            ("forwarded", "x"),
        ];
        let headers = [&ASKED[..], &others].concat();
        assert_eq!(said(&headers, &rules()), Some(expected.clone()));
        let whole = ProofRules {
            request: Some(RequestHeaders {
                method: "x-original-method".to_owned(),
                url: UrlHeaders::Whole("x-original-url".to_owned()),
            }),
            ..ProofRules::default()
        };
        let headers = [
            ("x-original-method", "POST"),
            ("x-original-url", "https://api.example/orders?page=2"),
        ];
        assert_eq!(said(&headers, &whole), Some(expected));
        assert_eq!(said(&ASKED, &whole), None);
        assert_eq!(said(&ASKED, &ProofRules::default()), None);
    }

    #[test]
    fn request_that_is_not_clearly_said_is_unknown() {
        for (name, value) in ASKED {
            let others: Vec<_> = ASKED.into_iter().filter(|it| it.0 != name).collect();
            assert_eq!(said(&others, &rules()), None, "without {name}");
            let twice = [&ASKED[..], &[(name, value)]].concat();
            assert_eq!(said(&twice, &rules()), None, "{name} twice");
            let odd = [others.as_slice(), &[(name, "")]].concat();
            assert_eq!(said(&odd, &rules()), None, "{name} empty");
        }
        let listed = [
            &ASKED[..1],
            &[("x-forwarded-proto", "https, http")],
            &ASKED[2..],
        ]
        .concat();
        assert_eq!(said(&listed, &rules()), None);
    }
}
