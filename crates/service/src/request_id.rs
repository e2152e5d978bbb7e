use introspectd_core::TokenValue;
use introspectd_core::ask::Context;

use crate::event::{Details, Operation};
use crate::proposed::reveals;

/// Settles the ids of a request as lines have them. What reveals a secret of the request is
/// replaced, or hidden: a client, or its proxy, may have put its token there. `details` hold all
/// secrets that will ever be known.
pub(crate) fn settle(context: &Context, operation: Operation, details: &Details) {
    let token = details.token.as_ref().map(TokenValue::expose);
    let secrets: Vec<_> = token.into_iter().chain(details.hidden_value()).collect();
    settle_within(context, &secrets, operation.knows_secrets(details));
}

/// Settles the ids of the current request before a provider is asked, so that lines about that
/// bear them.
pub(crate) fn settle_current(operation: Operation, details: &Details) {
    Context::with_current(|context| settle(context, operation, details));
}

/// Settles the ids of the current request, all of whose secrets are these.
pub(crate) fn settle_beside(secrets: &[&str]) {
    Context::with_current(|context| settle_within(context, secrets, true));
}

fn settle_within(context: &Context, secrets: &[&str], are_all: bool) {
    let is_revealing = |id: &str| secrets.iter().any(|secret| reveals(id, secret));
    if context.trace_id().is_some_and(is_revealing) {
        context.hide_trace();
    }
    context.settle_request_id(|proposed| {
        let proposed = proposed.filter(|id| are_all && !is_revealing(id));
        proposed.map_or_else(random_id, str::to_owned)
    });
}

/// Returns 128 random bits. Without entropy every id is zero; ids are not a security boundary.
fn random_id() -> String {
    let mut bytes = [0; 16];
    let _ = getrandom::fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposed::{MAX_BYTES, RequestIds, named_trace, proposed_id};
    use introspectd_core::TokenId;
    use introspectd_core::trace::{Trace, TraceParent};
    use secrecy::SecretString;

    /// Request with an id and credentials.
    #[derive(Default)]
    struct Sent<'a> {
        id: Option<&'a str>,
        credentials: &'a [&'a str],
        trace: Option<&'a str>,
    }

    impl RequestIds for Sent<'_> {
        fn proposed(&self) -> Option<&str> {
            self.id
        }

        fn credentials(&self) -> Vec<SecretString> {
            self.credentials.iter().map(|text| (*text).into()).collect()
        }

        fn traceparent(&self) -> Option<TraceParent> {
            TraceParent::parse(self.trace?.as_bytes())
        }
    }

    fn settled(sent: &Sent<'_>, operation: Operation, details: &Details) -> Context {
        let trace = named_trace(sent).map(Trace::of_caller);
        let context = Context::new(trace, proposed_id(sent));
        settle(&context, operation, details);
        context
    }

    fn of(id: Option<&str>) -> String {
        let sent = Sent {
            id,
            ..Sent::default()
        };
        let context = settled(&sent, Operation::List, &Details::default());
        context.request_id().unwrap().to_owned()
    }

    fn is_taken(id: &str, credentials: &[&str], operation: Operation, details: &Details) -> bool {
        let sent = Sent {
            id: Some(id),
            credentials,
            ..Sent::default()
        };
        settled(&sent, operation, details).request_id() == Some(id)
    }

    fn with_token() -> Details {
        let token = TokenValue::parse("b_0123456789".to_owned()).ok();
        Details {
            token,
            ..Details::default()
        }
    }

    #[test]
    fn sane_id_is_taken() {
        let longest = "x".repeat(MAX_BYTES);
        for id in ["1", "a-b_c/{d}", &longest] {
            assert_eq!(of(Some(id)), id);
        }
    }

    #[test]
    fn any_other_id_is_replaced() {
        let long = "x".repeat(MAX_BYTES + 1);
        for id in [
            None,
            Some(""),
            Some("a b"),
            Some("a\tb"),
            Some("\u{e9}"),
            Some(&*long),
        ] {
            let id = of(id);
            assert!(
                id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{id}"
            );
        }
        assert_ne!(of(None), of(None));
    }

    #[test]
    fn any_proposal_that_is_taken_reveals_no_secret() {
        let secrets = ["b_0123456789", "s3cret+%"];
        introspectd_fuzz::check!(&[b"req-1", b"edge:s3cret+%"], |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let sent = Sent {
                id: Some(&text),
                credentials: &secrets,
                ..Sent::default()
            };
            if let Some(id) = crate::proposed::proposed_id(&sent) {
                assert!(id == text && id.bytes().all(|byte| byte.is_ascii_graphic()));
                assert!(!secrets.iter().any(|secret| id.contains(secret)));
            }
        });
    }

    #[test]
    fn id_that_reveals_the_token_is_replaced() {
        let details = with_token();
        for id in ["b_0123456789", "req-b_0123456789-1", "b_012345", "23456789"] {
            assert!(!is_taken(id, &[], Operation::Revoke, &details), "{id}");
        }
        for id in ["1", "b_01234", "b_0123456780", "B_0123456789", "0123x56789"] {
            assert!(is_taken(id, &[], Operation::Revoke, &details), "{id}");
        }
    }

    #[test]
    fn id_that_reveals_credentials_is_replaced() {
        let credentials = ["b_0123456789", "", "s3cret+%"];
        for id in [
            "b_0123456789",
            "r/b_0123456789/1",
            "s3cret+%",
            "edge:s3cret+%",
            "01234567",
        ] {
            assert!(
                !is_taken(id, &credentials, Operation::List, &Details::default()),
                "{id}"
            );
        }
        for id in ["edge-1", "Basic", "Bearer", "1"] {
            assert!(
                is_taken(id, &credentials, Operation::List, &Details::default()),
                "{id}"
            );
        }
    }

    #[test]
    fn trace_id_that_is_a_secret_is_hidden_or_none() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let trace = format!("00-{id}-00f067aa0ba902b7-01");
        let sent = |credentials| Sent {
            trace: Some(&trace),
            credentials,
            ..Sent::default()
        };
        let trace_of = |token: &str, credentials| {
            let token = TokenValue::parse(token.to_owned()).ok();
            let details = Details {
                token,
                ..Details::default()
            };
            let context = settled(&sent(credentials), Operation::Introspect, &details);
            context.trace_id().map(str::to_owned)
        };
        assert_eq!(trace_of("b_0123456789", &[]).as_deref(), Some(id));
        assert_eq!(trace_of(id, &[]), None);
        assert_eq!(trace_of("b_0123456789", &[id]), None);
    }

    #[test]
    fn id_of_an_unread_request_is_replaced() {
        let unread = Details::default();
        for (operation, taken) in [
            (Operation::Revoke, false),
            (Operation::Introspect, false),
            (Operation::Decide, true),
        ] {
            assert_eq!(
                is_taken("req-1", &[], operation, &unread),
                taken,
                "{operation:?}"
            );
        }
        let all = Details {
            selector: Some(("all", None)),
            ..Details::default()
        };
        assert!(is_taken("req-1", &[], Operation::Purge, &all));
        for operation in [Operation::Issue, Operation::Bind] {
            assert!(
                !is_taken("req-1", &[], operation, &with_token()),
                "{operation:?}"
            );
        }
        let token_id = TokenId::parse("the-id".to_owned()).ok();
        assert!(is_taken(
            "req-1",
            &[],
            Operation::Bind,
            &Details {
                token_id,
                ..with_token()
            }
        ));
    }
}
