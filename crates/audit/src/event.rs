use std::borrow::Cow;

use introspectd_core::ProviderName;
use introspectd_core::text::rfc3339;
use introspectd_service::{Event, Fingerprint};
use serde::Serialize;

use crate::line::{brief, line};

/// Line as it is written. `docs/audit.md` describes the members; operators search for them.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'a str,
    call: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transmitter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Fingerprint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selector: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Cow<'static, str>>,
}

/// Writes an event as a JSON object on a line.
pub(crate) fn event_line(event: &Event<'_>) -> Vec<u8> {
    let Event {
        headline,
        details,
        fingerprint,
        request_id,
        trace_id,
        time,
    } = event;
    line(&Line {
        time: rfc3339(*time),
        event: headline.event_name(),
        call: headline.operation.as_str(),
        request_id,
        trace_id: *trace_id,
        origin: headline.context.origin.to_string(),
        caller: headline.context.caller.map(|caller| caller.name.as_str()),
        policy: headline.context.policy,
        transmitter: details.transmitter.as_deref(),
        provider: details.provider.as_ref().map(ProviderName::as_str),
        fingerprint: *fingerprint,
        token_id: details.token_id.as_ref().map(|id| brief(id.as_str())),
        selector: details.selector.as_ref().map(|(name, _)| *name),
        value: details.shown_value().map(brief),
        count: details.count,
        outcome: headline.outcome.as_str(),
        reason: event.reason(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{Failure, Timestamp, TokenId, TokenValue};
    use introspectd_service::refusal::{
        CallerFault, ClientFault, Inactive, Missing, ProviderFault,
    };
    use introspectd_service::{
        Begun, Caller, Details, EndpointName, Fingerprints, Headline, Identity, Operation, Outcome,
        Permissions, RequestContext, SignedAs,
    };
    use std::sync::Arc;
    use std::time::Duration;

    /// Operation and details, the policy of a decision, and the trace of a request.
    #[derive(Default)]
    struct Note {
        operation: Option<Operation>,
        policy: Option<&'static str>,
        trace_id: Option<&'static str>,
        details: Details,
    }

    impl Note {
        fn of(operation: Operation) -> Self {
            Self {
                operation: Some(operation),
                ..Self::default()
            }
        }

        fn with(operation: Operation, details: Details) -> Self {
            Self {
                operation: Some(operation),
                details,
                ..Self::default()
            }
        }
    }

    fn written(note: &Note, outcome: Outcome<'_>) -> String {
        let key = Fingerprints::keyed(&"a key".to_owned().into());
        let caller = Caller {
            name: "edge".to_owned(),
            permissions: Permissions::of([]),
            secrets: Vec::new(),
            certificate: None,
            tally: Arc::default(),
            rate: None,
            signed: SignedAs::default(),
        };
        let details = &note.details;
        let context = RequestContext {
            origin: &"127.0.0.1:4711",
            caller: Some(&caller),
            policy: note.policy,
            begun: Begun {
                endpoint: EndpointName::Other,
                at: Duration::ZERO,
            },
            identity: &Identity::default(),
        };
        let event = Event {
            headline: Headline {
                operation: note.operation.unwrap(),
                outcome,
                source: None,
                context,
            },
            details,
            fingerprint: (details.token.as_ref().map(|token| key.of(token)))
                .or_else(|| details.hidden_value().map(|value| key.of_text(value))),
            request_id: "r-1",
            trace_id: note.trace_id,
            time: Timestamp::from_seconds(1_700_000_000).unwrap(),
        };
        String::from_utf8(event_line(&event)).unwrap()
    }

    /// Members besides those that every line has.
    fn members(note: &Note, outcome: Outcome<'_>) -> String {
        let line = written(note, outcome);
        let rest = line
            .strip_prefix(r#"{"time":"2023-11-14T22:13:20Z","event":""#)
            .unwrap();
        let rest = rest.strip_suffix("}\n").unwrap();
        rest.replacen(
            r#","request_id":"r-1","origin":"127.0.0.1:4711","caller":"edge""#,
            "",
            1,
        )
    }

    fn about_token(operation: Operation) -> Note {
        let token = TokenValue::parse("abc".to_owned()).ok();
        let provider = ProviderName::parse("bank").ok();
        Note::with(
            operation,
            Details {
                token,
                provider,
                ..Details::default()
            },
        )
    }

    fn id(text: &str) -> Option<TokenId> {
        TokenId::parse(text.to_owned()).ok()
    }

    #[test]
    fn whole_line_has_every_member_in_order() {
        let expected = concat!(
            r#"{"time":"2023-11-14T22:13:20Z","event":"refused","call":"introspect","request_id":"r-1","#,
            r#""origin":"127.0.0.1:4711","caller":"edge","provider":"bank","fingerprint":"47a661cf2f9d5fca","#,
            r#""outcome":"inactive","reason":"expired"}"#,
            "\n"
        );
        assert_eq!(
            written(
                &about_token(Operation::Introspect),
                Outcome::Inactive(Inactive::Expired)
            ),
            expected
        );
    }

    #[test]
    fn line_of_a_traced_request_has_the_id_of_the_trace() {
        let note = Note {
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
            ..about_token(Operation::Revoke)
        };
        let ids = r#""request_id":"r-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","origin""#;
        assert!(written(&note, Outcome::Done).contains(ids));
    }

    #[test]
    fn each_call_has_its_event() {
        for (operation, expected) in [
            (
                Operation::Lookup,
                r#"looked_up","call":"lookup","outcome":"done""#,
            ),
            (Operation::List, r#"listed","call":"list","outcome":"done""#),
            (
                Operation::Revoke,
                r#"revoked","call":"revoke","outcome":"done""#,
            ),
            (
                Operation::Purge,
                r#"purged","call":"purge","outcome":"done""#,
            ),
            (Operation::Bind, r#"bound","call":"bind","outcome":"done""#),
            (
                Operation::Issue,
                r#"issued","call":"issue","outcome":"done""#,
            ),
            (
                Operation::Explain,
                r#"explained","call":"explain","outcome":"done""#,
            ),
        ] {
            assert_eq!(members(&Note::of(operation), Outcome::Done), expected);
            let refused = members(
                &Note::of(operation),
                Outcome::Refused(&CallerFault::AccessDenied.into()),
            );
            assert!(
                refused.starts_with("refused\"")
                    && refused.ends_with(r#""outcome":"access_denied""#)
            );
        }
    }

    #[test]
    fn failed_operation_has_its_error_and_reason() {
        let failed = ProviderFault::NotRevoked(Failure::Timeout).into();
        assert_eq!(
            members(&about_token(Operation::Revoke), Outcome::Refused(&failed)),
            concat!(
                r#"revoked","call":"revoke","provider":"bank","fingerprint":"47a661cf2f9d5fca","#,
                r#""outcome":"upstream_timeout","reason":"the provider gave no answer in time""#
            )
        );
        let missing = Missing {
            scope: true,
            role: false,
            aud: true,
        };
        let insufficient = ClientFault::InsufficientScope {
            scheme: introspectd_service::Scheme::Bearer,
            scope: "x".into(),
            missing,
        }
        .into();
        let note = Note {
            policy: Some("orders"),
            ..Note::of(Operation::Decide)
        };
        assert_eq!(
            members(&note, Outcome::Refused(&insufficient)),
            concat!(
                r#"refused","call":"forward_auth","policy":"orders","outcome":"insufficient_scope","#,
                r#""reason":"scope,aud""#
            )
        );
    }

    #[test]
    fn selector_and_id_are_written() {
        let selector = Some(("provider", Some("bank".to_owned())));
        let note = Note::with(
            Operation::Purge,
            Details {
                selector,
                count: Some(3),
                ..Details::default()
            },
        );
        let purged = r#"purged","call":"purge","selector":"provider","value":"bank","count":3,"outcome":"done""#;
        assert_eq!(members(&note, Outcome::Done), purged);
        for name in ["sub", "client_id"] {
            let selector = Some((name, Some("abc".to_owned())));
            let note = Note::with(
                Operation::Purge,
                Details {
                    selector,
                    count: Some(3),
                    ..Details::default()
                },
            );
            let purged = format!(
                r#"purged","call":"purge","fingerprint":"47a661cf2f9d5fca","selector":"{name}","count":3,"outcome":"done""#
            );
            assert_eq!(
                members(&note, Outcome::Done),
                purged,
                "a value may be a token"
            );
        }
        let note = Note::with(
            Operation::Lookup,
            Details {
                token_id: id("6f2c"),
                ..Details::default()
            },
        );
        let looked_up = r#"looked_up","call":"lookup","token_id":"6f2c","outcome":"done""#;
        assert_eq!(members(&note, Outcome::Done), looked_up);
    }

    #[test]
    fn token_of_no_provider_is_written_as_such() {
        let note = Note::with(
            Operation::Introspect,
            Details {
                is_unrouted: true,
                ..Details::default()
            },
        );
        let members = members(&note, Outcome::Inactive(Inactive::NotKnown));
        assert!(
            members.ends_with(r#""outcome":"inactive","reason":"no_provider""#),
            "{members}"
        );
    }

    #[test]
    fn no_value_breaks_a_line_or_steers_a_terminal() {
        let hostile =
            "a\n\r\u{b}\u{1b}[2J\u{7f}\u{85}\u{9b}2J\u{2028}\u{2029}\u{202e}\u{2066}\"}{\u{e9}";
        let selector = Some(("provider", Some(hostile.to_owned())));
        let details = Details {
            selector,
            ..Details::default()
        };
        let line = written(&Note::with(Operation::Purge, details), Outcome::Done);
        let json = line.strip_suffix('\n').unwrap();
        assert!(
            json.bytes()
                .all(|byte| byte.is_ascii_graphic() || byte > 0x7f),
            "{json}"
        );
        assert!(
            !json.contains([
                '\u{85}', '\u{9b}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}'
            ]),
            "{json}"
        );
        let read: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(read["value"], hostile);
    }

    #[test]
    fn no_line_is_long() {
        let long = "\u{1}\u{e9}".repeat(8000);
        let selector = Some(("provider", Some(long.clone())));
        let details = Details {
            token_id: id(&long),
            selector,
            ..Details::default()
        };
        let line = written(&Note::with(Operation::Lookup, details), Outcome::Done);
        assert!(line.len() < 4096, "{}", line.len());
    }
}
