//! What holds of the keys and the name of a trusted issuer as a whole.

use serde_json::Value;

use super::{AudienceName, IssuerSecret};
use crate::base::error::{Error, Result};
use crate::base::id::ServiceId;
use crate::gate::Gate;
use crate::gate::foreign::Sealed;
use crate::platform::jwks;

/// The most audiences that are taken.
const MOST_AUDIENCES: usize = 10;

/// What an issuer signs with.
#[derive(Clone, Debug)]
pub enum Keys {
    /// A secret of so many bytes.
    Secret(Sealed, i32),
    Given(Value),
    At(String),
}

impl Keys {
    /// What a request names; `None` if it names none. A secret is sealed.
    ///
    /// # Errors
    /// 400 for several, and for keys that can't be verified by.
    pub async fn read(
        gate: &Gate,
        service: ServiceId,
        (secret, given, uri): (Option<&IssuerSecret>, Option<&Value>, Option<&str>),
    ) -> Result<Option<Self>> {
        match (secret, given, uri) {
            (None, None, None) => Ok(None),
            (Some(secret), None, None) => {
                let bytes = i32::try_from(secret.as_bytes().len()).unwrap_or(i32::MAX);
                Ok(Some(Self::Secret(Sealed::seal(gate, service, secret.as_bytes()).await?, bytes)))
            }
            (None, Some(set), None) => {
                let read = jwks::read(set).and_then(|keys| jwks::must_all_sign(&keys));
                read.map_err(|fault| Error::invalid_field("jwks", &fault))?;
                Ok(Some(Self::Given(set.clone())))
            }
            (None, None, Some(uri)) => {
                gate.outbound.may_be_named(uri).map_err(|fault| Error::invalid_field("jwks_uri", &fault))?;
                Ok(Some(Self::At(uri.to_owned())))
            }
            _ => {
                Err(Error::invalid_field("", "send one of `secret`, `jwks` and `jwks_uri`: an issuer signs in one way"))
            }
        }
    }
}

/// Refuses (400) an issuer whose tokens can't be told from others.
pub fn must_be_told_apart(gate: &Gate, issuer: Option<&str>, has_secret: bool) -> Result<()> {
    match issuer {
        Some(issuer) if issuer == gate.foreign.own_issuer() => {
            Err(Error::invalid_field("issuer", "is Portero itself, whose tokens are taken anyway"))
        }
        None if !has_secret => Err(Error::invalid_field(
            "issuer",
            "name it: only tokens that are signed with a shared `secret` may have no `iss`",
        )),
        _ => Ok(()),
    }
}

/// The audiences as they are stored: in order, each once.
///
/// # Errors
/// 400 for more than ten.
pub fn audiences(names: &[AudienceName]) -> Result<Vec<String>> {
    if names.len() > MOST_AUDIENCES {
        return Err(Error::invalid_field("audiences", "at most 10"));
    }
    let mut names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
