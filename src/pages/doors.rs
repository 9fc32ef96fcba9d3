//! The buttons of the login page that lead to other identity providers.

use form_urlencoded::Serializer;

use super::purpose::{Carried, For};
use super::words::{Words, named};
use crate::base::error::{Error, Result};
use crate::identity::providers;
use crate::identity::providers::store::Door;
use crate::pages::Pages;
use crate::pages::visit::Visit;

/// A button that leads to an identity provider.
#[derive(Debug)]
pub struct Button {
    pub id: String,
    pub label: String,
    pub address: String,
}

/// The providers by which one can log in for this. None where one account is joined with another.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn buttons(pages: &Pages, visit: &Visit, what_for: For<'_>) -> Result<Vec<Button>> {
    if what_for.offer().is_some() {
        return Ok(Vec::new());
    }
    let query = match what_for.carried() {
        Carried { request: Some(request), .. } => carried("request", &request),
        Carried { device: Some(device), .. } => carried("device", &device),
        Carried { page: _, .. } => String::new(),
    };
    Ok(doors(pages).await?.iter().map(|door| button(pages, visit, door, &query)).collect())
}

/// The providers by which somebody new can come in, with this invitation, if they have one.
///
/// # Errors
/// When Postgres can't be asked.
pub async fn buttons_for_newcomers(pages: &Pages, visit: &Visit, invitation: Option<&str>) -> Result<Vec<Button>> {
    let query = invitation.map(|invitation| carried("invitation", invitation)).unwrap_or_default();
    let doors = doors(pages).await?;
    let takes = |door: &&Door| if invitation.is_some() { door.takes_invited } else { door.takes_anybody };
    Ok(doors.iter().filter(takes).map(|door| button(pages, visit, door, &query)).collect())
}

fn button(pages: &Pages, visit: &Visit, door: &Door, query: &str) -> Button {
    Button {
        label: named(Words::of(visit.locale).sign_in_at, &door.display_name),
        address: format!("{}/login/providers/{}{query}", pages.issuer.path(), door.name),
        id: format!("provider-{}", door.name),
    }
}

async fn doors(pages: &Pages) -> Result<Vec<Door>> {
    let doors = async { providers::store::doors(&mut *pages.db.read().await?).await };
    match doors.await {
        // The page stands without them.
        Err(Error::Unavailable(_) | Error::NoPrimary(_)) => Ok(Vec::new()),
        doors => doors,
    }
}

fn carried(name: &str, value: &str) -> String {
    format!("?{}", Serializer::new(String::new()).append_pair(name, value).finish())
}
