//! Requests and answers: the same bytes for every subject.

/// Caller and client alike, so that nginx may hand on what it was given.
pub(crate) const CALLER: &str = "gw";
pub(crate) const SECRET: &str = "secret";
/// Basic credentials of the two above.
pub(crate) const BASIC: &str = "Basic Z3c6c2VjcmV0";
/// Caller that may revoke and purge, where there is one.
pub(crate) const OPERATOR: &str = "ops";
pub(crate) const OPERATOR_SECRET: &str = "operator";
/// Basic credentials of the two above.
pub(crate) const OPERATOR_BASIC: &str = "Basic b3BzOm9wZXJhdG9y";
/// Provider whose records that caller revokes by id.
pub(crate) const RECORDS: &str = "records";
/// The name of introspectd's one provider of tokens.
pub(crate) const PROVIDER: &str = "bench";
/// The name of introspectd's one policy, and what it asks for: every token has both.
pub(crate) const POLICY: &str = "orders";
pub(crate) const SCOPE: &str = "orders:read";
pub(crate) const AUDIENCE: &str = "https://api.example.org/orders";

/// Every active answer on the wire, in bytes.
pub(crate) const BODY: usize = 489;
/// Start of every active answer.
pub(crate) const ACTIVE: &[u8] = br#"{"active":true,"#;

/// Tokens that begin so end by themselves, this many seconds after they were first asked about.
pub(crate) const BRIEF: &str = "brief";
pub(crate) const BRIEF_SECONDS: u64 = 4;

/// Tokens with this are bound to the key whose thumbprint follows.
pub(crate) const BOUND: &str = "_jkt_";
/// The policy by which proofs are judged, and the URL that they are for.
pub(crate) const BOUND_POLICY: &str = "bound";
pub(crate) const BOUND_URL: &str = "https://api.example.org/orders";

/// Client of the authorization server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reader {
    /// Hands the answer on as it is.
    Peer,
    /// Adds its provider's name by itself, so that it is left out.
    Introspectd,
}

/// An active answer about this token: [`BODY`] bytes by the time that a caller reads it.
pub(crate) fn active(token: &str, now: u64, reader: Reader) -> String {
    let life = if token.starts_with(BRIEF) {
        BRIEF_SECONDS
    } else {
        6 * 60 * 60
    };
    let id = id(token);
    let bound = token
        .split_once(BOUND)
        .map_or_else(String::new, |(_, jkt)| {
            format!(r#""cnf":{{"jkt":"{jkt}"}},"#)
        });
    let provider = match reader {
        Reader::Peer => format!(r#""provider":"{PROVIDER}","#),
        Reader::Introspectd => String::new(),
    };
    format!(
        concat!(
            r#"{{"active":true,"scope":"openid profile email orders:read orders:write invoices:read","#,
            r#""client_id":"s6BhdRkqt3-{low:08x}","username":"user-{low:08x}@example.org","token_type":"Bearer","#,
            r#""exp":{exp},"iat":{now},"nbf":{now},"sub":"{subject}","#,
            r#""aud":["https://api.example.org/orders","https://api.example.org/invoices"],"#,
            r#""iss":"https://as.example.org/realms/main","jti":"{id:016x}",{provider}{bound}"#,
            r#""acr":"urn:loa:2","amr":["pwd","otp"],"tenant":"t{tenant:04}"}}"#
        ),
        now = now,
        id = id,
        subject = subject(token),
        provider = provider,
        bound = bound,
        low = id & 0xffff_ffff,
        exp = now + life,
        tenant = id % 10_000,
    )
}

/// `sub` of this token: no two tokens of a run share one.
pub(crate) fn subject(token: &str) -> String {
    format!("9f1c2d3e-4b5a-8c7d-{:012x}", id(token) & 0xffff_ffff_ffff)
}

fn id(token: &str) -> u64 {
    token.bytes().fold(1_469_598_103_934_665_603, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
    })
}

/// Every token, in bytes.
const TOKEN: usize = 43;

/// The token of this number: [`TOKEN`] bytes. The digits stand where LuaJIT's sparse string hash
/// looks, middle and end of a request: tokens that differ elsewhere collide, and wrk takes minutes
/// to build its requests.
///
/// `wrk.lua` builds the same.
pub(crate) fn token(prefix: &str, number: u64) -> String {
    let digits = format!("{number:09}");
    let reversed: String = digits.chars().rev().collect();
    format!("{prefix}{reversed}_aZ3xK9qLw7RtYu2{digits}")
}

/// Kind of request about a token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Endpoint {
    /// Introspection in a body: `POST /introspect`.
    Introspect,
    /// The same, with a signed answer.
    SignedIntrospect,
    /// Decision about the request that carries it, at `/forward-auth`.
    ForwardAuth,
    /// Decision about a token that is bound to a key, which comes with its proof.
    Bound,
}

