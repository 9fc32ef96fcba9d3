//! The patterns of the document against the rules of the types: neither lets through what the other refuses.

use std::str::FromStr;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use utoipa::PartialSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::access::grants::Reason;
use crate::access::groups::GroupName;
use crate::access::issuers::{AudienceName, ClaimName, IssuerName};
use crate::access::keys::KeyName;
use crate::access::permissions::PermissionName;
use crate::access::policies::{ActionName, TypeName};
use crate::access::resources::ResourceKey;
use crate::access::roles::RoleName;
use crate::access::services::ServiceName;
use crate::base::names::Description;
use crate::base::person::{PersonName, Username};
use crate::identity::api_keys::{ApiKeyName, ScopeText};
use crate::identity::factors::FactorName;
use crate::identity::passkeys::PasskeyName;
use crate::identity::people::DocumentNumber;
use crate::identity::providers::{DisplayName, GroupValue, RemoteClientId};
use crate::oauth::clients::ClientName;

/// What some rule treats apart from other characters. No space: of Portero's own names it counts for nothing, and no
/// pattern could say so.
const PARTS: [&str; 16] =
    ["-", "+", "0", "7", ";", ":", ".", "a", "Z", "é", "\n", "person-", "client:", "CLIENT:", "direct:", "Writer"];

fn agrees<T: FromStr + PartialSchema>() {
    let RefOr::T(Schema::Object(schema)) = T::schema() else { panic!("a text is described by an object") };
    let pattern = schema.pattern.expect("a text has a pattern");
    let (least, most) = (schema.min_length.expect("a least length"), schema.max_length.expect("a greatest length"));
    let expression = fancy_regex::Regex::new(&pattern).expect("a pattern that can be read");
    let texts = prop::collection::vec(prop::sample::select(&PARTS[..]), 0..5).prop_map(|parts| parts.concat());
    let longest = Just("a".repeat(most)).boxed();
    let too_long = Just("a".repeat(most + 1)).boxed();
    TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })
        .run(&prop_oneof![98 => texts, 1 => longest, 1 => too_long], |text| {
            let described =
                (least..=most).contains(&text.chars().count()) && expression.is_match(&text).expect("a match, or none");
            prop_assert_eq!(text.parse::<T>().is_ok(), described, "{:?} and {}", text, pattern);
            Ok(())
        })
        .expect("agreement");
}

#[test]
fn a_text_is_taken_where_its_pattern_says_so_and_nowhere_else() {
    agrees::<Username>();
    agrees::<PersonName>();
    agrees::<GroupName>();
    agrees::<RoleName>();
    agrees::<PermissionName>();
    agrees::<ServiceName>();
    agrees::<Description>();
    agrees::<Reason>();
    agrees::<TypeName>();
    agrees::<ActionName>();
    agrees::<ResourceKey>();
    agrees::<IssuerName>();
    agrees::<AudienceName>();
    agrees::<ClaimName>();
    agrees::<KeyName>();
    agrees::<ApiKeyName>();
    agrees::<ScopeText>();
    agrees::<FactorName>();
    agrees::<PasskeyName>();
    agrees::<DocumentNumber>();
    agrees::<DisplayName>();
    agrees::<RemoteClientId>();
    agrees::<GroupValue>();
    agrees::<ClientName>();
}
