use introspectd_core::{Audience, BadAnswer, Expiry, ScopeSet, Status, Timestamp, Token};
use introspectd_upstream::{grant_type, read_token_type};
use serde_json::value::RawValue;

use crate::wire::answer::{Answer, unusable};
use crate::wire::condition::is_number;
use crate::wire::moment::{End, Moment};
use crate::wire::pointer::Pointer;

/// Members of an answer that become claims. What is mapped is read strictly; absent and null are
/// the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims {
    pub(crate) exp: Option<End>,
    pub(crate) nbf: Option<Moment>,
    pub(crate) iat: Option<Moment>,
    pub(crate) scope: Option<List>,
    pub(crate) aud: Option<List>,
    pub(crate) roles: Option<List>,
    pub(crate) texts: Vec<(Text, Pointer)>,
}

/// Claim that is one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    ClientId,
    Username,
    Sub,
    Iss,
    Jti,
    TokenType,
    GrantType,
}

/// Claim of several texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) pointer: Pointer,
    /// Text between the items of one string; `None` for an array.
    pub(crate) separator: Option<String>,
}

/// Values of which a claim must have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    pub(crate) claim: Pinned,
    pub(crate) values: Vec<String>,
}

/// Claim that a requirement may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinned {
    Aud,
    Text(Text),
}

/// Names of the claims that are text.
pub(crate) const TEXTS: [(&str, Text); 7] = [
    ("client_id", Text::ClientId),
    ("username", Text::Username),
    ("sub", Text::Sub),
    ("iss", Text::Iss),
    ("jti", Text::Jti),
    ("token_type", Text::TokenType),
    ("grant_type", Text::GrantType),
];

impl Claims {
    /// Reads the claims of an answer that was asked for at `now`.
    ///
    /// # Errors
    /// [`BadAnswer::Member`] of a mapped member that is of a wrong type, or repeated.
    pub(crate) fn read(&self, answer: &Answer<'_>, now: Timestamp) -> Result<Token, BadAnswer> {
        let expiry = match &self.exp {
            Some(end) => end.read(answer, now)?,
            None => Expiry::Never,
        };
        let mut token = Token::new(Status::Good, expiry);
        let time = |moment: &Option<Moment>| match moment {
            Some(moment) => moment.read(answer, now),
            None => Ok(None),
        };
        token.nbf = time(&self.nbf)?;
        token.iat = time(&self.iat)?;
        if let Some(list) = &self.scope {
            let scopes = list.read(answer, one_text)?;
            let scopes = scopes.iter().flatten().map(String::as_str);
            token.scope = ScopeSet::from_tokens(scopes);
        }
        if let Some(list) = &self.roles {
            token.roles = list.read(answer, one_text)?.unwrap_or_default();
        }
        if let Some(list) = &self.aud {
            token.aud = list.audience(answer)?;
        }
        for (text, pointer) in &self.texts {
            let Some(raw) = answer.find(pointer)? else {
                continue;
            };
            let value = text_or_number(raw).ok_or_else(|| unusable(pointer))?;
            text.set(&mut token, value);
        }
        Ok(token)
    }

    /// Returns every pointer, by the name of its claim.
    pub(crate) fn pointers(&self) -> impl Iterator<Item = (&'static str, &Pointer)> {
        let times = [
            ("exp", self.exp.as_ref().map(|end| &end.moment.pointer)),
            ("nbf", self.nbf.as_ref().map(|moment| &moment.pointer)),
            ("iat", self.iat.as_ref().map(|moment| &moment.pointer)),
            ("scope", self.scope.as_ref().map(|list| &list.pointer)),
            ("aud", self.aud.as_ref().map(|list| &list.pointer)),
            ("roles", self.roles.as_ref().map(|list| &list.pointer)),
        ];
        let times = times.into_iter().filter_map(|(name, it)| Some((name, it?)));
        let texts = self.texts.iter().map(|(text, it)| (text.name(), it));
        times.chain(texts)
    }
}

impl Text {
    pub(crate) fn name(self) -> &'static str {
        let found = TEXTS.iter().find(|(_, text)| *text == self);
        found.map_or("", |(name, _)| name)
    }

    fn set(self, token: &mut Token, value: String) {
        match self {
            Self::ClientId => token.client_id = Some(value),
            Self::Username => token.username = Some(value),
            Self::Sub => token.sub = Some(value),
            Self::Iss => token.iss = Some(value),
            Self::Jti => token.jti = Some(value),
            Self::TokenType => read_token_type(token, Some(Some(&value))),
            Self::GrantType => token.grant_type = grant_type(&value),
        }
    }

    fn of(self, token: &Token) -> Option<&str> {
        let claim = match self {
            Self::ClientId => &token.client_id,
            Self::Username => &token.username,
            Self::Sub => &token.sub,
            Self::Iss => &token.iss,
            Self::Jti => &token.jti,
            Self::TokenType => &token.token_type,
            Self::GrantType => &token.grant_type,
        };
        claim.as_deref()
    }
}

impl List {
    /// Reads the items; `None` if there is no list.
    fn read(
        &self,
        answer: &Answer<'_>,
        item: impl Fn(&RawValue) -> Option<String>,
    ) -> Result<Option<Vec<String>>, BadAnswer> {
        let Some(raw) = answer.find(&self.pointer)? else {
            return Ok(None);
        };
        let items = match &self.separator {
            Some(separator) => one_text(raw).map(|text| {
                let items = text.split(separator.as_str()).map(str::trim);
                let items = items.filter(|item| !item.is_empty());
                items.map(str::to_owned).collect()
            }),
            None => serde_json::from_str::<Vec<&RawValue>>(raw.get())
                .ok()
                .and_then(|items| items.into_iter().map(item).collect()),
        };
        items.map(Some).ok_or_else(|| unusable(&self.pointer))
    }

    /// Reads an audience, which may be one text, too.
    fn audience(&self, answer: &Answer<'_>) -> Result<Option<Audience>, BadAnswer> {
        if self.separator.is_none()
            && let Some(raw) = answer.find(&self.pointer)?
            && let Some(one) = text_or_number(raw)
        {
            return Ok(Some(Audience::One(one)));
        }
        Ok(self.read(answer, text_or_number)?.map(Audience::Many))
    }
}

impl Requirement {
    /// Returns true if the claim has one of the values. One that is absent has none.
    pub(crate) fn is_met(&self, token: &Token) -> bool {
        let has = |value: &str| self.values.iter().any(|wanted| wanted == value);
        match self.claim {
            Pinned::Aud => token
                .aud
                .as_ref()
                .is_some_and(|aud| aud.as_slice().iter().any(|one| has(one))),
            Pinned::Text(text) => text.of(token).is_some_and(has),
        }
    }
}

fn one_text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// Returns a string, or the digits of a whole number. Any other spelling of a number would be
/// another text for the same thing.
fn text_or_number(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    let is_whole = is_number(text)
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_digit());
    if is_whole {
        return Some(text.to_owned());
    }
    one_text(raw)
}
