use std::time::Duration;

use serde_json::Value;

use crate::usage::{NotBearer, objection};
use crate::{Json, Members, ScopeSet, Timestamp};

/// JSON object whose numbers may be rounded.
pub type Object = serde_json::Map<String, Value>;

/// Definite answer of a provider about one token.
#[derive(Debug, Clone, PartialEq)]
pub enum Introspection {
    /// Record of the token, which may be good, revoked or expired.
    Token(Box<Token>),
    /// The token is not active, or unknown to the provider.
    Inactive,
}

/// Provider's record of a token, normalized.
///
/// The record holds what the provider said; [`Token::state`] judges at each use if the token is
/// active. It holds no secret: adapters drop them when they read the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Status at the provider, apart from time.
    pub status: Status,
    /// End of the token.
    pub expiry: Expiry,
    /// RFC 7662 `nbf`: the token is not active before.
    pub nbf: Option<Timestamp>,
    /// Seconds that `nbf` may lie ahead of our clock.
    pub clock_skew: u32,
    /// RFC 7662 `iat`: time of issue.
    pub iat: Option<Timestamp>,
    /// RFC 7662 `scope`: granted scopes.
    pub scope: ScopeSet,
    /// RFC 7662 `client_id`: client that the token was issued to.
    pub client_id: Option<String>,
    /// RFC 7662 `username`: readable name of the resource owner.
    pub username: Option<String>,
    /// RFC 7662 `sub`: subject.
    pub sub: Option<String>,
    /// RFC 7662 `aud`: intended audience.
    pub aud: Option<Audience>,
    /// RFC 7662 `iss`, from the provider or else from its configuration.
    pub iss: Option<String>,
    /// RFC 7662 `jti`, or the vendor's token id. A handle, not a credential.
    pub jti: Option<String>,
    /// RFC 6749 name of the scheme, `Bearer` in this spelling.
    pub token_type: Option<String>,
    /// Roles in the provider's sense.
    pub roles: Vec<String>,
    /// RFC 6749 or 8693 name of the grant.
    pub grant_type: Option<String>,
    /// Other members that the adapter's allow-list keeps, under the vendor's names.
    pub details: Members,
    /// Extension members of an RFC 7662 server, at the top level of our answer.
    pub extensions: Members,
    /// Objection to bearer use found in members that are not kept, see [`Token::not_bearer`].
    pub not_bearer: Option<NotBearer>,
}

/// Status of a token at its provider, apart from time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Good at the provider: only time decides.
    Good,
    /// Revoked at the provider.
    Revoked,
    /// Revoked through this server, whatever the provider still reports.
    RevokedHere,
    /// Expired according to the provider.
    Expired,
    /// Any other status, or none where the vendor documents one.
    Unknown,
    /// Omitted by the vendor (some lists). Expired once past its end, otherwise unknown.
    Unreported,
}

/// End of a token's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Active before this moment, not at it.
    At(Timestamp),
    /// No end given, which the provider's configuration accepts.
    Never,
}

/// Inputs of the decision if a token is active, apart from the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Status at the provider, apart from time.
    pub status: Status,
    /// End of the token.
    pub expiry: Expiry,
    /// Start of the token, with clock skew subtracted.
    pub nbf: Option<Timestamp>,
}

/// State of a token at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Usable now.
    Active,
    /// Past its end.
    Expired,
    /// Revoked.
    Revoked,
    /// Not started yet.
    NotYetValid,
    /// Status that is not good, or none.
    Unknown,
}

/// RFC 7662 `aud`, one string or several, kept as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Sent as a JSON string.
    One(String),
    /// Sent as a JSON array of strings.
    Many(Vec<String>),
}

impl Audience {
    /// Reads text or an array of it (RFC 7519 section 4.1.3); `None` for anything else.
    pub fn read(json: &Json) -> Option<Self> {
        match json {
            Json::String(one) => Some(Self::One(one.clone())),
            Json::Array(items) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map(Self::Many)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => None,
        }
    }
}

impl Token {
    /// Creates a record with this status and end only.
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

    /// Lets `nbf` lie ahead of our clock by this time. Times are whole seconds: rounded down, the
    /// skew is never more than configured.
    pub fn allow_skew(&mut self, skew: Duration) {
        self.clock_skew = u32::try_from(skew.as_secs()).unwrap_or_default();
    }

