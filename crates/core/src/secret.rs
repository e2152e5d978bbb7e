use std::fmt;

use constant_time_eq::constant_time_eq;
use secrecy::{ExposeSecret, SecretString};

/// Token as a client presented it: a secret that neither prints nor serializes and is wiped when
/// dropped.
#[derive(Clone)]
pub struct TokenValue(SecretString);

/// Reason why a text cannot be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejected {
    /// Empty text.
    #[error("the token is empty")]
    Empty,
    /// Text over [`TokenValue::MAX_BYTES`].
    #[error("the token is longer than 16 KiB")]
    TooLong,
}

impl TokenValue {
    /// Longest accepted token, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Accepts 1 to [`Self::MAX_BYTES`] bytes of text.
    ///
    /// # Errors
    /// [`TokenRejected`] for any other length.
    pub fn parse(text: String) -> Result<Self, TokenRejected> {
        check(&text)?;
        Ok(Self(text.into()))
    }

    /// Exposes the secret. The caller is responsible for where it goes.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Compares with `text` in constant time.
    pub fn is(&self, text: &str) -> bool {
        constant_time_eq(self.expose().as_bytes(), text.as_bytes())
    }
}

impl fmt::Debug for TokenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenValue(***)")
    }
}

/// Provider's handle of a token. It may be shown and logged, so it is never accepted as a
/// credential.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenId(Box<str>);

impl TokenId {
    /// Accepts 1 to [`TokenValue::MAX_BYTES`] bytes of text.
    ///
    /// # Errors
    /// [`TokenRejected`] for any other length.
    pub fn parse(text: String) -> Result<Self, TokenRejected> {
        check(&text)?;
        Ok(Self(text.into()))
    }

    /// Returns the id as text.
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
    fn debug_hides_the_token() {
        let token = TokenValue::parse("hunter2".to_owned()).unwrap();
        assert_eq!(format!("{token:?}"), "TokenValue(***)");
    }

    #[test]
    fn length_is_limited() {
        assert_eq!(
            TokenValue::parse(String::new()).unwrap_err(),
            TokenRejected::Empty
        );
        assert!(TokenValue::parse("a".repeat(TokenValue::MAX_BYTES)).is_ok());
        assert_eq!(
            TokenValue::parse("a".repeat(TokenValue::MAX_BYTES + 1)).unwrap_err(),
            TokenRejected::TooLong
        );
    }

    #[test]
    fn comparison_covers_the_whole_token() {
        let token = TokenValue::parse("abc".to_owned()).unwrap();
        assert!(token.is("abc"));
        assert!(!token.is("ab") && !token.is("abcd") && !token.is("ABC") && !token.is(""));
    }
}
