use std::borrow::Cow;

use introspectd_audit::{Fingerprint, brief, rfc3339};
use introspectd_core::{ProviderName, Timestamp};
use introspectd_server::Origin;
use serde::Serialize;

use super::event::{Call, Note, Outcome};

/// One line, but for what is the same of all calls of a request.
pub(crate) struct Event<'a> {
    pub(crate) time: Timestamp,
    pub(crate) request_id: &'a str,
    pub(crate) origin: Origin,
    pub(crate) caller: Option<&'a str>,
    pub(crate) call: Call,
    pub(crate) note: &'a Note,
    /// Of the note's token, or of the value that is not shown.
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) outcome: Outcome<'a>,
}

/// As it is written. `docs/audit.md` says what the members mean: whoever changes one changes what operators search for.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'a str,
    call: &'a str,
    request_id: &'a str,
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
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

impl Event<'_> {
    /// A JSON object on a line.
    pub(crate) fn line(&self) -> Vec<u8> {
        let Self { time, request_id, origin, caller, call, note, fingerprint, outcome } = self;
        let selector = note.selector.as_ref();
        introspectd_audit::line(&Line {
            time: rfc3339(*time),
            event: call.event(*outcome),
            call: call.word(),
            request_id,
            origin: origin.to_string(),
            caller: *caller,
            policy: note.policy.as_deref(),
            provider: note.provider.as_ref().map(ProviderName::as_str),
            fingerprint: *fingerprint,
            token_id: note.token_id.as_ref().map(|id| brief(id.as_str())),
            selector: selector.map(|(name, _)| *name),
            value: note.shown_value().map(brief),
            count: note.count,
            outcome: outcome.word(),
            reason: outcome.reason(note),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;
    use introspectd_audit::Fingerprints;
    use introspectd_core::{Failure, TokenId, TokenValue};
    use introspectd_service::refusal::Inactive;
    use introspectd_service::refusal::Missing;

    fn line(note: &Note, outcome: Outcome<'_>) -> String {
        let key = Fingerprints::keyed(&"a key".to_owned().into());
        let event = Event {
            time: Timestamp::from_seconds(1_700_000_000).unwrap(),
            request_id: "r-1",
            origin: Origin::Tcp("127.0.0.1:4711".parse().unwrap()),
            caller: Some("edge"),
            call: note.call.unwrap(),
            note,
            fingerprint: (note.token.as_ref().map(|token| key.of(token)))
                .or_else(|| note.hidden_value().map(|value| key.of_text(value))),
            outcome,
        };
        String::from_utf8(event.line()).unwrap()
    }

    /// What stands between the members that every line has.
    fn told(note: &Note, outcome: Outcome<'_>) -> String {
        let line = line(note, outcome);
        let rest = line.strip_prefix(r#"{"time":"2023-11-14T22:13:20Z","event":""#).unwrap();
        let rest = rest.strip_suffix("}\n").unwrap();
        rest.replacen(r#","request_id":"r-1","origin":"127.0.0.1:4711","caller":"edge""#, "", 1)
    }

    fn about_token(call: Call) -> Note {
        let token = TokenValue::parse("abc".to_owned()).ok();
        let provider = ProviderName::parse("bank").ok();
        Note { token, provider, ..Note::of(call) }
    }

    fn id(text: &str) -> Option<TokenId> {
        TokenId::parse(text.to_owned()).ok()
    }

    #[test]
    fn a_whole_line() {
        let expected = concat!(
            r#"{"time":"2023-11-14T22:13:20Z","event":"refused","call":"introspect","request_id":"r-1","#,
            r#""origin":"127.0.0.1:4711","caller":"edge","provider":"bank","fingerprint":"47a661cf2f9d5fca","#,
            r#""outcome":"inactive","reason":"expired"}"#,
            "\n"
        );
        assert_eq!(line(&about_token(Call::Introspect), Outcome::Inactive(Inactive::Expired)), expected);
    }

    #[test]
    fn each_call_has_its_event() {
        for (call, expected) in [
            (Call::Lookup, r#"looked_up","call":"lookup","outcome":"done""#),
            (Call::List, r#"listed","call":"list","outcome":"done""#),
            (Call::Revoke, r#"revoked","call":"revoke","outcome":"done""#),
            (Call::Purge, r#"purged","call":"purge","outcome":"done""#),
            (Call::Bind, r#"bound","call":"bind","outcome":"done""#),
            (Call::Issue, r#"issued","call":"issue","outcome":"done""#),
            (Call::Explain, r#"explained","call":"explain","outcome":"done""#),
        ] {
            assert_eq!(told(&Note::of(call), Outcome::Done), expected);
            let refused = told(&Note::of(call), Outcome::Problem(&Problem::AccessDenied));
            assert!(refused.starts_with("refused\"") && refused.ends_with(r#""outcome":"access_denied""#));
        }
    }

    #[test]
    fn what_was_not_done_is_told_with_its_error_and_reason() {
        let failed = Problem::NotRevoked(Failure::Timeout);
        assert_eq!(
            told(&about_token(Call::Revoke), Outcome::Problem(&failed)),
            concat!(
                r#"revoked","call":"revoke","provider":"bank","fingerprint":"47a661cf2f9d5fca","#,
                r#""outcome":"upstream_timeout","reason":"the provider gave no answer in time""#
            )
        );
        let missing = Missing { scope: true, role: false, aud: true };
        let insufficient = Problem::InsufficientScope { challenge: "x".into(), missing };
        let note = Note { policy: Some("orders".to_owned()), ..Note::of(Call::ForwardAuth) };
        assert_eq!(
            told(&note, Outcome::Problem(&insufficient)),
            concat!(
                r#"refused","call":"forward_auth","policy":"orders","outcome":"insufficient_scope","#,
                r#""reason":"scope,aud""#
            )
        );
    }

    #[test]
    fn what_was_meant_is_told() {
        let selector = Some(("provider", Some("bank".to_owned())));
        let note = Note { selector, count: Some(3), ..Note::of(Call::Purge) };
        let purged =
            r#"purged","call":"purge","selector":"provider","value":"bank","count":3,"outcome":"done""#;
        assert_eq!(told(&note, Outcome::Done), purged);
        for name in ["sub", "client_id"] {
            let selector = Some((name, Some("abc".to_owned())));
            let note = Note { selector, count: Some(3), ..Note::of(Call::Purge) };
            let purged = format!(
                r#"purged","call":"purge","fingerprint":"47a661cf2f9d5fca","selector":"{name}","count":3,"outcome":"done""#
            );
            assert_eq!(told(&note, Outcome::Done), purged, "a value may be a token");
        }
        let note = Note { token_id: id("6f2c"), ..Note::of(Call::Lookup) };
        let looked_up = r#"looked_up","call":"lookup","token_id":"6f2c","outcome":"done""#;
        assert_eq!(told(&note, Outcome::Done), looked_up);
    }

    #[test]
    fn a_token_of_nobody_is_told_as_such() {
        let note = Note { is_nobodys: true, ..Note::of(Call::Introspect) };
        let told = told(&note, Outcome::Inactive(Inactive::NotKnown));
        assert!(told.ends_with(r#""outcome":"inactive","reason":"no_provider""#), "{told}");
    }

    #[test]
    fn no_value_breaks_a_line_or_steers_a_terminal() {
        let hostile = "a\n\r\u{b}\u{1b}[2J\u{7f}\u{85}\u{9b}2J\u{2028}\u{2029}\u{202e}\u{2066}\"}{\u{e9}";
        let selector = Some(("provider", Some(hostile.to_owned())));
        let line = line(&Note { selector, ..Note::of(Call::Purge) }, Outcome::Done);
        let json = line.strip_suffix('\n').unwrap();
        assert!(json.bytes().all(|byte| byte.is_ascii_graphic() || byte > 0x7f), "{json}");
        assert!(
            !json.contains(['\u{85}', '\u{9b}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}']),
            "{json}"
        );
        let read: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(read["value"], hostile);
    }

    #[test]
    fn no_line_is_long() {
        let long = "\u{1}\u{e9}".repeat(8000);
        let selector = Some(("provider", Some(long.clone())));
        let line = line(&Note { token_id: id(&long), selector, ..Note::of(Call::Lookup) }, Outcome::Done);
        assert!(line.len() < 4096, "{}", line.len());
    }
}
