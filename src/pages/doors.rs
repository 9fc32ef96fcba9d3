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
    let doors = match doors(pages).await {
        // The page stands without them.
        Err(Error::Unavailable(_) | Error::NoPrimary(_)) => Vec::new(),
        doors => doors?,
    };
    let (words, root) = (Words::of(visit.locale), pages.issuer.path());
    let button = |door: Door| Button {
        label: named(words.sign_in_at, &door.display_name),
        address: format!("{root}/login/providers/{}{query}", door.name),
        id: format!("provider-{}", door.name),
    };
    Ok(doors.into_iter().map(button).collect())
}

async fn doors(pages: &Pages) -> Result<Vec<Door>> {
    providers::store::doors(&mut *pages.db.read().await?).await
}

fn carried(name: &str, value: &str) -> String {
    format!("?{}", Serializer::new(String::new()).append_pair(name, value).finish())
}
