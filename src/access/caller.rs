use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::token_of_a_person;
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::credential::Credential;
use crate::tokens::{self, Checked, TokenHash};
use crate::users::PersonId;

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
        let credential = Credential::from_request_parts(parts, app).await?;
        let token = token_of_a_person(app, credential).await?;
        let checked = tokens::check(app, token, None).await?;
        Ok(Self { person: checked.session.person, token, checked })
    }
}
