/// Fault of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFault {
    /// Parameters that are wrong.
    Invalid(InvalidRequest),
    /// Nothing at this path, or nothing that the caller may see.
    NotFound,
    /// Method that the path does not take.
    MethodNotAllowed,
    /// Body over the limit.
    TooLarge,
    /// Head over the limit.
    HeadTooLong,
    /// Body that did not arrive within its deadline.
    TooSlow,
    /// Body that is not declared as a form.
    NotForm,
    /// Body that is not declared as JSON.
    NotJson,
    /// Body that is not declared as a security event token.
    NotSecurityEvent,
    /// Signed answer, which alone is accepted, and there is no key to sign it with.
    NotSignable,
}

/// Fault of a request's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidRequest {
    /// Missing or empty token.
    NoToken,
    /// Token over its limit.
    TokenTooLong,
    /// Parameter that is given more than once.
    Repeated,
    /// Body that is not a form.
    NotAForm,
    /// Unknown provider, or one that the caller may not see.
    UnknownProvider,
    /// Token id without the provider that it belongs to.
    ProviderNeeded,
    /// Token id where only a token is accepted.
    NotByHint,
    /// Unknown policy.
    UnknownPolicy,
    /// Token id where a policy decides.
    NotByPolicy,
    /// Body that is not the expected JSON object.
    NotTheObject,
    /// Purge without exactly one selector.
    NotOneToPurge,
    /// Parameters of a list.
    Query(InvalidQuery),
    /// Token that equals its id. Ids are visible to many, so none may become a token.
    TokenIsId,
    /// Token that is spelled as an id of the provider.
    TokenSpellsId,
    /// Body or message that cannot be read.
    Unreadable,
    /// Missing or empty logout token.
    NoLogoutToken,
    /// No `Host`, two of them, or another one than the authority.
    NotOneHost,
}

/// Fault of the parameters of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidQuery {
    /// Query that is not form-encoded.
    NotEncoded,
    /// Unknown parameter. A mistyped filter that is ignored would show everything.
    Unknown,
    /// Filter that is empty or too long.
    Filter,
    /// Unknown state.
    State,
    /// Unknown order.
    Order,
    /// Page size out of range.
    PageSize,
    /// Page token that is forged, or another caller's or process's.
    PageToken,
    /// Page token of a list with other parameters.
    OtherList,
}

impl RequestFault {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge => "payload_too_large",
            Self::HeadTooLong => "head_too_long",
            Self::TooSlow => "request_timeout",
            Self::NotForm | Self::NotJson | Self::NotSecurityEvent => "unsupported_media_type",
            Self::NotSignable => "not_acceptable",
        }
    }

    pub(super) fn reason(self) -> Option<&'static str> {
        let spells_an_id = matches!(
            self,
            Self::Invalid(InvalidRequest::TokenIsId | InvalidRequest::TokenSpellsId)
        );
        spells_an_id.then_some("token_is_an_id")
    }
}
