//! What comes of an act on a page of the account that may be refused.

use std::str::FromStr;

use axum::http::StatusCode;
use axum::response::Response;

use super::back::Back;
use crate::base::error::{Error, Result};
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::pages::field::Faults;
use crate::pages::member::Member;
use crate::pages::page::go;

/// What is answered to a form: what the act answers; where it wants a proof of lately, the page that asks for one; where it was about
/// something that is gone, the page as it is now. All else that it refuses is told on the page, at one of these fields.
pub async fn settled<F: Future<Output = Result<Response>>>(
    pages: &Pages,
    member: &Member,
    (acted, fields): (Result<Response>, &[&'static str]),
    tell: impl FnOnce(Faults) -> F,
) -> Response {
    let answer = match acted {
        Ok(response) => Ok(response),
        Err(error) => match proved_or(pages, member, error, None) {
            Err(error) if error.status() == StatusCode::NOT_FOUND => go(&pages.issuer.at(member.place.path())),
            Err(error) => match faults(pages, member, error, fields) {
                Ok(faults) => tell(faults).await,
                Err(error) => Err(error),
            },
            asked => asked,
        },
    };
    member.answered(pages, answer)
}

/// Where an act wants a proof of lately, the page that asks for one, which keeps what was typed as a name.
///
/// # Errors
/// Whatever else it has refused.
pub fn proved_or(pages: &Pages, member: &Member, error: Error, name: Option<&str>) -> Result<Response> {
    match &error {
        Error::Refused(refusal) if refusal.code == "reauthentication_required" => {
            go(&pages.issuer.at(&Back { place: member.place, name }.by_proof()))
        }
        _ => Err(error),
    }
}

fn faults(pages: &Pages, member: &Member, error: Error, fields: &[&'static str]) -> Result<Faults> {
    let words = member.words();
    if matches!(&error, Error::Refused(refusal) if refusal.detail.starts_with("`name`")) {
        let mut faults = Faults::default();
        faults.add("name", words.security.name_rule);
        return Ok(faults);
    }
    Faults::told(error, (pages, words), fields)
}

/// What a form calls something.
///
/// # Errors
/// What [`settled`] tells at the field.
pub fn name_in<N: FromStr>(form: &Parameters) -> Result<N> {
    let name = form.one("name").unwrap_or_default().trim().parse();
    name.map_err(|_| Error::invalid_field("name", "no name"))
}