impl Endpoint {
    pub(crate) fn about(self, token: &str) -> Vec<u8> {
        let before = self.before_token_of(token.len());
        [&*before, token, self.after()].concat().into_bytes()
    }

    /// The same request with the Basic credentials of another caller.
    pub(crate) fn shown_by(self, basic: &str, token: &str) -> Vec<u8> {
        let before = self.before_token_of(token.len()).replace(BASIC, basic);
        [&*before, token, self.after()].concat().into_bytes()
    }

    /// Bytes before a token of [`token`].
    pub(crate) fn before(self) -> String {
        self.before_token_of(TOKEN)
    }

    fn before_token_of(self, length: usize) -> String {
        match self {
            Self::Introspect => format!(
                "POST /introspect HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {BASIC}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \
                 {length}\r\n\r\ntoken=",
                length = "token=".len() + length,
            ),
            Self::SignedIntrospect => {
                let accept = "Accept: application/token-introspection+jwt\r\nContent-Type";
                let plain = Self::Introspect.before_token_of(length);
                plain.replace("Content-Type", accept)
            }
            Self::Bound => format!(
                "GET /forward-auth/{BOUND_POLICY} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
                 X-Introspectd-Caller: {BASIC}\r\nX-Method: GET\r\nX-Url: {BOUND_URL}\r\n\
                 Authorization: DPoP "
            ),
            Self::ForwardAuth => format!(
                "GET /forward-auth/{POLICY} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Introspectd-Caller: \
                    {BASIC}\r\n\
                 Authorization: Bearer "
            ),
        }
    }

    /// Bytes after the token.
    pub(crate) fn after(self) -> &'static str {
        match self {
            Self::Introspect | Self::SignedIntrospect => "",
            Self::ForwardAuth | Self::Bound => "\r\n\r\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_the_same_length() {
        for number in [0, 7, 99_999, 1_000_000] {
            let token = token("w00000006", number);
            assert_eq!(token.len(), TOKEN);
            let peer = active(&token, 1_800_000_000, Reader::Peer);
            assert_eq!(peer.len(), BODY, "{peer}");
            assert!(peer.as_bytes().starts_with(ACTIVE));
            // introspectd adds the member that was left out.
            let left_out = format!(r#""provider":"{PROVIDER}","#).len();
            assert_eq!(
                active(&token, 1_800_000_000, Reader::Introspectd).len(),
                BODY - left_out
            );
        }
    }

    #[test]
    fn every_token_meets_the_policy() {
        let answer = active(&token("w00000006", 7), 1_800_000_000, Reader::Introspectd);
        assert!(
            answer.contains(&format!(" {SCOPE} ")) && answer.contains(&format!("\"{AUDIENCE}\""))
        );
    }

    #[test]
    fn requests_are_complete() {
        let text =
            |endpoint: Endpoint| String::from_utf8(endpoint.about(&token("w00000006", 7))).unwrap();
        let (head, body) = text(Endpoint::Introspect)
            .split_once("\r\n\r\n")
            .map(owned)
            .unwrap();
        assert!(
            head.ends_with(&format!("Content-Length: {}", body.len())),
            "{head}"
        );
        let (head, body) = text(Endpoint::ForwardAuth)
            .split_once("\r\n\r\n")
            .map(owned)
            .unwrap();
        assert!(head.ends_with("000000007") && body.is_empty(), "{head}");
    }

    fn owned((head, body): (&str, &str)) -> (String, String) {
        (head.to_owned(), body.to_owned())
    }

    #[test]
    fn script_generates_the_same_tokens() {
        assert_eq!(
            token("w00000006", 1234),
            "w00000006432100000_aZ3xK9qLw7RtYu2000001234"
        );
    }

    #[test]
    fn short_lived_token_ends_soon() {
        assert!(active("brief1", 1_800_000_000, Reader::Peer).contains(r#""exp":1800000004"#));
    }
}
