//! A field of a `PATCH`: left out, null or a value (RFC 7396).

use serde::{Deserialize, Deserializer};

use crate::base::error::{Error, Result};

/// What a change says of a field that may be empty (RFC 7396). Its field is `#[serde(default)]`: one that is not there says
/// another thing than one that is null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Nothing: it stays as it is.
    #[default]
    Keep,
    /// Null: it is emptied.
    Clear,
    /// This.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether it stays as it is.
    pub fn keeps(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The new value, if it gets one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

/// Refuses (400) to change neither the name nor the description.
pub fn must_change_something<N, D>(name: Option<&N>, description: &Patch<D>) -> Result<()> {
    if name.is_none() && description.keeps() {
        return Err(Error::invalid_field("", "nothing to change: send `name` or `description`"));
    }
    Ok(())
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}
