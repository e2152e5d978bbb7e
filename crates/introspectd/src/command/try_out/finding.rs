//! Table of faults and their remedies.

use std::borrow::Cow;

use introspectd_core::{BadAnswer, NotBearer, Unreachable};

/// Fault, possible cause or note, with its remedy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) weight: Weight,
    pub(super) what: Cow<'static, str>,
    /// Instruction, in one or two sentences.
    pub(super) remedy: Cow<'static, str>,
}

/// Certainty of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Reason why there is no usable answer.
    Fault,
    /// Possible reason.
    Cause,
    /// Remark on an answer that holds.
    Note,
}

type Text = Cow<'static, str>;

pub(super) fn fault(what: impl Into<Text>, remedy: impl Into<Text>) -> Finding {
    Finding {
        weight: Weight::Fault,
        what: what.into(),
        remedy: remedy.into(),
    }
}

pub(super) fn cause(what: impl Into<Text>, remedy: impl Into<Text>) -> Finding {
    Finding {
        weight: Weight::Cause,
        what: what.into(),
        remedy: remedy.into(),
    }
}

pub(super) fn note(what: impl Into<Text>, remedy: impl Into<Text>) -> Finding {
    Finding {
        weight: Weight::Note,
        what: what.into(),
        remedy: remedy.into(),
    }
}

/// Address of the server.
pub(super) struct Place<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) is_https: bool,
    /// Set when `tls.ca` takes the place of the system's authorities.
    pub(super) has_ca: bool,
}

/// Row for each reason why there is no connection.
pub(super) fn unreachable(reason: Unreachable, place: &Place<'_>) -> Finding {
    let Place { host, port, .. } = place;
    match reason {
        Unreachable::NoSuchName => fault(
            format!("the name {host} does not exist"),
            "Correct the host in --endpoint, or add it to /etc/hosts. Names come from /etc/hosts \
                and the servers in /etc/resolv.conf; /etc/nsswitch.conf does not count.",
        ),
        Unreachable::Unresolved => fault(
            format!("the name {host} cannot be resolved: the name servers give no usable answer"),
            "Check the servers in /etc/resolv.conf, or add the host to /etc/hosts.",
        ),
        Unreachable::Refused => fault(
            format!(
                "{host} refuses connections to port {port}: nothing listens there, or a firewall \
                    refuses"
            ),
            "Check that the server runs, and the port in --endpoint. In a container, 127.0.0.1 is \
                the container itself.",
        ),
        Unreachable::NoRoute => fault(
            format!("there is no route to {host}"),
            "Check the network, VPN and firewall of this machine.",
        ),
        Unreachable::Reset => fault(
            format!("{host} resets the connection to port {port}"),
            if place.is_https {
                "Check the port in --endpoint, and firewalls and proxies on the way."
            } else {
                "Write https:// in --endpoint if this is a TLS port, and check firewalls and \
                    proxies on the way."
            },
        ),
        Unreachable::NotOpened => fault(
            "this machine could not open a connection",
            "Look for a lack of file descriptors (ulimit -n) or ports, and for what forbids it: a \
                sandbox, seccomp, a network policy.",
        ),
        Unreachable::UnknownAuthority if place.has_ca => fault(
            "the certificate of the server is from an authority that is not in the file of --ca",
            "Give the file with the certificate of the authority that issued it, or leave --ca \
                out if that is a public one.",
        ),
        Unreachable::UnknownAuthority => fault(
            "the certificate of the server is from an unknown authority",
            "Give the PEM file of its authority with --ca, and have the server send its \
                intermediate certificates.",
        ),
        Unreachable::WrongName => fault(
            format!("the certificate of the server is for another name than {host}"),
            format!(
                "Write a name of the certificate into --endpoint: openssl s_client -connect \
                    {host}:{port} </dev/null | openssl x509 -noout -ext subjectAltName"
            ),
        ),
        Unreachable::Expired => fault(
            "the certificate of the server has expired",
            "Renew it at the server, or set the clock of this machine.",
        ),
        Unreachable::NotYetValid => fault(
            "the certificate of the server is not valid yet",
            "Set the clock of this machine, or of the one that issued the certificate.",
        ),
        Unreachable::AuthorityCertificate => fault(
            "the certificate of the server is an authority's (CA:TRUE), and not a server's",
            "Make it with -addext basicConstraints=critical,CA:FALSE, and name it with --ca.",
        ),
        Unreachable::Certificate => fault(
            "the certificate of the server is not acceptable: malformed, not for servers, or of \
                an outdated algorithm",
            format!("Look at it: openssl s_client -connect {host}:{port} -showcerts </dev/null"),
        ),
        Unreachable::CertificateDemanded => fault(
            "the server demands a client certificate",
            "Give one with --certificate and --key.",
        ),
        Unreachable::CertificateRefused => fault(
            "the server refuses our client certificate",
            "Give one that it knows, within its dates, with its intermediate certificates in the \
                same file.",
        ),
        Unreachable::NotTls => fault(
            format!("what listens on port {port} of {host} does not speak TLS"),
            "Correct the port in --endpoint, or write http:// there (and add --allow-http off \
                this machine).",
        ),
        Unreachable::Tls => fault(
            "the TLS handshake failed",
            "Check that the server offers TLS 1.2 or 1.3, and look into its log.",
        ),
        Unreachable::Proxy(proxy) => fault(
            proxy.to_string(),
            "Correct `proxy` in the provider's section.",
        ),
    }
}

