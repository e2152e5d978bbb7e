use introspectd_core::{
    BadAnswer, Expiry, Introspection, Json, Members, ScopeSet, Status, Timestamp, Token,
};
use introspectd_jose::{Claims, Header, Malformed, Objection, Refusal, Unreadable};
use introspectd_upstream::{keep_extensions, read_token_type};

/// Requirements on the claims and the type of a token.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) issuer: String,
    pub(crate) audience: Accepted,
    pub(crate) requires_type: bool,
    /// Seconds that `nbf` and `iat` may lie ahead of our clock.
    pub(crate) clock_skew: u32,
}

/// Audiences that a token may be for.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// One of these must be in `aud`.
    OneOf(Vec<String>),
    /// Any audience, or none.
    Any,
}

/// Use of a token, as its `typ` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// RFC 9068: an access token.
    Access,
    /// Any JWT, since servers in wide use name no more than that.
    Unnamed,
}

/// Judgement of a token whose signature was verified.
#[derive(Debug, PartialEq)]
pub(crate) enum Judged {
    /// Record of the token, whose times are judged at each use.
    Record(Box<Token>),
    /// Issued ahead of our clock: not accepted before this moment.
    TooEarly(Timestamp),
}

/// Reason why a token is inactive whatever the time. Nothing of the token is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("{0}")]
    Signature(#[from] Refusal),
    #[error("the type (typ) is not that of an access token")]
    Type,
    #[error("the payload is {0}")]
    Unreadable(#[from] Unreadable),
    #[error("{0}")]
    Claim(#[from] Objection),
    /// Claim by which a token without `at+jwt` shows what else it is.
    #[error("the claim {0} shows that the token is no access token")]
    OtherUse(&'static str),
}

/// Claims that are members of RFC 7662 and so have a place of their own in a record, and `active`,
/// which no token may say of itself.
const OWN: [&str; 12] = [
    "active",
    "exp",
    "nbf",
    "iat",
    "iss",
    "aud",
    "sub",
    "jti",
    "scope",
    "client_id",
    "username",
    "token_type",
];

/// Judges `typ`. RFC 9068 section 4 and RFC 8725 section 3.11: tokens for another use
/// (`logout+jwt`, `dpop+jwt`, `secevent+jwt`) come from the same issuer, under the same keys.
pub(crate) fn judge_type(header: &Header, requires_type: bool) -> Result<Use, Fault> {
    if header.is_type("at+jwt") {
        Ok(Use::Access)
    } else if !requires_type && (header.typ().is_none() || header.is_type("JWT")) {
        Ok(Use::Unnamed)
    } else {
        Err(Fault::Type)
    }
}

/// Judges the payload of a verified token. RFC 7519 section 4.1, RFC 9068 section 2.2.
///
/// Registered claims of the wrong type, null included, spoil the token. Of the others:
///
/// - `scope`, or without it `scp`: text or a list of it. Null grants nothing, as absence does.
/// - `client_id`, `username`: text, null or absent.
/// - All others are extensions, kept as they are but for credentials ([`keep_extensions`]).
pub(crate) fn judge(
    payload: &[u8],
    usage: Use,
    expected: &Expected,
    now: Timestamp,
) -> Result<Judged, Fault> {
    let claims = Claims::parse(payload)?;
    claims.check_iss(&expected.issuer)?;
    match &expected.audience {
        Accepted::OneOf(accepted) => claims.check_aud(accepted)?,
        Accepted::Any => {}
    }
    if usage == Use::Unnamed {
        judge_use(&claims)?;
    }
    let exp = claims.time("exp")?.ok_or(Objection::Missing("exp"))?;
    let iat = claims.time("iat")?;
    let mut token = Token::new(Status::Good, Expiry::At(exp));
    token.nbf = claims.time("nbf")?;
    token.clock_skew = expected.clock_skew;
    token.iat = iat;
    token.iss = Some(expected.issuer.clone());
    token.aud = claims.audience()?;
    token.sub = claims.text("sub")?.map(str::to_owned);
    token.jti = claims.text("jti")?.map(str::to_owned);
    let mut rest = Members::from(claims);
    token.scope = scopes(&rest)?;
    token.client_id = text(&rest, "client_id")?;
    token.username = text(&rest, "username")?;
    let token_type = rest.get("token_type").filter(|it| **it != Json::Null);
    read_token_type(&mut token, token_type.map(Json::as_str));
    for name in OWN {
        rest.remove(name);
    }
    keep_extensions(&mut token, rest);

    let skew = i64::from(expected.clock_skew);
    let start = iat.and_then(|iat| iat.plus_seconds(-skew));
    match start {
        Some(start) if now < start => Ok(Judged::TooEarly(start)),
        Some(_) | None => Ok(Judged::Record(Box::new(token))),
    }
}

/// Refuses ID tokens (OpenID Connect Core section 2) and security events (RFC 8417), logout tokens
/// among them, of issuers that give them no `typ` of their own.
fn judge_use(claims: &Claims) -> Result<(), Fault> {
    for name in ["nonce", "at_hash"] {
        if claims.get(name).is_some() {
            return Err(Fault::OtherUse(name));
        }
    }
    match claims.get("events") {
        Some(Json::Object(_)) => Err(Fault::OtherUse("events")),
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_))
        | None => Ok(()),
    }
}

fn text(claims: &Members, name: &'static str) -> Result<Option<String>, Objection> {
    match claims.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
            Err(Objection::Invalid(name))
        }
    }
}

fn scopes(claims: &Members) -> Result<ScopeSet, Objection> {
    for name in ["scope", "scp"] {
        match claims.get(name) {
            None | Some(Json::Null) => {}
            Some(Json::String(text)) => return Ok(ScopeSet::from_spaced(text)),
            Some(Json::Array(items)) => {
                let scopes: Option<Vec<&str>> = items.iter().map(Json::as_str).collect();
                let scopes = scopes.ok_or(Objection::Invalid(name))?;
                return Ok(ScopeSet::from_tokens(scopes));
            }
            Some(Json::Bool(_) | Json::Number(_) | Json::Object(_)) => {
                return Err(Objection::Invalid(name));
            }
        }
    }
    Ok(ScopeSet::default())
}

/// Confirms a verified token by its server's answer about it. The claims are those that the issuer
/// signed; the answer can only take from its time, or all of it.
pub(crate) fn confirm(
    mut token: Box<Token>,
    answer: Introspection,
) -> Result<Introspection, BadAnswer> {
    let Introspection::Token(answer) = answer else {
        return Ok(Introspection::Inactive);
    };
    for (signed, answered) in [(&token.sub, &answer.sub), (&token.jti, &answer.jti)] {
        if let (Some(signed), Some(answered)) = (signed, answered)
            && signed != answered
        {
            return Err(BadAnswer::OtherToken);
        }
    }
    token.status = answer.status;
    token.expiry = match (token.expiry, answer.expiry) {
        (Expiry::At(signed), Expiry::At(answered)) => Expiry::At(signed.min(answered)),
        (end, Expiry::Never) | (Expiry::Never, end) => end,
    };
    token.nbf = token.nbf.max(answer.nbf);
    Ok(Introspection::Token(token))
}

/// Record of a token that is inactive by what is known now, and may be judged otherwise then.
pub(crate) fn undecided(until: Timestamp) -> Introspection {
    Introspection::Token(Box::new(Token::new(Status::Unknown, Expiry::At(until))))
}

#[cfg(test)]
mod tests;
