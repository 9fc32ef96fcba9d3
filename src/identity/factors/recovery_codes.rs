//! Codes for who has lost their factors: ten, shown once, each good for one login. The first four characters say which one it is, and
//! stand in clear text; all of it is hashed as passwords are.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use zeroize::Zeroizing;

use super::{Code, store};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::identity::Identity;
use crate::platform::passwords::{Password, PasswordHash, Presented};
use crate::platform::shares::Asker;

/// Crockford's: none is taken for another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How many characters a code has: 80 bits.
const LENGTH: usize = 16;

/// And how many of them say which one it is.
const SELECTOR: usize = 4;

/// How many codes there are in a set.
pub const IN_A_SET: usize = 10;

/// A code that somebody presents.
#[derive(Debug)]
pub struct PresentedRecoveryCode {
    /// Which one it says that it is.
    pub selector: String,
    /// To be compared with what is stored.
    pub presented: Presented,
}

impl PresentedRecoveryCode {
    /// Reads it as people write it: in any case, with or without hyphens, and with letters that look like digits.
    pub fn read(code: &Code) -> Option<Self> {
        let bare = code.bare()?;
        let same = bare.chars().map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        });
        let text: String = same.collect();
        if text.len() != LENGTH || !text.bytes().all(|b| ALPHABET.contains(&b)) {
            return None;
        }
        Some(Self { selector: text.chars().take(SELECTOR).collect(), presented: text.into() })
    }
}

/// A new set: what its owner is shown, and what is stored.
pub struct RecoveryCodes {
    shown: Vec<String>,
    stored: Vec<(String, PasswordHash)>,
}

impl RecoveryCodes {
    /// Makes a set. Begin no transaction before: this takes as long as ten logins.
    ///
    /// # Errors
    /// 503 when too many passwords are being hashed.
    pub async fn make(identity: &Identity, asker: &Asker) -> Result<Self> {
        let mut set = Self { shown: Vec::new(), stored: Vec::new() };
        while set.shown.len() < IN_A_SET {
            let text = written(&identity.random()?);
            let selector: String = text.chars().take(SELECTOR).collect();
            if set.stored.iter().any(|(other, _)| *other == selector) {
                continue;
            }
            let password =
                Password::try_from(text.to_string()).map_err(|fault| Error::Internal(anyhow::anyhow!(fault)))?;
            set.stored.push((selector, identity.hasher.hash(asker, password).await?));
            set.shown.push(grouped(&text));
        }
        Ok(set)
    }

    /// Makes the set that comes with somebody's first factor; `None` for who has codes. Begin no transaction before.
    ///
    /// # Errors
    /// 503 when too many passwords are being hashed.
    pub async fn with_first_factor(identity: &Identity, asker: &Asker, person: PersonId) -> Result<Option<Self>> {
        let left = store::recovery::count(&mut *identity.db.read().await?, person).await?;
        if left > 0 { Ok(None) } else { Self::make(identity, asker).await.map(Some) }
    }

    /// What is stored of it: which code, and its hash.
    pub fn stored(&self) -> &[(String, PasswordHash)] {
        &self.stored
    }

    /// What its owner is shown, once.
    pub fn into_shown(self) -> ShownCodes {
        ShownCodes(self.shown)
    }
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCodes(***)")
    }
}

/// Recovery codes in clear text, on their way to their owner.
#[derive(Serialize)]
#[serde(transparent)]
pub struct ShownCodes(Vec<String>);

impl Deref for ShownCodes {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Debug for ShownCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownCodes(***)")
    }
}

fn written(random: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(random.iter().take(LENGTH).map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}

fn grouped(text: &str) -> String {
    let groups = text.as_bytes().chunks(SELECTOR).map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let read = |text: &str| PresentedRecoveryCode::read(&text.to_owned().into()).map(|code| code.selector);
        assert_eq!(grouped(&written(&[33; 32])), "1111-1111-1111-1111");
        for same in ["0123-4567-89ab-cdef", "O1L3 4567 89AB CDEF", "0i23456789abcdef"] {
            let selector = read(same).expect("a code");
            assert!(["0123", "0113"].contains(&selector.as_str()), "{same}: {selector}");
        }
        for bad in ["", "0123-4567-89ab-cde", "0123-4567-89ab-cdef-0", "u123-4567-89ab-cdef", "é123-4567-89ab-cdef"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