/// Row for a bad answer; `None` where the response says more.
pub(super) fn bad_answer(answer: &BadAnswer, place: &Place<'_>) -> Option<Finding> {
    Some(match answer {
        BadAnswer::NotHttp if place.is_https => fault(
            format!(
                "what listens on port {} of {} does not answer in HTTP",
                place.port, place.host
            ),
            "Correct the port in --endpoint.",
        ),
        BadAnswer::NotHttp => fault(
            format!(
                "what listens on port {} of {} does not answer in HTTP",
                place.port, place.host
            ),
            "Write https:// in --endpoint if this is a TLS port, else correct the port.",
        ),
        BadAnswer::TooLarge => fault(
            "the answer is larger than 1 MiB",
            "Check the path of --endpoint: an introspection answer has some hundred bytes.",
        ),
        BadAnswer::Truncated => fault(
            "the answer breaks off",
            "Look into the logs of the server and of the proxies on the way.",
        ),
        BadAnswer::NotUtf8 => fault(
            "the answer is not UTF-8, which JSON must be (RFC 8259)",
            "Correct the encoding at the server, or at the proxy that recodes.",
        ),
        BadAnswer::Grant => fault(
            "the token endpoint refuses our client",
            "Check --client-id, the secret, --token-endpoint and --client-auth; the client needs \
                the grant `client_credentials`.",
        ),
        BadAnswer::GrantMember(name) => fault(
            format!("the answer of the token endpoint has no usable `{name}`"),
            "Check --token-endpoint: RFC 6749 section 5.1 says what it answers.",
        ),
        BadAnswer::Credentials(_)
        | BadAnswer::Status(_)
        | BadAnswer::Redirect(_)
        | BadAnswer::Compressed
        | BadAnswer::NotAnObject
        | BadAnswer::Member(_)
        | BadAnswer::ElementTooLarge
        | BadAnswer::NotAnArray
        | BadAnswer::UndocumentedError(_)
        | BadAnswer::OtherToken
        | BadAnswer::Signed(_)
        | BadAnswer::TooMany(_)
        | BadAnswer::Undecided(_) => return None,
    })
}

