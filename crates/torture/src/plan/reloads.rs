//! Reloads of a run: what each changes, and which must be refused.

use fastrand::Rng;

use crate::cast::Variant;
use crate::plan::deal;

/// A reload: a file, and whether it is any good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reload {
    pub(crate) turn: Turn,
    /// Content of the file, good or not.
    pub(crate) variant: Variant,
}

/// Difference of a file from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A caller goes, or comes back.
    Guest,
    /// A policy asks for something else.
    Policy,
    /// A caller has another rate.
    Rate,
    /// Facts of a provider live shorter or longer: its section differs.
    Lifetime,
    /// Keys of a provider are used longer or shorter: its section differs.
    Keys,
    /// None.
    Nothing,
    /// All of these at once, and the text is no TOML.
    Syntax,
    /// All of these at once, and a key that nobody knows.
    UnknownKey,
    /// All of these at once, and a secret in a file that is not there.
    MissingFile,
    /// All of these at once, and a key that needs a restart.
    NeedsRestart,
}

impl Turn {
    const ALL: [Self; 10] = [
        Self::Guest,
        Self::Policy,
        Self::Rate,
        Self::Lifetime,
        Self::Keys,
        Self::Nothing,
        Self::Syntax,
        Self::UnknownKey,
        Self::MissingFile,
        Self::NeedsRestart,
    ];

    /// Returns true if the file must be refused as a whole.
    pub(crate) const fn is_mistake(self) -> bool {
        matches!(
            self,
            Self::Syntax | Self::UnknownKey | Self::MissingFile | Self::NeedsRestart
        )
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Guest => "reload: a caller goes or comes",
            Self::Policy => "reload: a policy changes",
            Self::Rate => "reload: a rate changes",
            Self::Lifetime => "reload: a provider's ttl changes",
            Self::Keys => "reload: a provider's jwks_max_age changes",
            Self::Nothing => "reload: the same file again",
            Self::Syntax => "refused reload: no TOML",
            Self::UnknownKey => "refused reload: unknown key",
            Self::MissingFile => "refused reload: missing file of a secret",
            Self::NeedsRestart => "refused reload: key that needs a restart",
        }
    }
}

/// Returns the variant that differs in this from another.
fn turned(variant: Variant, turn: Turn) -> Variant {
    match turn {
        Turn::Guest => Variant {
            guest: !variant.guest,
            ..variant
        },
        Turn::Policy => Variant {
            orders: variant.orders.other(),
            ..variant
        },
        Turn::Rate => Variant {
            is_generous: !variant.is_generous,
            ..variant
        },
        Turn::Lifetime => Variant {
            legacy_ttl: 3 - variant.legacy_ttl,
            ..variant
        },
        Turn::Keys => Variant {
            corp_max_age: 32 - variant.corp_max_age,
            ..variant
        },
        Turn::Nothing => variant,
        Turn::Syntax | Turn::UnknownKey | Turn::MissingFile | Turn::NeedsRestart => [
            Turn::Guest,
            Turn::Policy,
            Turn::Rate,
            Turn::Lifetime,
            Turn::Keys,
        ]
        .into_iter()
        .fold(variant, turned),
    }
}

/// One reload after another, each kind once before any comes again.
pub(crate) fn reloads(mut rng: Rng) -> impl Iterator<Item = Reload> + Send {
    let mut deck = Vec::new();
    let mut in_force = Variant::FIRST;
    std::iter::repeat_with(move || {
        let turn = deal(&mut rng, &mut deck, &Turn::ALL).unwrap_or(Turn::Nothing);
        let variant = turned(in_force, turn);
        if !turn.is_mistake() {
            in_force = variant;
        }
        Reload { turn, variant }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::stream;

    #[test]
    fn refused_file_differs_in_all_and_the_next_one_as_if_it_had_not_been() {
        let mut in_force = Variant::FIRST;
        for Reload { turn, variant } in reloads(stream(3, "configuration")).take(90) {
            assert_eq!(variant, turned(in_force, turn), "{turn:?}");
            if turn.is_mistake() {
                assert_ne!(variant.guest, in_force.guest);
                assert_ne!(variant.orders, in_force.orders);
                assert_ne!(variant.is_generous, in_force.is_generous);
                assert_ne!(variant.legacy_ttl, in_force.legacy_ttl);
                assert_ne!(variant.corp_max_age, in_force.corp_max_age);
            } else {
                in_force = variant;
            }
            assert!((1..=2).contains(&variant.legacy_ttl));
            assert!([12, 20].contains(&variant.corp_max_age));
        }
    }
}
