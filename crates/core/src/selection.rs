use std::borrow::Borrow;
use std::collections::BTreeSet;

/// Choice of everything, or of named items only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection<T> {
    /// Everything, including what later configurations add.
    #[default]
    All,
    /// Only these items.
    Only(BTreeSet<T>),
}

impl<T: Ord> Selection<T> {
    /// Returns true if the item is selected.
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