/// Row for a status, by its meaning in RFC 9110.
pub(super) fn status(status: u16) -> Finding {
    match status {
        204 | 205 => fault("the answer has no body", "Check the path of --endpoint."),
        201..300 => fault(
            format!("the server answers with status {status}, where RFC 7662 knows 200 alone"),
            "Check the path of --endpoint.",
        ),
        400 => fault(
            "the server calls the request bad",
            "Look at its answer above, and check that --endpoint is its `introspection_endpoint`.",
        ),
        404 | 410 => fault(
            "there is nothing at this path",
            "Copy `introspection_endpoint` from the server's metadata \
                (/.well-known/openid-configuration or \
             /.well-known/oauth-authorization-server), a slash at its end included.",
        ),
        405 => fault(
            "the server does not take POST at this path",
            "Give its RFC 7662 endpoint, which takes POST: one that takes only GET is of another \
                kind (tokeninfo, userinfo).",
        ),
        406 => fault(
            "the server has no JSON to offer",
            "Check the path of --endpoint, and turn signed answers off.",
        ),
        411 | 413 | 415 => fault(
            format!("the server, or a proxy before it, refuses a form (status {status})"),
            "Check that --endpoint is its RFC 7662 endpoint, which takes \
                application/x-www-form-urlencoded.",
        ),
        421 => fault(
            "the server does not answer for this host name",
            "Write the host that its configuration knows into --endpoint.",
        ),
        429 => fault(
            "the server limits our rate",
            "Wait, or raise the limit for our client there.",
        ),
        502..=504 => fault(
            format!(
                "a proxy before the server answers that it has none behind it (status {status})"
            ),
            "Check that the server runs, and what the proxy says in its log.",
        ),
        500.. => fault(
            format!("the server has an error of its own (status {status})"),
            "Look into its log. Some answer so to a client or token that they cannot read.",
        ),
        _ => fault(
            format!("the server answers with status {status}, which RFC 7662 does not know"),
            "Check the path of --endpoint.",
        ),
    }
}

/// Row for an active token that authorizes no bearer at a gateway.
pub(super) fn not_bearer(reason: NotBearer) -> Finding {
    const REMEDY: &str = "Take an access token for a bearer; /introspect calls this one active, \
        /forward-auth does not.";
    match reason {
        NotBearer::OtherUse => note(
            "a member of the answer names another use than that of an access token",
            REMEDY,
        ),
        NotBearer::OtherScheme => note("`token_type` is another one than Bearer", REMEDY),
        NotBearer::Unproved => note(
            "`cnf` binds the token to a key, so that it is no bearer token",
            "/forward-auth takes it from a client that proves to have the key: see \
                docs/bound-tokens.md.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::ProxyFault;
    use std::collections::BTreeSet;

    const REASONS: [Unreachable; 18] = [
        Unreachable::NoSuchName,
        Unreachable::Unresolved,
        Unreachable::Refused,
        Unreachable::NoRoute,
        Unreachable::Reset,
        Unreachable::NotOpened,
        Unreachable::UnknownAuthority,
        Unreachable::WrongName,
        Unreachable::Expired,
        Unreachable::NotYetValid,
        Unreachable::AuthorityCertificate,
        Unreachable::Certificate,
        Unreachable::CertificateDemanded,
        Unreachable::CertificateRefused,
        Unreachable::NotTls,
        Unreachable::Tls,
        Unreachable::Proxy(ProxyFault::Credentials),
        Unreachable::Proxy(ProxyFault::Status(502)),
    ];

    #[test]
    fn each_reason_has_a_row_of_its_own() {
        let place = |is_https, has_ca| Place {
            host: "as.example",
            port: 8443,
            is_https,
            has_ca,
        };
        let texts = |place: &Place<'_>| -> BTreeSet<_> {
            REASONS
                .iter()
                .map(|reason| unreachable(*reason, place).what)
                .collect()
        };
        assert_eq!(texts(&place(true, false)).len(), REASONS.len());
        assert_ne!(
            texts(&place(true, false)),
            texts(&place(true, true)),
            "--ca is another fault than none"
        );
        let remedy = |is_https| unreachable(Unreachable::Reset, &place(is_https, false)).remedy;
        assert_ne!(remedy(true), remedy(false));
    }
}
