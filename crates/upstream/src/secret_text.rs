use std::fmt;

use http::HeaderValue;
use introspectd_settings::Section;
use secrecy::{ExposeSecret, SecretString};

use crate::authorization::renewed;
use crate::renewed::Renewed;

/// Secret of ours in a described request, read again when its file changes. It does not print.
pub struct SecretText(Renewed<SecretString>);

impl SecretText {
    /// Reads a secret that may hold any text.
    pub fn read(section: &mut Section, key: &str) -> Option<Self> {
        let secret = section.required_renewable_secret(key)?;
        renewed(secret, |secret| Some(secret.clone())).map(Self)
    }

    /// Reads a secret that is the value of a header.
    pub fn read_header(section: &mut Section, key: &str) -> Option<Self> {
        let secret = section.required_renewable_secret(key)?;
        let fits = |secret: &SecretString| HeaderValue::from_str(secret.expose_secret()).is_ok();
        let read = renewed(secret, move |secret| fits(secret).then(|| secret.clone()));
        if read.is_none() {
            section.problem(
                key,
                "holds a character that no header can carry",
                "Check for line breaks.",
            );
        }
        read.map(Self)
    }

    /// Exposes the secret. The caller is responsible for where it goes.
    pub fn expose(&self) -> SecretString {
        (*self.0.get()).clone()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(***)")
    }
}
