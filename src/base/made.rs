//! What is made unless it stands.

use super::error::{Error, Result};

/// What somebody wanted to be there, and whether it was already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made<T> {
    /// It was made just now.
    New(T),
    /// It stood already.
    Standing(T),
}

impl<T> Made<T> {
    /// One that stands, if it is `described` as was `wanted`, or nobody said how.
    ///
    /// # Errors
    /// What it is called when it `differs`: the same wish twice is safe, another one is not.
    pub fn standing(
        there: T,
        described: impl Fn(&T) -> Option<&str>,
        wanted: Option<&str>,
        differs: Error,
    ) -> Result<Self> {
        if wanted.is_none() || described(&there) == wanted { Ok(Self::Standing(there)) } else { Err(differs) }
    }

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
