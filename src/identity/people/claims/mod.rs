//! The standard claims that are said of a person and that nothing else is kept for (OpenID Connect Core section 5.1): not name,
//! username and e-mail address.

mod address;
mod shape;

pub use address::Address;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::error::{Error, Result};
use crate::base::object;
use crate::base::patch::Patch;
use address::AddressChange;
use shape::{Birthdate, GivenName, LanguageTag, PhoneNumber, TimeZone, WebAddress, Word};

macro_rules! claims {
    ($($(#[$doc:meta])* $name:ident: $type:ident,)+) => {
        /// What is said of somebody by the standard claims. What is not known is left out.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[schema(as = PersonClaims, example = json!({"given_name": "Juan", "zoneinfo": "America/Lima"}))]
        pub struct StandardClaims {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schema(nullable = false)]
                pub $name: Option<String>,
            )+
            /// Whether an administrator has verified that the phone number is theirs. Only if it is.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schema(nullable = false, example = true)]
            pub phone_number_verified: Option<bool>,
            /// Their postal address.
            #[serde(default, skip_serializing_if = "Address::is_empty")]
            #[schema(required = false)]
            pub address: Address,
        }

        /// What to change of the standard claims: null empties one, and what is left out stays.
        #[derive(Clone, Debug, Default, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[schema(as = PersonClaimsChange, example = json!({"given_name": "Juan", "zoneinfo": "America/Lima"}))]
        pub struct ClaimsChange {
            $(
                $(#[$doc])*
                #[serde(default)]
                #[schema(value_type = Option<$type>)]
                pub $name: Patch<$type>,
            )+
            /// Whether you have verified that the phone number is theirs: for administrators alone. A new number is not verified.
            #[serde(default)]
            #[schema(example = true)]
            pub phone_number_verified: Option<bool>,
            /// Their postal address; null for none.
            #[serde(default, deserialize_with = "object::patch")]
            #[schema(value_type = Option<AddressChange>)]
            pub address: Patch<AddressChange>,
        }

        impl StandardClaims {
            fn with_texts(&mut self, change: ClaimsChange) {
                $(set(&mut self.$name, change.$name);)+
            }
        }
    };
}

claims! {
    /// Their family names.
    family_name: GivenName,
    /// Their given names.
    given_name: GivenName,
    /// Their middle names.
    middle_name: GivenName,
    /// What they are called.
    nickname: GivenName,
    /// The address of a page about them.
    profile: WebAddress,
    /// The address of a picture of them.
    picture: WebAddress,
    /// The address of their own pages.
    website: WebAddress,
    /// Their gender, as they say it.
    gender: Word,
    /// The day on which they were born: `YYYY-MM-DD`, `0000-MM-DD` without the year, or `YYYY` alone.
    birthdate: Birthdate,
    /// Their time zone, as the IANA database has it.
    zoneinfo: TimeZone,
    /// The language that applications are to use (BCP 47). Without it, that of their mails is told.
    locale: LanguageTag,
    /// Their phone number (E.164).
    phone_number: PhoneNumber,
}

impl StandardClaims {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What becomes of them by a change.
    ///
    /// # Errors
    /// 400 where a number is verified that is not there.
    pub fn with(mut self, mut change: ClaimsChange) -> Result<Self> {
        let number = self.phone_number.clone();
        match std::mem::take(&mut change.address) {
            Patch::Keep => {}
            Patch::Clear => self.address = Address::default(),
            Patch::Set(address) => self.address.change(address),
        }
        let verified = change.phone_number_verified;
        self.with_texts(change);
        if self.phone_number != number {
            self.phone_number_verified = None;
        }
        if verified == Some(true) && self.phone_number.is_none() {
            let fault = "there is no number: send `phone_number`, too";
            return Err(Error::invalid_field("claims.phone_number_verified", fault));
        }
        if let Some(verified) = verified {
            self.phone_number_verified = verified.then_some(true);
        }
        Ok(self)
    }
}

impl ClaimsChange {
    /// Refuses (400) what only administrators may say.
    pub fn must_be_of_ones_own(&self) -> Result<()> {
        if self.phone_number_verified.is_none() {
            return Ok(());
        }
        let fault = "is for administrators to say: leave it out";
        Err(Error::invalid_field("claims.phone_number_verified", fault))
    }
}

fn set<T: Into<String>>(field: &mut Option<String>, said: Patch<T>) {
    match said {
        Patch::Keep => {}
        Patch::Clear => *field = None,
        Patch::Set(new) => *field = Some(new.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn changed(claims: &StandardClaims, change: Value) -> Result<StandardClaims> {
        claims.clone().with(serde_json::from_value(change).expect("a change"))
    }

    fn shown(claims: &StandardClaims) -> Value {
        serde_json::to_value(claims).expect("JSON")
    }

    #[test]
    fn what_is_left_out_stays_and_what_is_null_goes() {
        let none = StandardClaims::default();
        assert!(none.is_empty() && shown(&none) == json!({}));
        let all = json!({"given_name": "Juan", "website": "https://juan.example", "address": {"locality": "Lima"}});
        let claims = changed(&none, all.clone()).expect("claims");
        assert_eq!(shown(&claims), all);
        let claims = changed(&claims, json!({"website": null, "address": {"country": "Perú"}})).expect("claims");
        assert_eq!(shown(&claims), json!({"given_name": "Juan", "address": {"locality": "Lima", "country": "Perú"}}));
        let gone = json!({"given_name": null, "address": {"locality": null, "country": null}});
        assert_eq!(shown(&changed(&claims, gone).expect("claims")), json!({}));
        assert_eq!(shown(&changed(&claims, json!({"address": null})).expect("claims")), json!({"given_name": "Juan"}));
    }

    #[test]
    fn a_number_is_verified_until_it_is_another_one() {
        let number = json!({"phone_number": "+51987654321", "phone_number_verified": true});
        let claims = changed(&StandardClaims::default(), number.clone()).expect("claims");
        assert_eq!(shown(&claims), number);
        let same = changed(&claims, json!({"phone_number": "+51987654321"})).expect("claims");
        assert_eq!(shown(&same), number, "the same one is");
        for other in [json!({"phone_number": "+51987654322"}), json!({"phone_number_verified": false})] {
            let claims = changed(&claims, other).expect("claims");
            assert_eq!(claims.phone_number_verified, None);
        }
        assert_eq!(shown(&changed(&claims, json!({"phone_number": null})).expect("claims")), json!({}));
        assert!(changed(&StandardClaims::default(), json!({"phone_number_verified": true})).is_err());
        let own: ClaimsChange = serde_json::from_value(number).expect("a change");
        assert!(own.must_be_of_ones_own().is_err() && ClaimsChange::default().must_be_of_ones_own().is_ok());
    }
}
