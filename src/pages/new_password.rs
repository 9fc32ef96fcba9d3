//! A new password, as people choose one: typed twice.

use super::field::{Faults, new_password};
use super::words::Words;
use crate::oauth::parameters::Parameters;
use crate::pages::Pages;
use crate::platform::passwords::Password;

/// The password that was typed into `field` and once more into `again`; otherwise what is wrong is told there.
pub fn chosen(
    pages: &Pages,
    words: &Words,
    form: &Parameters,
    field: &'static str,
    faults: &mut Faults,
) -> Option<Password> {
    let rules = &words.account.rules;
    let Some(typed) = form.one(field) else {
        faults.add(field, new_password(pages, words));
        return None;
    };
    if form.one("again") != Some(typed) {
        faults.add("again", rules.not_the_same);
        return None;
    }
    let password = Password::try_from(typed.to_owned());
    password.map_err(|_| faults.add(field, rules.too_long)).ok().filter(|_| faults.are_none())
}
