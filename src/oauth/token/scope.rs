use crate::oauth::error::Result;
use crate::oauth::scopes::{self, Refused};

/// The scopes that a request names, each of them one of `allowed`.
///
/// # Errors
/// 400 `invalid_scope`.
pub(super) fn requested(text: &str, allowed: &[String]) -> Result<Vec<String>> {
    let asked = scopes::read(text).ok_or(Refused::Malformed)?;
    match asked.iter().find(|scope| !allowed.contains(scope)) {
        Some(scope) => Err(Refused::NotAllowed { scope: scope.clone(), allowed: allowed.to_vec() }.into()),
        None => Ok(asked),
    }
}
