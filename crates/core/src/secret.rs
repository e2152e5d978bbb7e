use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// A token as a client presented it: a secret, which neither prints nor serializes and is wiped when
/// dropped.
#[derive(Clone)]
pub struct TokenValue(SecretString);

/// Why a text can be no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejected {
    /// It is empty.
    #[error("the token is empty")]
    Empty,
    /// It is over [`TokenValue::MAX_BYTES`].
    #[error("the token is longer than 16 KiB")]
    TooLong,
}

impl TokenValue {
    /// The longest token that is taken, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Takes 1 to [`Self::MAX_BYTES`] bytes of text.
    ///
    /// # Errors
    /// [`TokenRejected`] outside of these bounds.
    pub fn parse(text: String) -> Result<Self, TokenRejected> {
        check(&text)?;
        Ok(Self(text.into()))
    }

    /// The token itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether `text` is this token, in a time that does not tell where they differ.
    pub fn is(&self, text: &str) -> bool {
        self.expose().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for TokenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenValue(***)")
    }
}

/// A provider's handle of a token. It may be shown and logged, and so is never taken as a credential.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenId(Box<str>);

impl TokenId {
    /// Takes 1 to [`TokenValue::MAX_BYTES`] bytes of text.
    ///
    /// # Errors
    /// [`TokenRejected`] outside of these bounds.
    pub fn parse(text: String) -> Result<Self, TokenRejected> {
        check(&text)?;
        Ok(Self(text.into()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str) -> Result<(), TokenRejected> {
    if text.is_empty() {
        return Err(TokenRejected::Empty);
    }
    if text.len() > TokenValue::MAX_BYTES {
        return Err(TokenRejected::TooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_print() {
        let token = TokenValue::parse("hunter2".to_owned()).unwrap();
        assert_eq!(format!("{token:?}"), "TokenValue(***)");
    }

    #[test]
    fn bounds() {
        assert_eq!(TokenValue::parse(String::new()).unwrap_err(), TokenRejected::Empty);
        assert!(TokenValue::parse("a".repeat(TokenValue::MAX_BYTES)).is_ok());
        assert_eq!(
            TokenValue::parse("a".repeat(TokenValue::MAX_BYTES + 1)).unwrap_err(),
            TokenRejected::TooLong
        );
    }

    #[test]
    fn equality_is_of_the_whole() {
        let token = TokenValue::parse("abc".to_owned()).unwrap();
        assert!(token.is("abc"));
        assert!(!token.is("ab") && !token.is("abcd") && !token.is("ABC") && !token.is(""));
    }
}
