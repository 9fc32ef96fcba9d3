//! The way back from the page on which somebody proves who they are: to which page, and with the name that they had typed there.

use form_urlencoded::Serializer;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::oauth::parameters::Parameters;
use crate::pages::place::Place;

/// Where somebody was who had to prove first who they are.
#[derive(Clone, Copy, Debug)]
pub struct Back<'a> {
    /// The page.
    pub place: Place,
    /// What they have typed as a name.
    pub name: Option<&'a str>,
}

/// What a page with a name to type is asked.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `typed_before` reads")]
pub struct TypedQuery {
    /// What stands in the field for a new name: whoever typed it had to prove first who they are.
    #[param(example = "My phone")]
    name: Option<String>,
}

impl<'a> Back<'a> {
    /// What a query or a form says of it.
    pub fn of(parameters: &'a Parameters) -> Self {
        let place = parameters.one("page").and_then(Place::named).unwrap_or(Place::Overview);
        Self { place, name: parameters.one("name") }
    }

    /// Where they prove it.
    pub fn by_proof(&self) -> String {
        let page = ("page", self.place.name());
        format!("/account/prove?{}", query([page].into_iter().chain(self.name.map(|name| ("name", name)))))
    }

    /// Where they go on.
    pub fn path(&self) -> String {
        match (self.place, self.name) {
            (Place::Factors | Place::Passkeys, Some(name)) => {
                format!("{}?{}", self.place.path(), query([("name", name)]))
            }
            (place, _) => place.path().to_owned(),
        }
    }
}

fn query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// What a form for something new sends as its name.
pub fn new_name(form: &Parameters) -> Option<&str> {
    form.one("name").filter(|_| form.one("act").is_none_or(|act| act == "begin"))
}

/// The name that was typed before, as a form would send it.
pub fn typed_before(asked: Option<&str>) -> Parameters {
    let asked = Parameters::read(asked.unwrap_or_default()).unwrap_or_default();
    let name = asked.one("name").map(|name| query([("name", name)]));
    Parameters::read(&name.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_to_the_page_that_has_a_field_for_it_and_nothing_else_does() {
        let typed = "My <phone> & more";
        let back = Back { place: Place::Factors, name: Some(typed) };
        let (_, asked) =
            back.by_proof().split_once('?').map(|(path, asked)| (path.to_owned(), asked.to_owned())).expect("a query");
        let asked = Parameters::read(&asked).expect("a query");
        let path = Back::of(&asked).path();
        let (path, asked) = path.split_once('?').expect("a query");
        assert_eq!((path, typed_before(Some(asked)).one("name")), ("/account/factors", Some(typed)));
        assert_eq!(Back { place: Place::Keys, ..back }.path(), "/account/keys");
        assert_eq!(Back { name: None, ..back }.path(), "/account/factors");
        assert_eq!(typed_before(Some("name=a&passkey=b")).one("passkey"), None);
    }
}
