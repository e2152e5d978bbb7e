//! Verdict about an exchange.

use http::Uri;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use introspectd_core::{BadAnswer, Failure, Introspection, Outage, State, Timestamp, Token};
use introspectd_upstream::Exchange;

use super::super::Exit;
use super::credentials::Credentials;
use super::finding::{self, Finding, Place, cause, fault, note};
use super::response::Response;
use super::token::{self, Form, span};

/// Facts beside the exchange.
pub(super) struct Case<'a> {
    pub(super) endpoint: &'a Uri,
    pub(super) credentials: &'a Credentials,
    pub(super) has_ca: bool,
    pub(super) token: &'a str,
    pub(super) form: &'a Form,
    /// Variables that name a proxy, which is not used.
    pub(super) proxies: &'a [&'static str],
    pub(super) now: Timestamp,
}

/// Outcome of the command, with its reasons.
pub(super) struct Verdict {
    pub(super) exit: Exit,
    /// First line of the verdict.
    pub(super) headline: String,
    pub(super) findings: Vec<Finding>,
    /// Set when there is a section to paste: the server answered about a token that is one.
    pub(super) has_section: bool,
}

impl Case<'_> {
    pub(super) fn judge(&self, exchange: &Exchange<Introspection>) -> Verdict {
        match &exchange.outcome {
            Ok(Introspection::Token(token)) => self.of_record(token),
            Ok(Introspection::Inactive) => Verdict {
                exit: Exit::Refused,
                headline: "inactive: the server says so".to_owned(),
                findings: self.of_inactive(),
                has_section: token::faults(self.token).is_empty(),
            },
            Err(failure) => self.of_failure(failure, exchange),
        }
    }

    fn of_record(&self, token: &Token) -> Verdict {
        let (exit, headline, mut findings) = match token.state(self.now) {
            State::Active => (Exit::Fine, active(token, self.now), notes(token)),
            State::Expired => {
                let past = token
                    .exp()
                    .map_or(0, |exp| self.now.seconds() - exp.seconds());
                let headline = format!(
                    "inactive: the server says active, and `exp` was {} ago",
                    span(past)
                );
                let remedy = "Take a fresh token; if this one is fresh, set the clock of this \
                    machine or of the server.";
                (
                    Exit::Refused,
                    headline,
                    vec![fault(
                        "the token's time is over by the clock of this machine",
                        remedy,
                    )],
                )
            }
            State::NotYetValid => {
                let ahead = token
                    .nbf
                    .map_or(0, |nbf| nbf.seconds() - self.now.seconds());
                let headline = format!(
                    "inactive: the server says active, and `nbf` is {} ahead",
                    span(ahead)
                );
                let remedy = "Set the clock of this machine or of the server, or give \
                    --clock-skew 60s for small differences.";
                (
                    Exit::Refused,
                    headline,
                    vec![fault(
                        "the token's time has not come by the clock of this machine",
                        remedy,
                    )],
                )
            }
            // A server of RFC 7662 says active or inactive.
            State::Revoked | State::Unknown => (Exit::Refused, "inactive".to_owned(), Vec::new()),
        };
        findings.extend(token.exp().and_then(in_milliseconds));
        Verdict {
            exit,
            headline,
            findings,
            has_section: true,
        }
    }

    fn of_inactive(&self) -> Vec<Finding> {
        let mut causes = token::faults(self.token);
        if let Form::Jwt(claims) = self.form {
            let host = self.endpoint.host().unwrap_or_default();
            causes.extend(claims.causes(self.now.seconds(), self.credentials.client_id(), host));
        }
        causes.extend([
            cause(
                "the token is over, was revoked, or is of another server, realm or tenant",
                "Take a fresh token of this server.",
            ),
            cause(
                "our client may not see the token: many servers then say inactive (RFC 7662 \
                    section 4)",
                "Give the client the right to introspect, or put it into the token's audience; \
                    docs/providers says what each server asks.",
            ),
            cause(
                "it is a refresh or ID token, or a JWT that the server does not keep",
                "Take the access token, `access_token` in the answer of the token endpoint.",
            ),
        ]);
        causes
    }

    fn of_failure(&self, failure: &Failure, exchange: &Exchange<Introspection>) -> Verdict {
        let body = exchange.body.as_deref().unwrap_or_default();
        let response = Response {
            endpoint: self.endpoint,
            head: exchange.head.as_ref(),
            body,
        };
        let mut findings = match failure {
            Failure::Unavailable { outage, .. } => self.of_outage(*outage, &response),
            Failure::BadAnswer(answer) => self.of_answer(answer, &response),
            Failure::Timeout
            | Failure::ConnectTimeout
            | Failure::ProxyTimeout
            | Failure::QueueTimeout => {
                vec![self.of_timeout(failure)]
            }
            // No request can be sent to the address.
            Failure::Unsupported => {
                vec![fault(
                    "no request can be sent to the endpoint",
                    "Correct --endpoint.",
                )]
            }
        };
        if !self.proxies.is_empty() && exchange.head.is_none() {
            let what = format!(
                "{} is set but ignored: connections to providers are direct",
                self.proxies.join(", ")
            );
            findings.push(note(
                what,
                "Open the direct way to the server, or write proxy = \"http://HOST:PORT\" into its \
                    section.",
            ));
        }
        let is_refusal = matches!(
            failure,
            Failure::BadAnswer(BadAnswer::Credentials(_) | BadAnswer::Grant)
        ) || is_about_client(&response);
        Verdict {
            exit: if is_refusal {
                Exit::Refused
            } else {
                Exit::Unreachable
            },
            headline: format!(
                "no answer about the token; the log of the service would say: {failure}"
            ),
            findings,
            has_section: false,
        }
    }

    fn of_timeout(&self, failure: &Failure) -> Finding {
        let place = self.place();
        if *failure == Failure::ConnectTimeout {
            return fault(
                format!(
                    "no connection to port {} of {} came about in time",
                    place.port, place.host
                ),
                "Check the port in --endpoint, and firewalls that drop what they do not let pass.",
            );
        }
        fault(
            "the server gave no answer in time",
            "Give it more with --timeout 10s (`timeout`, by default 2s), and find out why it is \
                slow.",
        )
    }

    fn of_outage(&self, outage: Outage, response: &Response<'_>) -> Vec<Finding> {
        match outage {
            Outage::Unreachable(reason) => vec![finding::unreachable(reason, &self.place())],
            Outage::Closed => vec![fault(
                "the server closed the connection without an answer",
                if self.place().is_https {
                    "Look into the logs of the server and of the proxies on the way."
                } else {
                    "Write https:// in --endpoint if this is a TLS port, and look into the \
                        server's log."
                },
            )],
            Outage::Status(status) => {
                let mut findings = vec![finding::status(status)];
                if let Some(wait) = response.header(&RETRY_AFTER) {
                    findings.push(note(
                        format!("it asks to wait: Retry-After {wait}"),
                        "Run it again then.",
                    ));
                }
                findings
            }
            Outage::Overloaded
            | Outage::BreakerOpen
            | Outage::Throttled
            | Outage::NoMetadata
            | Outage::KeysMissing
            | Outage::Purged
            | Outage::Abandoned
            | Outage::Bindings(_)
            | Outage::NotSaved
            | Outage::NotShared => {
                vec![fault(outage.to_string(), "Run it again.")]
            }
        }
    }

    fn of_answer(&self, answer: &BadAnswer, response: &Response<'_>) -> Vec<Finding> {
        let challenge = response.header(&WWW_AUTHENTICATE);
        let status = status_of(answer);
        let is_refusal = matches!(answer, BadAnswer::Credentials(_)) || is_about_client(response);
        if let Some(status) = status.filter(|_| is_refusal) {
            return self.credentials.refused(status, challenge);
        }
        let mut findings = match finding::bad_answer(answer, &self.place()) {
            Some(finding) => vec![finding],
            None => response.findings(answer),
        };
        if let Some(status) = status {
            findings.extend(token::faults(self.token));
            // Some call a header bad that they cannot decode.
            findings.extend(
                self.credentials
                    .encoding_matters()
                    .filter(|_| status == 400),
            );
        }
        findings
    }

    fn place(&self) -> Place<'_> {
        let is_https = self.endpoint.scheme_str() == Some("https");
        Place {
            host: self.endpoint.host().unwrap_or_default(),
            port: self
                .endpoint
                .port_u16()
                .unwrap_or(if is_https { 443 } else { 80 }),
            is_https,
            has_ca: self.has_ca,
        }
    }
}

