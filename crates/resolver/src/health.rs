use std::sync::{Mutex, PoisonError};

use introspectd_core::{Capabilities, Failure, ProviderName, Timestamp};

/// A provider as it is configured, and how it was when it was last asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderStatus<'a> {
    /// Its name.
    pub name: &'a ProviderName,
    /// The `kind` of its configuration.
    pub kind: &'static str,
    /// What it can be asked.
    pub capabilities: Capabilities,
    /// How it was.
    pub health: Health,
    /// Its last failure and when that was, however well it did since.
    pub last_failure: Option<(Failure, Timestamp)>,
}

/// How a provider was when it was last asked. Only failures that cannot depend on the token count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It answered.
    Good,
    /// It did not.
    Failing,
}

/// What is remembered of a provider's answers.
#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<(Health, Option<(Failure, Timestamp)>)>);

impl Record {
    pub(crate) fn note(&self, failure: Option<&Failure>, now: Timestamp) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            None => held.0 = Health::Good,
            Some(failure) => {
                held.0 = if failure.is_about_provider() { Health::Failing } else { Health::Good };
                held.1 = Some((failure.clone(), now));
            }
        }
    }

    pub(crate) fn look(&self) -> (Health, Option<(Failure, Timestamp)>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
