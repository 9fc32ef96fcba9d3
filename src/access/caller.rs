use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::{store, token_of_a_person};
use crate::app::App;
use crate::audit::{Actor, By, Change, Origin};
use crate::error::{Error, Result};
use crate::http::credential::{self, Credential};
use crate::id::Ref;
use crate::tokens::{self, Checked, Payload, TokenHash};
use crate::users::{self, Person, PersonId};

/// Somebody whose token is valid: enough for what anyone logged in may do.
#[derive(Debug)]
pub struct Caller {
    /// Who.
    pub person: PersonId,
    /// The token they came with.
    pub token: TokenHash,
    /// What the check of it said.
    pub checked: Checked,
    /// Where they call from.
    pub origin: Origin,
}

impl Caller {
    /// Begins a change of what is the caller's own.
    ///
    /// # Errors
    /// 401 `invalid_token` when their session has ended since the request came.
    pub async fn begin(&self, app: &App) -> Result<Change> {
        let mut tx = app.db.begin().await?;
        users::store::lock(&mut tx, self.person).await?;
        if !store::has_session(&mut tx, self.token).await? {
            return Err(credential::invalid());
        }
        Ok(Change::new(tx, self.by(app)))
    }

    /// Whether it is the caller whom a request names.
    pub fn is(&self, named: &Ref<PersonId>) -> bool {
        let Payload { username, name, .. } = &*self.checked.session.payload;
        Person { id: self.person, username: username.clone(), name: name.clone() }.is(named)
    }

    /// The caller, as the audit trail tells of them.
    pub fn by(&self, app: &App) -> By {
        By { actor: Actor::Person(self.person), origin: self.origin.clone(), now: app.clock.now() }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let credential = Credential::from_request_parts(parts, app).await?;
        let token = token_of_a_person(app, credential).await?;
        let checked = tokens::check(app, token, None).await?;
        let Ok(origin) = Origin::from_request_parts(parts, app).await;
        Ok(Self { person: checked.session.person, token, checked, origin })
    }
}
