//! Identifiers that would be something else than one segment of a path.
//!
//! Three of the vendors take the identifier in the URL, with our administrator's credential on the
//! request. Their simulators resolve dots, decode slashes and list everything for `owners`, as the
//! real ones may.

use introspectd_tests::{Fixture, Room};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Not one of these is sent by a vendor that takes it in the path.
pub(crate) const NEVER_SENT: &[&str] = &[
    ".",
    "..",
    "...",
    "../x",
    "../../..",
    "..\\x",
    "%2e%2e",
    "%2e",
    "%252e%252e",
    "%00",
    "a/b",
    "/",
    "//",
    "/owners",
    "./owners",
    "x/../owners",
    "a?b",
    "?access_token=x",
    "a#b",
    "a\\b",
    "a;b",
    "owners;x=y",
    "a\0b",
    "\0",
    "a\r\nb",
    "\r\nX-Injected: 1\r\n\r\n",
    "a\tb",
    "\u{7f}",
    "\u{85}",
    "owners%2F1",
    "owners/1",
    "owners%00",
    "..;/owners",
    "../search?app=app1",
    "../../apps/ae053aee-f12d-4591-84ef-2e6ae0d4205d",
    "../../users/249a0a2e-028a-4e15-a841-de9fd4e4cd84",
    " ",
    ". .",
];

/// Identifiers that TIBCO's server, or a careless proxy, would take for the list of all tokens.
const NAMES_OF_LISTS: &[&str] = &[
    "owners",
    "OWNERS",
    "Owners",
    "oWnErS",
    "Owners.",
    "owners ",
    "owners. .",
];

pub(crate) async fn hostile_identifiers_stay_one_path_segment<V: Fixture>() {
    let room = Room::<V>::open().await;
    for identifier in NEVER_SENT {
        room.ask(identifier).await.assert_inactive();
        let sent = room.sent();
        if V::PROVIDER == "sso" {
            assert_eq!(sent, [V::question(identifier)], "{identifier:?}");
        } else {
            assert_eq!(sent, [], "{identifier:?}");
        }
    }
    for identifier in NAMES_OF_LISTS {
        if V::PROVIDER == "legacy" {
            room.ask(identifier).await.assert_inactive();
            assert_eq!(room.sent(), [], "{identifier:?}");
        } else {
            is_one_segment(&room, identifier).await;
        }
    }
}

pub(crate) async fn unusual_identifiers_arrive_unchanged<V: Fixture>() {
    let room = Room::<V>::open().await;
    let long = "a".repeat(16 * 1024);
    let long_and_wide = "\u{f1}".repeat(8 * 1024);
    for identifier in [
        "a b",
        " a",
        "a+b",
        "a&b=c",
        "a:b@c",
        "~-._",
        "\"<>{}|^`'",
        "ma\u{f1}ana",
        "\u{65e5}\u{672c}\u{8a9e}",
        "\u{1f511}",
        "\u{ff0e}\u{ff0e}\u{ff0f}owners",
        "\u{202e}srenwo",
        "owner",
        "ownersx",
        "uid=john,ou=owner,dc=tibco,dc=com",
        "251-20c8104e-e91a-4384-980c-84545aced892",
        "token=x",
        &long,
        &long_and_wide,
    ] {
        is_one_segment(&room, identifier).await;
    }
}

pub(crate) async fn empty_and_oversized_identifiers_are_not_sent<V: Fixture>() {
    let room = Room::<V>::open().await;
    for identifier in [
        "",
        &"a".repeat(16 * 1024 + 1),
        &"\u{f1}".repeat(8 * 1024 + 1),
    ] {
        room.ask(identifier)
            .await
            .assert_problem(400, "invalid_request", None);
    }
    assert_eq!(room.sent(), []);
}

/// One request, to the right place, which says this identifier and nothing else; and nothing of a
/// list is in the answer.
async fn is_one_segment<V: Fixture>(room: &Room<V>, identifier: &str) {
    const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let reply = room.ask(identifier).await;
    if V::JUDGES {
        reply.assert_inactive();
        assert_eq!(room.sent(), [], "{identifier:?}");
        return;
    }
    let encoded = match V::PROVIDER {
        "sso" => identifier.to_owned(),
        _ => utf8_percent_encode(identifier, UNRESERVED).to_string(),
    };
    assert_eq!(room.sent(), [V::question(&encoded)], "{identifier:?}");
    match reply.status {
        200 => reply.assert_inactive(),
        // A vendor that finds the identifier malformed, or that has a list under it, says nothing
        // about a token.
        _ => reply.assert_problem(502, "upstream_error", None),
    }
}
