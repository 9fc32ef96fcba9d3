use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::credential;
use crate::tokens::{self, Checked, TokenHash};
use crate::users::PersonId;

/// Somebody who presents what may be a token: for a handler that has it checked together with what it asks.
#[derive(Debug)]
pub struct Bearer(pub TokenHash);

impl FromRequestParts<App> for Bearer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        credential::presented(&parts.headers).map(Self)
    }
}

/// Somebody whose token is valid: enough for what anyone logged in may do.
#[derive(Debug)]
pub struct Caller {
    /// Who.
    pub person: PersonId,
    /// The token they came with.
    pub token: TokenHash,
    /// What the check of it said.
    pub checked: Checked,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let token = credential::presented(&parts.headers)?;
        let checked = tokens::check(app, token, None).await?;
        Ok(Self { person: checked.session.person, token, checked })
    }
}
