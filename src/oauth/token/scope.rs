use crate::oauth::error::{Error, Result};
use crate::oauth::scopes;

/// The scopes that a request names, each of them one of `allowed`.
///
/// # Errors
/// 400 `invalid_scope`.
pub(super) fn requested(text: &str, allowed: &[String]) -> Result<Vec<String>> {
    let malformed =
        || Error::invalid_scope("scope is no list of scopes: percent-encode names, and part scopes by a space");
    let asked = scopes::read(text).ok_or_else(malformed)?;
    match asked.iter().find(|scope| !allowed.contains(scope)) {
        Some(other) => Err(Error::invalid_scope(format!("the scope {other} is more than may be granted here"))),
        None => Ok(asked),
    }
}
