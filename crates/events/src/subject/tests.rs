use super::*;
use serde_json::json;

fn read(value: serde_json::Value) -> Result<SubjectId, InvalidSubject> {
    SubjectId::read(&value.into())
}

fn subject(name: &str) -> Mark {
    Mark::Subject(name.to_owned())
}

#[test]
fn each_format_means_its_facts() {
    let client = Mark::Client("app".to_owned());
    let token = Mark::TokenId("t-1".to_owned());
    let user = json!({"format": "iss_sub", "iss": "https://idp", "sub": "alice"});
    let email = json!({"format": "email", "email": "a@b.example"});
    let app = json!({"format": "opaque", "id": "app"});
    let session = json!({"format": "opaque", "id": "sid-1"});
    let jwt = json!({"format": "jwt_id", "iss": "https://idp", "jti": "t-1"});
    for (value, marks, is_certain) in [
        (user.clone(), vec![subject("alice")], true),
        (
            json!({"format": "opaque", "id": "alice"}),
            vec![subject("alice")],
            true,
        ),
        (jwt.clone(), vec![token.clone()], true),
        (email.clone(), vec![subject("a@b.example")], false),
        (
            json!({"format": "account", "uri": "acct:a@b.example"}),
            vec![subject("acct:a@b.example")],
            false,
        ),
        (
            json!({"format": "uri", "uri": "urn:x"}),
            vec![subject("urn:x")],
            false,
        ),
        (
            json!({"format": "did", "url": "did:x:y"}),
            vec![subject("did:x:y")],
            false,
        ),
        (
            json!({"format": "phone_number", "phone_number": "+1"}),
            vec![subject("+1")],
            false,
        ),
        (
            json!({"format": "aliases", "identifiers": [email, user]}),
            vec![subject("a@b.example"), subject("alice")],
            true,
        ),
        (
            json!({"format": "complex", "user": user, "session": session, "tenant": app}),
            vec![subject("alice")],
            true,
        ),
        (
            json!({"format": "complex", "user": email, "application": app}),
            vec![client.clone()],
            true,
        ),
        (
            json!({"format": "complex", "user": email, "device": app}),
            vec![subject("a@b.example")],
            false,
        ),
        (
            json!({"format": "complex", "application": app}),
            vec![client],
            true,
        ),
        (
            json!({"format": "complex", "session": jwt}),
            vec![token],
            true,
        ),
        (
            json!({"format": "complex", "session": session}),
            vec![],
            false,
        ),
        (
            json!({"format": "complex", "tenant": app, "x": 1}),
            vec![],
            false,
        ),
    ] {
        let read = read(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"));
        assert_eq!(read.subjects(), Subjects { marks, is_certain }, "{value}");
    }
}

#[test]
fn unreadable_identifiers_are_refused() {
    use InvalidSubject::{Format, Member, Nesting, NotAnObject};
    let opaque = json!({"format": "opaque", "id": "a"});
    for (value, expected) in [
        (json!(null), NotAnObject),
        (json!("alice"), NotAnObject),
        (json!([opaque]), NotAnObject),
        (json!({}), Format),
        (json!({"format": 1, "id": "a"}), Format),
        (json!({"format": "Opaque", "id": "a"}), Format),
        (json!({"format": "nonsense", "id": "a"}), Format),
        (json!({"format": "iss_sub", "sub": "a"}), Member("iss")),
        (json!({"format": "iss_sub", "iss": "a"}), Member("sub")),
        (
            json!({"format": "iss_sub", "iss": "a", "sub": ""}),
            Member("sub"),
        ),
        (json!({"format": "opaque"}), Member("id")),
        (json!({"format": "opaque", "id": 1}), Member("id")),
        (json!({"format": "opaque", "id": null}), Member("id")),
        (
            json!({"format": "opaque", "id": "x".repeat(MAX_TEXT + 1)}),
            Member("id"),
        ),
        (json!({"format": "jwt_id", "iss": "a"}), Member("jti")),
        (json!({"format": "jwt_id", "jti": "a"}), Member("iss")),
        (json!({"format": "email"}), Member("email")),
        (json!({"format": "account"}), Member("uri")),
        (json!({"format": "aliases"}), Member("identifiers")),
        (json!({"format": "aliases", "identifiers": []}), Nesting),
        (
            json!({"format": "aliases", "identifiers": vec![opaque.clone(); 17]}),
            Nesting,
        ),
        (
            json!({"format": "aliases", "identifiers": [{"format": "complex", "user": opaque}]}),
            Nesting,
        ),
        (json!({"format": "complex"}), Nesting),
        (json!({"format": "complex", "user": "alice"}), Nesting),
        (
            json!({"format": "complex", "user": {"format": "complex", "user": opaque}}),
            Nesting,
        ),
        (
            json!({"format": "complex", "user": {"format": "opaque"}}),
            Member("id"),
        ),
        (json!({"format": "complex", "user": {}}), Format),
    ] {
        assert_eq!(read(value.clone()), Err(expected), "{value}");
    }
}

#[test]
fn longest_texts_and_fullest_identifiers_are_read() {
    let opaque = json!({"format": "opaque", "id": "x".repeat(MAX_TEXT)});
    assert!(read(opaque.clone()).is_ok());
    let aliases = json!({"format": "aliases", "identifiers": vec![opaque.clone(); MAX_INSIDE]});
    assert!(read(aliases).is_ok());
    let complex = |count: usize| {
        let mut complex = json!({"format": "complex"});
        for nth in 0..count {
            complex[format!("member-{nth}")] = opaque.clone();
        }
        read(complex)
    };
    assert!(complex(MAX_INSIDE).is_ok());
    assert_eq!(complex(MAX_INSIDE + 1), Err(InvalidSubject::Nesting));
}
