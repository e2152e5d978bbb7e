use std::fmt::Write;

use introspectd_core::TokenValue;
use secrecy::{ExposeSecret, SecretString};

use crate::event::{Details, Operation};

/// Request id and credentials that a request came with.
pub trait RequestIds {
    /// Returns the id that the request proposes, if there is exactly one.
    fn proposed(&self) -> Option<&str>;

    /// Lists all credentials of the request, valid or not.
    fn credentials(&self) -> Vec<SecretString>;
}

const MAX_BYTES: usize = 128;

/// Length in common with a secret below which it is chance and reveals nothing.
const MIN_PIECE: usize = 8;

/// Returns the request's own id: 1 to 128 visible ASCII characters that reveal no secret of the
/// request. Any other is replaced: a client, or its proxy, may have put its token there.
pub(crate) fn request_id(
    request: &impl RequestIds,
    operation: Operation,
    details: &Details,
) -> String {
    match request.proposed().filter(|id| is_sane(id)) {
        Some(id) if operation.knows_secrets(details) && !reveals_secret(id, request, details) => {
            id.to_owned()
        }
        Some(_) | None => random_id(),
    }
}

fn reveals_secret(id: &str, request: &impl RequestIds, details: &Details) -> bool {
    details
        .token
        .as_ref()
        .map(TokenValue::expose)
        .is_some_and(|token| reveals(id, token))
        || details
            .hidden_value()
            .is_some_and(|value| reveals(id, value))
        || request
            .credentials()
            .iter()
            .any(|secret| reveals(id, secret.expose_secret()))
}

/// Returns true if an id holds a secret, or is a piece of it.
fn reveals(id: &str, secret: &str) -> bool {
    !secret.is_empty() && id.contains(secret) || id.len() >= MIN_PIECE && secret.contains(id)
}

fn is_sane(id: &str) -> bool {
    (1..=MAX_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Returns 128 random bits. Without entropy every id is zero; ids are not a security boundary.
fn random_id() -> String {
    let mut bytes = [0; 16];
    let _ = getrandom::fill(&mut bytes);
    bytes
        .iter()
        .fold(String::with_capacity(32), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::TokenId;

    /// Request with an id and credentials.
    #[derive(Default)]
    struct Sent<'a> {
        id: Option<&'a str>,
        credentials: &'a [&'a str],
    }

    impl RequestIds for Sent<'_> {
        fn proposed(&self) -> Option<&str> {
            self.id
        }

        fn credentials(&self) -> Vec<SecretString> {
            self.credentials.iter().map(|text| (*text).into()).collect()
        }
    }

    fn of(id: Option<&str>) -> String {
        request_id(
            &Sent {
                id,
                ..Sent::default()
            },
            Operation::List,
            &Details::default(),
        )
    }

    fn is_taken(id: &str, credentials: &[&str], operation: Operation, details: &Details) -> bool {
        request_id(
            &Sent {
                id: Some(id),
                credentials,
            },
            operation,
            details,
        ) == id
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