fn status_of(answer: &BadAnswer) -> Option<u16> {
    if let BadAnswer::Credentials(status) | BadAnswer::Status(status) = answer {
        Some(*status)
    } else {
        None
    }
}

/// Detects a refusal of the client with another status than 401 (RFC 6749 section 5.2 has 400).
fn is_about_client(response: &Response<'_>) -> bool {
    let is_error = response
        .head
        .is_some_and(|head| head.status.is_client_error());
    is_error
        && response
            .error()
            .is_some_and(|it| matches!(&*it, "invalid_client" | "unauthorized_client"))
}

fn active(token: &Token, now: Timestamp) -> String {
    match token.exp() {
        Some(exp) => format!("active for another {}", span(exp.seconds() - now.seconds())),
        None => "active, without an end".to_owned(),
    }
}

/// Notes about an active token that a policy or gateway may refuse.
fn notes(token: &Token) -> Vec<Finding> {
    let mut notes: Vec<_> = token
        .not_bearer()
        .map(finding::not_bearer)
        .into_iter()
        .collect();
    if token.aud.is_none() {
        notes.push(note(
            "the answer has no `aud`: the token is for no audience in particular",
            "Leave `aud` out of policies, or have the server name an audience.",
        ));
    }
    notes
}

/// Moment after every plausible `exp`, and before milliseconds that are taken for seconds.
const YEAR_2500: i64 = 16_725_225_600;

fn in_milliseconds(exp: Timestamp) -> Option<Finding> {
    (exp.seconds() > YEAR_2500).then(|| {
        note(
            "`exp` lies in a far future: the server may count in milliseconds",
            "Have the server write seconds (RFC 7662 section 2.2); until then its tokens never \
                end here.",
        )
    })
}
