use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::set;
use super::shape::{AddressLine, AddressLines};
use crate::base::patch::Patch;

macro_rules! address {
    ($($(#[$doc:meta])* $name:ident: $type:ident,)+) => {
        /// A postal address (OpenID Connect Core section 5.1.1).
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[schema(as = PersonAddress, example = json!({"locality": "Lima", "country": "Perú"}))]
        pub struct Address {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[schema(nullable = false)]
                pub $name: Option<String>,
            )+
        }

        /// What to change of an address: null empties a part, and what is left out stays.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        #[schema(as = PersonAddressChange, example = json!({"locality": "Lima", "country": "Perú"}))]
        pub struct AddressChange {
            $(
                $(#[$doc])*
                #[serde(default)]
                #[schema(value_type = Option<$type>)]
                pub $name: Patch<$type>,
            )+
        }

        impl Address {
            /// Changes it.
            pub(super) fn change(&mut self, change: AddressChange) {
                $(set(&mut self.$name, change.$name);)+
            }
        }
    };
}

address! {
    /// All of it, as it stands on an envelope.
    formatted: AddressLines,
    /// Street, number and all below.
    street_address: AddressLines,
    /// The city.
    locality: AddressLine,
    /// The state or the province.
    region: AddressLine,
    /// The postal code.
    postal_code: AddressLine,
    /// The country.
    country: AddressLine,
}

impl Address {
    /// Whether nothing of it is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
