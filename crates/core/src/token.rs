use serde_json::Value;

use crate::{Members, NotBearer, ScopeSet, Timestamp};

/// A JSON object, where numbers may be rounded.
pub type Object = serde_json::Map<String, Value>;

/// What a provider definitely said about one token.
#[derive(Debug, Clone, PartialEq)]
pub enum Introspection {
    /// It has a record of it, which may be good, revoked or past its end.
    Token(Box<Token>),
    /// It says that the token is not active, or that it has no such token.
    Inactive,
}

/// A provider's record of a token, normalized.
///
/// It says what the provider said; whether the token is active is judged at each use, by
/// [`Token::state`]. It holds no secret: adapters drop them when they read the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What the provider says of it, apart from time.
    pub status: Status,
    /// When it ends.
    pub expiry: Expiry,
    /// RFC 7662 `nbf`: not active before.
    pub nbf: Option<Timestamp>,
    /// How far `nbf` may lie ahead of our clock, in seconds.
    pub clock_skew: u32,
    /// RFC 7662 `iat`: when it was issued.
    pub iat: Option<Timestamp>,
    /// RFC 7662 `scope`.
    pub scope: ScopeSet,
    /// RFC 7662 `client_id`.
    pub client_id: Option<String>,
    /// RFC 7662 `username`.
    pub username: Option<String>,
    /// RFC 7662 `sub`.
    pub sub: Option<String>,
    /// RFC 7662 `aud`.
    pub aud: Option<Audience>,
    /// RFC 7662 `iss`, as the provider or else its configuration says.
    pub iss: Option<String>,
    /// RFC 7662 `jti`, or the vendor's token id. A handle, not a credential.
    pub jti: Option<String>,
    /// RFC 6749 name, see [`bearer_or`].
    pub token_type: Option<String>,
    /// The provider's roles.
    pub roles: Vec<String>,
    /// RFC 6749 or 8693 name, see [`grant_type`].
    pub grant_type: Option<String>,
    /// What else an adapter's allow-list lets through, in the vendor's names.
    pub details: Members,
    /// Extension members of an RFC 7662 server, which stand beside the others in the answer.
    pub extensions: Members,
    /// What members that are not kept say against its use by a bearer, see [`Token::not_bearer`].
    pub not_bearer: Option<NotBearer>,
}

/// What a provider says of a token apart from time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Good as far as the provider is concerned: time decides.
    Good,
    /// Taken back.
    Revoked,
    /// Revoked by way of this server, whatever the provider says.
    RevokedHere,
    /// The provider itself calls it expired.
    Expired,
    /// Any other word, or none where there should be one.
    Unknown,
    /// Left out, as in some vendors' lists. It is known to be no good past its end, and never known to be good.
    Unreported,
}

/// When a token ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// It is active before this moment, and not at it.
    At(Timestamp),
    /// The provider gives no end, and its configuration says that this is meant.
    Never,
}

/// What decides whether a token may be used, apart from who asks and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// What the provider says of it, apart from time.
    pub status: Status,
    /// When it ends.
    pub expiry: Expiry,
    /// When it begins, clock skew allowed for.
    pub nbf: Option<Timestamp>,
}

/// Whether a token may be used now, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It may.
    Active,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
    /// Its time has not come.
    NotYetValid,
    /// The provider calls it something that is not good, or did not say.
    Unknown,
}

/// RFC 7662 `aud`, one string or several: kept as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// A JSON string.
    One(String),
    /// A JSON array of strings.
    Many(Vec<String>),
}

impl Token {
    /// A record of this status and end, and nothing else.
    pub fn new(status: Status, expiry: Expiry) -> Self {
        Self {
            status,
            expiry,
            nbf: None,
            clock_skew: 0,
            iat: None,
            scope: ScopeSet::default(),
            client_id: None,
            username: None,
            sub: None,
            aud: None,
            iss: None,
            jti: None,
            token_type: None,
            roles: Vec::new(),
            grant_type: None,
            details: Members::default(),
            extensions: Members::default(),
            not_bearer: None,
        }
    }

    /// What decides whether it may be used.
    pub fn validity(&self) -> Validity {
        let skewed = |nbf: Timestamp| nbf.plus_seconds(-i64::from(self.clock_skew)).unwrap_or(Timestamp::MIN);
        Validity { status: self.status, expiry: self.expiry, nbf: self.nbf.map(skewed) }
    }

    /// What the token is at `now`: see [`Validity::state`].
    pub fn state(&self, now: Timestamp) -> State {
        self.validity().state(now)
    }

    /// RFC 7662 `exp`.
    pub fn exp(&self) -> Option<Timestamp> {
        self.validity().exp()
    }

