use std::borrow::Borrow;
use std::collections::BTreeSet;

/// All of something, or only what is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection<T> {
    /// All of it, what later configurations add too.
    #[default]
    All,
    /// These.
    Only(BTreeSet<T>),
}

impl<T: Ord> Selection<T> {
    /// Whether it is among them.
    pub fn contains<Q: Ord + ?Sized>(&self, one: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        match self {
            Self::All => true,
            Self::Only(named) => named.contains(one),
        }
    }
}
