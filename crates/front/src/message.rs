use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, StatusCode};
use introspectd_service::Operation;
use introspectd_service::refusal::{InvalidRequest, Refusal};

use crate::body::BodyType;
use crate::form;
use crate::header::only;
use crate::language::Language;
use crate::problem;
use crate::reply::{self, Reply};

/// Message of another server about its subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// Security event token (RFC 8935).
    Event,
    /// Logout token (OpenID Connect Back-Channel Logout 1.0).
    Logout,
    /// Global Token Revocation request.
    Revocation,
}

impl Message {
    pub(crate) const fn operation(self) -> Operation {
        match self {
            Self::Event => Operation::ReceiveEvent,
            Self::Logout => Operation::LogOut,
            Self::Revocation => Operation::RevokeSubject,
        }
    }

    pub(crate) const fn body_type(self) -> BodyType {
        match self {
            Self::Event => BodyType::SecurityEvent,
            Self::Logout => BodyType::Form,
            Self::Revocation => BodyType::Object,
        }
    }

    /// Replies that it was acted upon.
    pub(crate) fn accepted(self) -> Reply {
        let status = match self {
            Self::Event => StatusCode::ACCEPTED,
            Self::Logout => StatusCode::OK,
            Self::Revocation => StatusCode::NO_CONTENT,
        };
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut reply = reply::empty(headers);
        *reply.status_mut() = status;
        reply
    }

    /// Replies to one that was refused.
    pub(crate) fn refused(self, refusal: &Refusal, language: Language) -> Reply {
        match self {
            Self::Event => problem::event_reply(refusal, language),
            Self::Logout | Self::Revocation => problem::reply(refusal, language),
        }
    }
}

/// Returns the `Authorization` that a server shows.
pub(crate) fn authorization(headers: &HeaderMap) -> Option<&[u8]> {
    only(headers, &AUTHORIZATION).map(HeaderValue::as_bytes)
}

/// Reads the form of a logout: one `logout_token`. Other parameters are ignored.
pub(crate) fn logout_token(body: &[u8]) -> Result<String, InvalidRequest> {
    let mut found = None;
    for pair in form::pairs(body) {
        let (name, value) = pair?;
        if name == "logout_token" && found.replace(value.into_owned()).is_some() {
            return Err(InvalidRequest::Repeated);
        }
    }
    found
        .filter(|token| !token.is_empty())
        .ok_or(InvalidRequest::NoLogoutToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_has_one_logout_token() {
        let read = |form: &str| logout_token(form.as_bytes());
        assert_eq!(read("logout_token=a.b.c&x=1&x=2"), Ok("a.b.c".to_owned()));
        for missing in ["", "logout_token=", "token=a.b.c"] {
            assert_eq!(
                read(missing),
                Err(InvalidRequest::NoLogoutToken),
                "{missing}"
            );
        }
        let twice = "logout_token=a.b.c&logout_token=a.b.c";
        assert_eq!(read(twice), Err(InvalidRequest::Repeated));
        assert_eq!(read("logout_token=%"), Err(InvalidRequest::NotAForm));
    }
}
