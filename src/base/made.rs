//! What is made unless it stands.

/// What somebody wanted to be there, and whether it was already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made<T> {
    /// It was made just now.
    New(T),
    /// It stood already.
    Standing(T),
}

impl<T> Made<T> {
    /// Whether it was made just now.
    pub fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }

    /// What is there now.
    pub fn get(&self) -> &T {
        match self {
            Self::New(there) | Self::Standing(there) => there,
        }
    }
}
