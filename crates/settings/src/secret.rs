use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::ValueKind;
use introspectd_files::{MAX_SECRET, START};
use secrecy::SecretString;

use crate::Section;

const PLAIN: &str = "a secret cannot be a plain string";
const FORMS: &str = "Write { env = \"NAME\" }, { file = \"PATH\" } or { literal = \"…\" }.";
const CALLER_FORMS: &str =
    "Write { env = \"NAME\" }, { file = \"PATH\" }, { literal = \"…\" } or { sha256 = \"hex\" }.";

/// Secret of ours, with the file that it was read from, which may be renewed in place.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Value at the time the configuration was read.
    pub value: SecretString,
    /// File of the secret; `None` if it is in the environment or the configuration itself.
    pub file: Option<PathBuf>,
}

impl Secret {
    /// Reads the file of a secret again. Does not wait for a pipe.
    ///
    /// # Errors
    /// Errors of the system, and those of a file that is empty, too large, or not UTF-8.
    pub fn read(file: &Path) -> io::Result<SecretString> {
        let text = introspectd_files::read_text(file, MAX_SECRET, Duration::ZERO)?;
        match without_line_break(&text) {
            "" => Err(io::Error::other("the secret is empty")),
            secret => Ok(secret.into()),
        }
    }
}

/// Strips the line break that an editor, `echo` or a template puts after a secret.
fn without_line_break(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// Secret of a caller, as configured.
#[derive(Debug)]
pub enum CallerSecret {
    /// Plain secret.
    Plain(SecretString),
    /// SHA-256 of the secret, so that the configuration holds none.
    Sha256([u8; 32]),
}

impl Section {
    /// Reads a secret of ours, from the environment, a file, or the configuration itself.
    pub fn secret(&mut self, key: &str) -> Option<SecretString> {
        self.renewable_secret(key).map(|secret| secret.value)
    }

    /// Reads a secret of ours, with the file that it comes from.
    fn renewable_secret(&mut self, key: &str) -> Option<Secret> {
        let mut source = self.source(key, FORMS)?;
        let secret = source.plain(FORMS);
        source.finish();
        secret
    }

    /// Reads a required secret.
    pub fn required_secret(&mut self, key: &str) -> Option<SecretString> {
        self.required_renewable_secret(key)
            .map(|secret| secret.value)
    }

    /// Reads a required secret, with the file that it comes from.
    pub fn required_renewable_secret(&mut self, key: &str) -> Option<Secret> {
        if !self.has(key) {
            self.take(key);
            self.problem(key, "is missing", FORMS);
            return None;
        }
        self.renewable_secret(key)
    }

    /// Reads a caller's secrets: one, or a list while one is rotated. Each may also be given as its
    /// SHA-256.
    pub fn caller_secrets(&mut self, key: &str) -> Vec<CallerSecret> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let ValueKind::Array(values) = value.kind else {
            let source = self.source(key, CALLER_FORMS);
            return source.and_then(Self::caller_secret).into_iter().collect();
        };
        if values.is_empty() {
            self.problem(key, "is an empty list", CALLER_FORMS);
        }
        let mut secrets = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let (place, origin) = (format!("{key}[{index}]"), self.origin_of(&value));
            match value.kind {
                ValueKind::Table(table) => {
                    let source = self.below(&place, origin, table.into_iter().collect());
                    secrets.extend(source.caller_secret());
                }
                _ => self.problem_at(&origin, &place, PLAIN, CALLER_FORMS),
            }
        }
        secrets
    }

    fn caller_secret(self) -> Option<CallerSecret> {
        let mut source = self;
        let secret = if source.has("sha256") {
            let remedy = "Write the 64 hexadecimal digits that `introspectd hash-secret` prints.";
            source
                .parsed("sha256", remedy, parse_sha256)
                .map(CallerSecret::Sha256)
        } else {
            source
                .plain(CALLER_FORMS)
                .map(|secret| CallerSecret::Plain(secret.value))
        };
        source.finish();
        secret
    }

    fn source(&mut self, key: &str, forms: &str) -> Option<Self> {
        let value = self.take(key)?;
        if !matches!(value.kind, ValueKind::Table(_)) {
            self.problem(key, PLAIN, forms);
            return None;
        }
        Some(self.section(key))
    }

    fn plain(&mut self, forms: &str) -> Option<Secret> {
        let given = ["env", "file", "literal"]
            .into_iter()
            .filter(|form| self.has(form))
            .collect::<Vec<_>>();
        let [form] = given.as_slice() else {
            for form in ["env", "file", "literal"] {
                self.take(form);
            }
            self.problem_at(
                &self.latest_origin(),
                "",
                "a secret needs exactly one source",
                forms,
            );
            return None;
        };
        let text = match *form {
            "env" => self.environment_secret(),
            "file" => self.file_secret(),
            _ => self.literal_secret(),
        }?;
        let secret = without_line_break(&text);
        if secret.is_empty() {
            let what = match *form {
                "env" => {
                    format!(
                        "the environment variable {} is empty",
                        self.text("env").unwrap_or_default()
                    )
                }
                _ => "the secret is empty".to_owned(),
            };
            self.problem(form, what, "Give it a value.");
            return None;
        }
        self.ledger().secret(self.path(), secret);
        let file = self.table_text("file").map(PathBuf::from);
        Some(Secret {
            value: secret.into(),
            file,
        })
    }

    /// Reads without [`Section::text`], which records the value.
    fn table_text(&mut self, key: &str) -> Option<String> {
        match self.take(key)?.kind {
            ValueKind::String(text) => Some(text),
            _ => None,
        }
    }

    fn environment_secret(&mut self) -> Option<String> {
        let name = self.text("env")?;
        let value = self.environment.get(&name).cloned();
        if value.is_none() {
            let what = format!("the environment variable {name} is not set");
            self.problem(
                "env",
                what,
                format!("Set {name} for this process, or name another source."),
            );
        }
        value
    }

    fn file_secret(&mut self) -> Option<String> {
        let path = self.text("file")?;
        self.ledger().file(path.as_ref());
        match introspectd_files::read_text(path.as_ref(), MAX_SECRET, START) {
            Ok(text) => Some(text),
            Err(error) => {
                let what = format!("the file {path} cannot be read: {error}");
                self.problem(
                    "file",
                    what,
                    "Name a readable file; a relative path counts from the working directory.",
                );
                None
            }
        }
    }

    /// Reads without [`Section::text`], which would record the secret as an effective value.
    fn literal_secret(&mut self) -> Option<String> {
        let value = self.take("literal")?;
        let origin = self.origin_of(&value);
        let text = match value.kind {
            ValueKind::String(text) => Some(text),
            _ => None,
        };
        match &text {
            Some(_) => self.in_force("literal", "\"***\"".to_owned(), Some(&origin)),
            None => self.problem("literal", "expected a string", "Put it in quotes."),
        }
        text
    }
}

fn parse_sha256(hex: &str) -> Result<[u8; 32], &'static str> {
    let mut digest = [0; 32];
    let (pairs, rest) = hex
        .trim_end_matches(['\r', '\n'])
        .as_bytes()
        .as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() {
        return Err("a SHA-256 has 64 hexadecimal digits");
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        let digit = |c: &u8| {
            char::from(*c)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let (Some(high), Some(low)) = (digit(high), digit(low)) else {
            return Err("a SHA-256 has only the digits 0-9 and a-f");
        };
        *byte = high << 4 | low;
    }
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn any_text_is_a_digest_or_refused() {
        let seed = "00ff".repeat(16);
        introspectd_fuzz::check!(&[seed.as_bytes()], |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            if let Ok(digest) = parse_sha256(&text) {
                let mut hex = String::new();
                for byte in digest {
                    write!(hex, "{byte:02x}").unwrap();
                }
                assert!(without_line_break(&text).eq_ignore_ascii_case(&hex));
            }
        });
    }
}
