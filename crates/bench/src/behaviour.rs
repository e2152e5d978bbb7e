//! Faults of the fake authorization server.

use std::time::Duration;

/// Way in which the authorization server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Answers at once.
    Well,
    /// Answers nothing until it behaves otherwise.
    Hangs,
    /// Sends one byte of the body every [`DRIP`].
    Drips,
    /// Answers with as large a body as introspectd takes.
    Swells,
    /// Answers 503.
    Refuses,
}

/// Pause between two bytes of an answer that drips: an answer takes over five seconds.
pub(crate) const DRIP: Duration = Duration::from_millis(12);

impl Behaviour {
    const ALL: [Self; 5] = [
        Self::Well,
        Self::Hangs,
        Self::Drips,
        Self::Swells,
        Self::Refuses,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Hangs => "hangs",
            Self::Drips => "drips",
            Self::Swells => "swells",
            Self::Refuses => "refuses",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviour_is_found_by_its_name() {
        for behaviour in Behaviour::ALL {
            assert_eq!(Behaviour::named(behaviour.name()), Some(behaviour));
        }
        assert_eq!(Behaviour::named("sleeps"), None);
    }
}
