//! A form makes one key, however often it is sent: of two that came of a double click, nobody would have seen the first.

use std::fmt;
use std::str::FromStr;

use super::store::forms;
use super::{ApiKeyMade, For, NewApiKey, make, revoke};
use crate::base::error::Result;
use crate::base::locale::Locale;
use crate::gate::{self, Caller};
use crate::identity::Identity;
use crate::identity::factors::must_be_fresh;

/// What a form is known by: 32 hex digits, in the page and in what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormId([u8; 16]);

/// What came of a form.
#[derive(Debug)]
pub enum Formed {
    /// A key.
    Key(ApiKeyMade),
    /// A key in the place of the one that it made before, which is revoked.
    Another(ApiKeyMade),
    /// None: what it made before is in use already, or is called something else.
    Nothing,
}

impl FormId {
    /// One more.
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for FormId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for FormId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id)?;
        Ok(Self(id))
    }
}

/// Makes the caller a key of their own, as a form wants it.
///
/// # Errors
/// As [`make_own`](super::make_own).
pub async fn make_by_form(
    identity: &Identity,
    caller: &Caller,
    (form, new): (FormId, &NewApiKey),
    language: Option<Locale>,
) -> Result<Formed> {
    let mut tx = caller.begin(identity).await?;
    let now = tx.by().now;
    must_be_fresh(&mut tx, caller, now).await?;
    // Of two that come at once the second waits here, and finds what the first has made.
    gate::store::people::lock(&mut tx, caller.person).await?;
    let before = forms::find(&mut tx, caller.person, form).await?;
    if let Some(before) = &before {
        if before.was_used || before.name != new.name.as_str() {
            return Ok(Formed::Nothing);
        }
        revoke(&mut tx, caller.person, before.id).await?;
    }
    let whom = For::oneself(caller.person);
    let made = make(&mut tx, identity, whom, new, language).await?;
    forms::note(&mut tx, made.shown.id, form).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(if before.is_some() { Formed::Another(made) } else { Formed::Key(made) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_known_by_32_hex_digits() {
        let id = FormId::new([7; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "07", "zz070707070707070707070707070707"] {
            assert!(bad.parse::<FormId>().is_err(), "{bad}");
        }
    }
}