    /// Bytes on the heap, about: what the cache weighs it with.
    pub fn size(&self) -> usize {
        let texts = [
            &self.client_id,
            &self.username,
            &self.sub,
            &self.iss,
            &self.jti,
            &self.token_type,
            &self.grant_type,
        ];
        let strings =
            |list: &[String]| list.iter().map(|text| size_of::<String>() + text.len()).sum::<usize>();
        size_of::<Self>()
            + texts.iter().filter_map(|text| text.as_ref()).map(String::len).sum::<usize>()
            + self.scope.size()
            + strings(&self.roles)
            + self.aud.as_ref().map_or(0, |aud| strings(aud.as_slice()))
            + self.details.size()
            + self.extensions.size()
    }
}

impl Validity {
    /// What the token is at `now`. Active is only: status good, and `nbf` ≤ now < `exp`.
    pub fn state(&self, now: Timestamp) -> State {
        match self.status {
            Status::Revoked | Status::RevokedHere => State::Revoked,
            Status::Expired => State::Expired,
            Status::Unknown => State::Unknown,
            Status::Good | Status::Unreported if self.has_ended(now) => State::Expired,
            Status::Unreported => State::Unknown,
            Status::Good if self.nbf.is_some_and(|start| now < start) => State::NotYetValid,
            Status::Good => State::Active,
        }
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.exp().is_some_and(|end| end <= now)
    }

    /// When it ends, unless it never does.
    pub fn exp(&self) -> Option<Timestamp> {
        match self.expiry {
            Expiry::At(end) => Some(end),
            Expiry::Never => None,
        }
    }
}

impl Audience {
    /// The audiences, however they were sent.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// The RFC 6749 name of a vendor's token type: `Bearer` for `bearer` and Apigee's `BearerToken`,
/// any other as it is.
pub fn bearer_or(vendor: &str) -> String {
    if vendor.eq_ignore_ascii_case("bearer") || vendor.eq_ignore_ascii_case("BearerToken") {
        "Bearer".to_owned()
    } else {
        vendor.to_owned()
    }
}

/// The RFC 6749 or 8693 name of a vendor's grant type; `None` where it has none.
pub fn grant_type(vendor: &str) -> Option<String> {
    let name = match vendor.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "client_credentials" | "client_credential" | "client" | "grant_flow_client_credentials" => {
            "client_credentials"
        }
        "authorization_code" | "auth_code" | "code" => "authorization_code",
        "refresh_token" | "refresh" => "refresh_token",
        "password" | "grant_flow_password" => "password",
        "implicit" | "token" => "implicit",
        _ if vendor.starts_with("urn:") => vendor,
        _ => return None,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn a_good_token_is_active_from_nbf_until_just_before_exp() {
        let mut token = Token::new(Status::Good, Expiry::At(at(200)));
        token.nbf = Some(at(100));
        assert_eq!(token.state(at(99)), State::NotYetValid);
        assert_eq!(token.state(at(100)), State::Active);
        assert_eq!(token.state(at(199)), State::Active);
        assert_eq!(token.state(at(200)), State::Expired);
    }

    #[test]
    fn a_clock_skew_lets_nbf_lie_ahead_and_lengthens_no_life() {
        let mut token = Token::new(Status::Good, Expiry::At(at(200)));
        (token.nbf, token.clock_skew) = (Some(at(100)), 60);
        assert_eq!(token.state(at(39)), State::NotYetValid);
        assert_eq!(token.state(at(40)), State::Active);
        assert_eq!(token.state(at(199)), State::Active);
        assert_eq!(token.state(at(200)), State::Expired);
        token.nbf = Some(Timestamp::MIN);
        assert_eq!(token.state(at(199)), State::Active);
    }

    #[test]
    fn no_time_makes_a_bad_status_good() {
        for (status, state) in [
            (Status::Revoked, State::Revoked),
            (Status::RevokedHere, State::Revoked),
            (Status::Expired, State::Expired),
            (Status::Unknown, State::Unknown),
        ] {
            assert_eq!(Token::new(status, Expiry::Never).state(at(0)), state);
        }
    }

    #[test]
    fn without_a_status_time_can_only_end_a_token() {
        let mut token = Token::new(Status::Unreported, Expiry::At(at(200)));
        token.nbf = Some(at(100));
        for (now, state) in [(99, State::Unknown), (199, State::Unknown), (200, State::Expired)] {
            assert_eq!(token.state(at(now)), state, "{now}");
        }
        assert_eq!(Token::new(Status::Unreported, Expiry::Never).state(Timestamp::MAX), State::Unknown);
    }

    #[test]
    fn grants_and_types_get_their_standard_names() {
        assert_eq!(bearer_or("BearerToken"), "Bearer");
        assert_eq!(bearer_or("DPoP"), "DPoP");
        assert_eq!(grant_type("auth code").as_deref(), Some("authorization_code"));
        assert_eq!(grant_type("client_credential").as_deref(), Some("client_credentials"));
        assert_eq!(grant_type("GRANT_FLOW_LOGIN"), None);
        let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
        assert_eq!(grant_type(exchange).as_deref(), Some(exchange));
    }
}
