use clap::Args;
use sha2::{Digest, Sha256};

use super::{Exit, Outcome, read_secret, say};

/// Print the SHA-256 of a secret, for `secret = { sha256 = "…" }` of a caller.
///
/// The secret is read from standard input. Choose a long random one: a hash of a guessable secret
/// is guessed.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HashSecret {}

const EXAMPLES: &str = "\
Examples:
  openssl rand -hex 32 | tee edge.secret | introspectd hash-secret
  introspectd hash-secret < edge.secret";

impl HashSecret {
    pub(crate) fn run(self) -> Outcome {
        let digest = Sha256::digest(read_secret("secret")?);
        say(&format!("{digest:x}"))?;
        Ok(Exit::Fine)
    }
}
