use std::time::Duration;

use introspectd_service::{Binding, CertificateHeader, ProofRules, RequestHeaders, UrlHeaders};
use introspectd_settings::Section;

/// Longest and shortest age of a nonce.
const NONCE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(60 * 60);

/// Headers that the client itself writes, so that they say nothing of what the proxy saw.
const OF_CLIENT: [&str; 3] = ["authorization", "dpop", "host"];

/// Reads the keys of a policy for tokens that are bound to a key.
pub(super) fn read(section: &mut Section) -> ProofRules {
    let rules = ProofRules {
        binding: read_binding(section),
        nonce: section
            .has("nonce")
            .then(|| section.duration("nonce", Duration::from_secs(300), NONCE)),
        request: read_request(section),
        certificate: read_certificate(section),
    };
    if rules.binding == Binding::Pass
        && (rules.nonce.is_some() || rules.request.is_some() || rules.certificate.is_some())
    {
        let what = "is \"pass\", so that nonce, request and certificate mean nothing";
        section.problem("binding", what, "Leave these out, or write \"enforce\".");
    }
    rules
}

fn read_binding(section: &mut Section) -> Binding {
    match section.text("binding").as_deref() {
        None | Some("enforce") => Binding::Enforce,
        Some("require") => Binding::Require,
        Some("pass") => Binding::Pass,
        Some(other) => {
            let remedy = "Write \"enforce\", \"require\" or \"pass\".";
            section.problem("binding", format!("cannot be {other:?}"), remedy);
            Binding::Enforce
        }
    }
}

fn read_certificate(section: &mut Section) -> Option<CertificateHeader> {
    let name = section.text("certificate")?;
    if name.eq_ignore_ascii_case("client-cert") {
        return Some(CertificateHeader::ClientCert);
    }
    if name.eq_ignore_ascii_case("x-forwarded-client-cert") {
        return Some(CertificateHeader::ForwardedClientCert);
    }
    let remedy = "Write \"Client-Cert\" or \"X-Forwarded-Client-Cert\".";
    section.problem("certificate", format!("cannot be {name:?}"), remedy);
    None
}

fn read_request(section: &mut Section) -> Option<RequestHeaders> {
    if !section.has("request") {
        return None;
    }
    let mut request = section.section("request");
    let example = "Write { method = \"X-Forwarded-Method\", url = [\"X-Forwarded-Proto\", \
        \"X-Forwarded-Host\", \"X-Forwarded-Uri\"] }.";
    let method = request.required_text("method", example);
    let names = request.texts("url").unwrap_or_default();
    let all = method.iter().chain(&names);
    let odd: Vec<_> = all.filter(|name| !is_written_by_proxy(name)).collect();
    for name in &odd {
        let remedy = "Name a header that the proxy overwrites.";
        request.problem(
            "",
            format!("{name:?} cannot be the proxy's own header"),
            remedy,
        );
    }
    let has_odd = !odd.is_empty();
    let lower = |name: String| name.to_ascii_lowercase();
    let url = match <[String; 3]>::try_from(names) {
        Ok(parts) => Some(UrlHeaders::Parts(parts.map(lower))),
        Err(mut names) => match (names.pop(), names.is_empty()) {
            (Some(whole), true) => Some(UrlHeaders::Whole(lower(whole))),
            _ => {
                let what = "needs three headers (scheme, host and path), or one with the whole URL";
                request.problem("url", what, example);
                None
            }
        },
    };
    request.finish();
    let (method, url) = (method.map(lower)?, url?);
    (!has_odd).then_some(RequestHeaders { method, url })
}

fn is_written_by_proxy(name: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_of_client = |known: &&str| name.eq_ignore_ascii_case(known);
    !name.is_empty() && name.bytes().all(is_name) && !OF_CLIENT.iter().any(is_of_client)
}

#[cfg(test)]
mod tests {
    use introspectd_settings::Environment;

    use super::*;
    use crate::Config;

    fn read(keys: &str) -> Result<Config, String> {
        let text = format!("[policies.orders]\n{keys}\n");
        Config::parse(&text, "a file", &Environment::new()).map_err(|problems| problems.to_string())
    }

    fn rules(keys: &str, check: impl Fn(&ProofRules)) {
        let config = read(keys).unwrap_or_else(|problems| panic!("{problems}"));
        check(config.policies.named("orders").unwrap().1.proof());
    }

    #[test]
    fn keys_of_bound_tokens_are_read() {
        rules("", |rules| {
            assert_eq!(rules.binding, Binding::Enforce);
            assert!(rules.nonce.is_none() && rules.request.is_none());
            assert!(rules.certificate.is_none() && !rules.offers_dpop());
        });
        let parts = r#"
            binding = "require"
            nonce = "5m"
            certificate = "Client-Cert"
            request = { method = "X-Forwarded-Method", url = [
        "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"
    ] }
        "#;
        rules(parts, |rules| {
            assert_eq!(rules.binding, Binding::Require);
            assert_eq!(rules.nonce, Some(Duration::from_secs(300)));
            assert_eq!(rules.certificate, Some(CertificateHeader::ClientCert));
            let request = rules.request.as_ref().unwrap();
            assert_eq!(request.method, "x-forwarded-method");
            assert!(
                matches!(&request.url, UrlHeaders::Parts([_, _, path]) if path == "x-forwarded-uri")
            );
            assert!(rules.offers_dpop() && rules.offers_bearer());
        });
        let whole = r#"request = { method = "X-Method", url = ["X-Original-URL"] }"#;
        rules(whole, |rules| {
            let request = rules.request.as_ref().unwrap();
            assert_eq!(request.url, UrlHeaders::Whole("x-original-url".to_owned()));
        });
    }

    #[test]
    fn policy_that_leaves_it_to_the_application_is_listed() {
        let config = read("binding = \"pass\"").unwrap();
        assert_eq!(config.unproven_policies().collect::<Vec<_>>(), ["orders"]);
        let config = read("binding = \"enforce\"").unwrap();
        assert_eq!(config.unproven_policies().count(), 0);
    }

    #[test]
    fn what_could_not_be_meant_is_refused() {
        for (keys, what) in [
            ("binding = \"off\"", "\"enforce\", \"require\" or \"pass\""),
            ("binding = \"pass\"\nnonce = \"5m\"", "mean nothing"),
            ("nonce = \"1s\"", "out of bounds"),
            ("nonce = \"2h\"", "out of bounds"),
            ("certificate = \"X-Client-Cert\"", "Client-Cert"),
            ("cache = \"public\"", "\"private\""),
            ("request = \"X-Forwarded-Method\"", "table"),
            ("request = { method = \"X-M\" }", "three headers"),
            ("request = { url = [\"X-U\"] }", "X-Forwarded-Method"),
            (
                "request = { method = \"X-M\", url = [\"X-A\", \"X-B\"] }",
                "three headers",
            ),
            (
                "request = { method = \"X-M\", url = [\"Host\"] }",
                "overwrites",
            ),
            (
                "request = { method = \"DPoP\", url = [\"X-U\"] }",
                "overwrites",
            ),
            (
                "request = { method = \"X M\", url = [\"X-U\"] }",
                "overwrites",
            ),
            (
                "request = { method = \"X-M\", url = [\"X-U\"], host = \"x\" }",
                "not a known key",
            ),
        ] {
            let problems = read(keys).map(drop).expect_err(keys);
            assert!(problems.contains(what), "{keys}: {problems}");
        }
    }
}
