//! What applications are told of somebody besides name and address, as a form has it.

use serde_json::{Map, Value, json};

use crate::identity::people::{ClaimsChange, StandardClaims};
use crate::oauth::parameters::Parameters;
use crate::pages::field::{Faults, Field, Filled};
use crate::pages::words::Words;

/// A claim: how the form and the claims call it, and what browsers fill it in with.
struct Claim {
    name: &'static str,
    /// As the address has it, if it is a part of that.
    part: Option<&'static str>,
    kind: &'static str,
    autocomplete: &'static str,
}

const fn claim(name: &'static str, kind: &'static str, autocomplete: &'static str) -> Claim {
    Claim { name, part: None, kind, autocomplete }
}

const fn part(name: &'static str, part: &'static str, kind: &'static str, autocomplete: &'static str) -> Claim {
    Claim { name, part: Some(part), kind, autocomplete }
}

const CLAIMS: [Claim; 17] = [
    claim("given_name", "text", "given-name"),
    claim("middle_name", "text", "additional-name"),
    claim("family_name", "text", "family-name"),
    claim("nickname", "text", "nickname"),
    claim("phone_number", "tel", "tel"),
    claim("birthdate", "text", "bday"),
    claim("gender", "text", "sex"),
    claim("website", "url", "url"),
    claim("profile", "url", "off"),
    claim("picture", "url", "photo"),
    claim("zoneinfo", "text", "off"),
    claim("locale", "text", "language"),
    part("street_address", "street_address", "lines", "street-address"),
    part("locality", "locality", "text", "address-level2"),
    part("region", "region", "text", "address-level1"),
    part("postal_code", "postal_code", "text", "postal-code"),
    part("country", "country", "text", "country-name"),
];

/// The names of the fields.
pub fn names() -> impl Iterator<Item = &'static str> {
    CLAIMS.iter().map(|claim| claim.name)
}

impl Claim {
    fn stands(&self, claims: &Value) -> Option<String> {
        let found = match self.part {
            Some(part) => claims.get("address")?.get(part)?,
            None => claims.get(self.name)?,
        };
        found.as_str().map(str::to_owned)
    }

    /// It alone with another value, or without one.
    fn changed(&self, value: Option<&str>) -> Value {
        match self.part {
            Some(part) => json!({ "address": { part: value } }),
            None => json!({ self.name: value }),
        }
    }
}

/// What stands, by the names of the fields.
pub fn standing(claims: &StandardClaims) -> Vec<(&'static str, String)> {
    let claims = serde_json::to_value(claims).unwrap_or_default();
    CLAIMS.iter().filter_map(|claim| Some((claim.name, claim.stands(&claims)?))).collect()
}

/// The fields of the form.
pub fn fields<'a>(filled: &Filled<'a>, words: &Words, standing: &'a [(&'static str, String)]) -> Vec<Field<'a>> {
    let field = |claim: &Claim| {
        let stands = standing.iter().find(|(name, _)| *name == claim.name).map(|(_, text)| text.as_str());
        let (label, hint) = words.account.claims.of(claim.name);
        let field =
            filled.field(claim.name, label, stands).of_kind(claim.kind).filled_with(claim.autocomplete).optional();
        if hint.is_empty() { field } else { field.hinting(hint) }
    };
    CLAIMS.iter().map(field).collect()
}

/// What a form changes of what stands; what can't be is told at its field.
pub fn change(
    form: &Parameters,
    standing: &[(&'static str, String)],
    words: &Words,
    faults: &mut Faults,
) -> Option<ClaimsChange> {
    let mut all = Map::new();
    for claim in &CLAIMS {
        // Browsers send lines as RFC 2046 has them.
        let typed = form.one(claim.name).map(|text| text.trim().replace("\r\n", "\n")).filter(|text| !text.is_empty());
        let stands = standing.iter().find(|(name, _)| *name == claim.name).map(|(_, text)| text);
        if typed.as_ref() == stands {
            continue;
        }
        let change = claim.changed(typed.as_deref());
        if serde_json::from_value::<ClaimsChange>(change.clone()).is_err() {
            faults.add(claim.name, words.account.claims.rule_of(claim.name));
        }
        for (name, value) in change.as_object().into_iter().flatten() {
            match (all.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
                (Some(address), Some(part)) => address.extend(part.clone()),
                _ => drop(all.insert(name.clone(), value.clone())),
            }
        }
    }
    if all.is_empty() { None } else { serde_json::from_value(Value::Object(all)).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::locale::Locale;

    #[test]
    fn every_claim_that_one_may_change_is_in_the_form() {
        let all: ClaimsChange = serde_json::from_value(json!({})).expect("a change");
        let shown = format!("{all:?}");
        let left_out = ["phone_number_verified", "formatted"];
        for name in names() {
            let is_part = CLAIMS.iter().any(|claim| claim.name == name && claim.part.is_some());
            assert!(is_part || shown.contains(&format!("{name}: ")), "{name}");
            assert!(!left_out.contains(&name));
            let (label, _) = Words::of(Locale::Es).account.claims.of(name);
            assert!(!label.is_empty(), "{name}");
        }
    }

    #[test]
    fn only_what_is_another_is_changed_and_what_is_empty_goes() {
        let words = Words::of(Locale::En);
        let claims: StandardClaims = serde_json::from_value(
            json!({"given_name": "Juan", "website": "https://juan.example", "address": {"locality": "Lima", "formatted": "all"}}),
        )
        .expect("claims");
        let stands = standing(&claims);
        let mut faults = Faults::default();
        let form = Parameters::read("given_name=Juan&locality=Cusco&street_address=a%0D%0Ab").expect("a form");
        let change = change(&form, &stands, words, &mut faults).expect("a change");
        assert!(faults.are_none());
        let changed = serde_json::to_value(claims.with(change).expect("claims")).expect("JSON");
        let address = json!({"formatted": "all", "street_address": "a\nb", "locality": "Cusco"});
        assert_eq!(changed, json!({"given_name": "Juan", "address": address}));
        let same = super::change(&Parameters::default(), &[], words, &mut faults);
        assert!(same.is_none());
        let bad = Parameters::read("website=javascript:alert(1)").expect("a form");
        assert!(super::change(&bad, &[], words, &mut faults).is_none() && faults.of("website").is_some());
    }
}