    /// Returns the inputs of the decision if the token is active.
    pub fn validity(&self) -> Validity {
        let skewed = |nbf: Timestamp| {
            nbf.plus_seconds(-i64::from(self.clock_skew))
                .unwrap_or(Timestamp::MIN)
        };
        Validity {
            status: self.status,
            expiry: self.expiry,
            nbf: self.nbf.map(skewed),
        }
    }

    /// Judges the token at `now`, see [`Validity::state`].
    pub fn state(&self, now: Timestamp) -> State {
        self.validity().state(now)
    }

    /// RFC 7662 `exp`: end of the token, if it has one.
    pub fn exp(&self) -> Option<Timestamp> {
        self.validity().exp()
    }

    /// Reason why the token is not a bearer token; `None` if it is one, time and status aside.
    pub fn not_bearer(&self) -> Option<NotBearer> {
        self.not_bearer
            .or_else(|| objection(self.token_type.as_deref(), &self.extensions))
    }

    /// Approximate heap size in bytes, which the cache uses as weight.
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
        let strings = |list: &[String]| {
            list.iter()
                .map(|text| size_of::<String>() + text.len())
                .sum::<usize>()
        };
        size_of::<Self>()
            + texts
                .iter()
                .filter_map(|text| text.as_ref())
                .map(String::len)
                .sum::<usize>()
            + self.scope.size()
            + strings(&self.roles)
            + self.aud.as_ref().map_or(0, |aud| strings(aud.as_slice()))
            + self.details.size()
            + self.extensions.size()
    }
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Good,
        Self::Revoked,
        Self::RevokedHere,
        Self::Expired,
        Self::Unknown,
        Self::Unreported,
    ];
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Expired,
        Self::Revoked,
        Self::NotYetValid,
        Self::Unknown,
    ];

    /// Returns the state's name in requests and responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::NotYetValid => "not_yet_valid",
            Self::Unknown => "unknown",
        }
    }
}

impl Validity {
    /// Judges the token at `now`. Active is only: status good, and `nbf` ≤ now < `exp`.
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

    /// Returns the end, if there is one.
    pub fn exp(&self) -> Option<Timestamp> {
        match self.expiry {
            Expiry::At(end) => Some(end),
            Expiry::Never => None,
        }
    }
}

impl Audience {
    /// Returns the audiences, however they were sent.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn good_token_is_active_from_nbf_until_just_before_exp() {
        let mut token = Token::new(Status::Good, Expiry::At(at(200)));
        token.nbf = Some(at(100));
        assert_eq!(token.state(at(99)), State::NotYetValid);
        assert_eq!(token.state(at(100)), State::Active);
        assert_eq!(token.state(at(199)), State::Active);
        assert_eq!(token.state(at(200)), State::Expired);
    }

    #[test]
    fn clock_skew_applies_to_nbf_only() {
        let mut token = Token::new(Status::Good, Expiry::At(at(200)));
        token.nbf = Some(at(100));
        token.clock_skew = 60;
        assert_eq!(token.state(at(39)), State::NotYetValid);
        assert_eq!(token.state(at(40)), State::Active);
        assert_eq!(token.state(at(199)), State::Active);
        assert_eq!(token.state(at(200)), State::Expired);
        token.nbf = Some(Timestamp::MIN);
        assert_eq!(token.state(at(199)), State::Active);
    }

    #[test]
    fn bad_status_is_never_active() {
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
    fn unreported_status_is_expired_or_unknown() {
        let mut token = Token::new(Status::Unreported, Expiry::At(at(200)));
        token.nbf = Some(at(100));
        for (now, state) in [
            (99, State::Unknown),
            (199, State::Unknown),
            (200, State::Expired),
        ] {
            assert_eq!(token.state(at(now)), state, "{now}");
        }
        assert_eq!(
            Token::new(Status::Unreported, Expiry::Never).state(Timestamp::MAX),
            State::Unknown
        );
    }

    #[test]
    fn every_state_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = State::ALL.map(State::as_str).into();
        assert_eq!(words.len(), State::ALL.len());
        for status in Status::ALL {
            for now in [0, 99, 100, 300] {
                let mut token = Token::new(status, Expiry::At(at(200)));
                token.nbf = Some(at(100));
                assert!(
                    State::ALL.contains(&token.state(at(now))),
                    "{status:?} at {now}"
                );
            }
        }
    }
}
