use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::{store, token_of_a_person};
use crate::app::App;
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, Ref};
use crate::base::opaque::token::TokenHash;
use crate::base::person::Person;
use crate::gate::audit::{Actor, By, Change, Origin};
use crate::gate::check::Checked;
use crate::gate::sessions::Payload;
use crate::identity::people;
use crate::platform::http::credential::{self, Credential};

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
        people::store::lock(&mut tx, self.person).await?;
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
        let checked = crate::gate::check::check(app, token, None).await?;
        let Ok(origin) = Origin::from_request_parts(parts, app).await;
        Ok(Self { person: checked.session.person, token, checked, origin })
    }
}
