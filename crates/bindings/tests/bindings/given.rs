//! Tokens, ids and store files of the tests.

use std::path::{Path, PathBuf};

use introspectd_bindings::{BlockingBindings, OpenFailed, StoredBindings};
use introspectd_core::{
    Binding, BindingsFailed, Kept, ProviderName, Timestamp, TokenId, TokenValue,
};
use tempfile::TempDir;

pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const DAY: i64 = 86_400;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

pub(crate) fn bank() -> ProviderName {
    ProviderName::parse("bank").unwrap()
}

pub(crate) fn token(text: &str) -> TokenValue {
    TokenValue::parse(text.to_owned()).unwrap()
}

pub(crate) fn id(text: &str) -> TokenId {
    TokenId::parse(text.to_owned()).unwrap()
}

/// Token of this number and its id.
pub(crate) fn pair(number: u32) -> (TokenValue, TokenId) {
    (
        token(&format!("secret-of-{number}")),
        id(&format!("249a0a2e-028a-4e15-a841-{number:012}")),
    )
}

/// Binds the pair of this number for an hour.
pub(crate) fn bind(bindings: &dyn BlockingBindings, number: u32) {
    let (token, id) = pair(number);
    assert_eq!(
        keep(bindings, &token, &id, at(NOW + 3600), at(NOW)),
        Ok(Kept::Done)
    );
}

/// Binds a token, replacing any other binding.
pub(crate) fn keep(
    bindings: &dyn BlockingBindings,
    token: &TokenValue,
    id: &TokenId,
    end: Timestamp,
    now: Timestamp,
) -> Result<Kept, BindingsFailed> {
    bindings.bind(
        &bank(),
        &Binding {
            token,
            id,
            end,
            replace: true,
        },
        now,
    )
}

/// Id that the token is bound to at this time.
pub(crate) fn find(
    bindings: &dyn BlockingBindings,
    token: &TokenValue,
    now: Timestamp,
) -> Option<TokenId> {
    let found = bindings.find(&bank(), token, now).ok()?;
    found.and_then(|found| found.unless_ended(now))
}

/// Numbers whose pairs are not bound as they were.
pub(crate) fn missing(
    bindings: &dyn BlockingBindings,
    numbers: impl Iterator<Item = u32>,
) -> Vec<u32> {
    let is_there = |number: &u32| {
        let (token, id) = pair(*number);
        find(bindings, &token, at(NOW)) == Some(id)
    };
    numbers.filter(|number| !is_there(number)).collect()
}

/// Empty list of numbers.
pub(crate) const NONE: [u32; 0] = [];

/// Temporary folder for a store.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("bindings.redb")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.file()).unwrap()
    }

    pub(crate) fn open(&self) -> StoredBindings {
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<StoredBindings, OpenFailed> {
        StoredBindings::open(&self.file(), None, at(NOW))
    }

    /// Reason why the file is refused.
    pub(crate) fn refusal(&self) -> String {
        let refusal = self
            .try_open()
            .expect_err("a file that is refused")
            .to_string();
        assert!(refusal.contains(self.file().to_str().unwrap()), "{refusal}");
        refusal
    }
}
