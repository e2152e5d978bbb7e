//! Lists too long to be held in memory.

use std::fmt::Write as _;

use bytes::Bytes;

use crate::Pieces;

/// Part of every secret of a [`long_list`], and of nothing else in it.
pub const LONG_LIST_SECRET: &str = "T1amG-long-list-secret";

const RECORDS_IN_A_PIECE: usize = 100;

/// A list of all tokens, of at least this many bytes, in no order of time. Beside the documented
/// members each record has the secrets that the record of a single token has; the creation times
/// are all different below a million records.
pub fn long_list(bytes: usize) -> Pieces {
    let pieces = bytes.div_ceil(records(0).len());
    Pieces::new(move |piece| match piece {
        0 => Some(format!("[{}", records(0)).into()),
        _ if piece < pieces => Some(format!(",{}", records(piece)).into()),
        _ if piece == pieces => Some(Bytes::from_static(b"]")),
        _ => None,
    })
}

fn records(piece: usize) -> String {
    let mut text = String::new();
    for number in piece * RECORDS_IN_A_PIECE..(piece + 1) * RECORDS_IN_A_PIECE {
        let comma = if text.is_empty() { "" } else { ",\n" };
        // A prime, so that each number below it has a time of its own.
        let created = 1_409_942_780_365 + number * 7_919 % 1_000_003;
        let ends = created + 3_600_062;
        // Writing to a string does not fail.
        let _ = write!(
            text,
            r#"{comma}{{"id":"{number:032x}","owner":"uid=john{number:08},ou=owner,dc=tibco,dc=com",
"client":"client{number:08}","scopes":"public","accessToken":"{LONG_LIST_SECRET}-access-{number:08}",
"refreshToken":"{LONG_LIST_SECRET}-refresh-{number:08}","secret":"{LONG_LIST_SECRET}-{number:08}",
"samlToken":"<saml:Assertion>{LONG_LIST_SECRET}-saml-{number:08}</saml:Assertion>","createdOn":{created},
"expiresOn":{ends},"callback":"http://client.example.com/callback","contact":"John Doe",
"email":"john.doe@tibco.com","stringId":"{number:032x}"}}"#
        );
    }
    text
}
