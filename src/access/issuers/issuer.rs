use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

use crate::base::error::{Error, Result};
use crate::base::id::{IssuerId, PersonId, ServiceId};
use crate::base::names::{ClaimName, literal, text_type};
use crate::base::patch::Patch;
use crate::gate::foreign::PersonBy;
use crate::platform::jwks::KeySet;

/// The fewest and the most bytes of a secret. Those of the predecessor may be short.
const SECRET: std::ops::RangeInclusive<usize> = 16..=1024;

/// The fewest that an HS256 secret should have (RFC 7518 section 3.2).
const ENOUGH: i32 = 32;

/// By so much an issuer's clock may be ahead, at most.
const MOST_LEEWAY: i32 = 300;

text_type!(
    /// What an issuer calls itself in the claim `iss`: it is compared to the letter.
    IssuerName, |text| literal(text, 500), max: 500,
    except: "", example: "https://login.example.com"
);

text_type!(
    /// A name in the claim `aud`: it is compared to the letter.
    AudienceName, |text| literal(text, 500), max: 500,
    except: "", example: "warehouse"
);

/// A secret that an issuer signs with: the bytes of its text. It is never shown.
#[derive(Clone)]
pub struct IssuerSecret(Zeroizing<String>);

impl IssuerSecret {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for IssuerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl TryFrom<Zeroizing<String>> for IssuerSecret {
    type Error = String;

    fn try_from(text: Zeroizing<String>) -> Result<Self, String> {
        if !SECRET.contains(&text.len()) {
            return Err(format!("must have {} to {} bytes; 32 random ones are good", SECRET.start(), SECRET.end()));
        }
        if text.trim_start().starts_with("-----BEGIN") || text.trim_start().starts_with('{') {
            return Err("is a key, not a secret: send public keys as `jwks`".to_owned());
        }
        Ok(Self(text))
    }
}

impl<'de> Deserialize<'de> for IssuerSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Zeroizing::new(String::deserialize(deserializer)?)).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for IssuerSecret {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(16)).max_length(Some(1024));
        text.write_only(true).examples(["0b3f6a5f0f4e8f5b7c1d2e3f40516263"]).into()
    }
}

impl ToSchema for IssuerSecret {}

/// By how many seconds an issuer's clock may be ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i32")]
#[schema(value_type = i32, minimum = 0, maximum = 300, example = 60)]
pub struct Leeway(pub i32);

impl TryFrom<i32> for Leeway {
    type Error = String;

    fn try_from(seconds: i32) -> Result<Self, String> {
        if (0..=MOST_LEEWAY).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(format!("must be 0 to {MOST_LEEWAY} seconds"))
        }
    }
}

impl std::str::FromStr for Leeway {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<i32>().map_err(|_| "must be a number of seconds".to_owned()).and_then(Self::try_from)
    }
}

impl Default for Leeway {
    fn default() -> Self {
        Self(60)
    }
}

/// An issuer that a service trusts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrustedIssuer {
    /// Its id.
    pub id: IssuerId,
    /// Who trusts it.
    pub service_id: ServiceId,
    /// The claim `iss` of its tokens, to the letter; null: they have none.
    #[schema(example = "https://login.example.com")]
    pub issuer: Option<String>,
    /// The claim `aud` must name one of these; empty: it is not looked at.
    #[schema(example = json!(["warehouse"]))]
    pub audiences: Vec<String>,
    /// By so many seconds its clock may be ahead (`nbf`, `iat`).
    #[schema(example = 60)]
    pub leeway_seconds: i32,
    /// The claim that names the person.
    #[schema(example = "user_id")]
    pub person_claim: String,
    /// How it does.
    pub person_by: PersonBy,
    /// Whether it signs with a secret that both have (HS256). The secret is never shown.
    #[schema(example = false)]
    pub has_secret: bool,
    /// Its public keys, if they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<KeySet>, nullable = false)]
    pub jwks: Option<Value>,
    /// Where it publishes them, if they are read there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://login.example.com/jwks.json")]
    pub jwks_uri: Option<String>,
    /// What to make better. Only if there is something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub remarks: Vec<String>,
    /// When the service began to trust it.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T08:00:00Z")]
    pub created_at: OffsetDateTime,
    /// Who made it so; null for the command line.
    pub created_by: Option<PersonId>,
    /// One more with each change.
    #[schema(example = 1)]
    pub version: i32,
}

impl TrustedIssuer {
    /// What to make better of one whose secret has so many bytes.
    pub(super) fn remarks(audiences: &[String], secret_bytes: Option<i32>) -> Vec<String> {
        let mut remarks = Vec::new();
        if audiences.is_empty() {
            remarks.push("no `audiences`: tokens that the issuer made for others are taken, too".to_owned());
        }
        if let Some(bytes) = secret_bytes.filter(|bytes| *bytes < ENOUGH) {
            remarks.push(format!(
                "the secret has {bytes} bytes: whoever has a token can try to guess it; use {ENOUGH} random ones"
            ));
        }
        remarks
    }
}

/// An issuer to trust. It has exactly one of `secret`, `jwks` and `jwks_uri`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "issuer": "https://login.example.com", "audiences": ["warehouse"], "jwks_uri": "https://login.example.com/jwks.json",
    "person_claim": "preferred_username", "person_by": "username",
}))]
pub struct NewIssuer {
    /// The claim `iss` of its tokens, to the letter; left out for tokens that have none, which must be signed with a `secret`.
    #[serde(default)]
    pub issuer: Option<IssuerName>,
    /// The claim `aud` must name one of these, 10 at most. Left out or empty, it is not looked at.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub audiences: Vec<AudienceName>,
    /// By so many seconds its clock may be ahead: 60 if left out.
    #[serde(default)]
    pub leeway_seconds: Option<Leeway>,
    /// The claim that names the person: `sub` if left out.
    #[serde(default)]
    pub person_claim: Option<ClaimName>,
    /// How it does.
    pub person_by: PersonBy,
    /// A secret that both have (HS256): the bytes of this text, 32 or more; from 16 with a remark.
    #[serde(default)]
    pub secret: Option<IssuerSecret>,
    /// Its public keys: P-256 (ES256), Ed25519 (EdDSA), RSA of 2048 bits or more (RS256, PS256 and the longer ones).
    #[serde(default)]
    #[schema(value_type = Option<KeySet>)]
    pub jwks: Option<Value>,
    /// Where it publishes them: https, at a public address.
    #[serde(default)]
    #[schema(max_length = 2000, example = "https://login.example.com/jwks.json")]
    pub jwks_uri: Option<String>,
}

/// What to change of a trusted issuer; at least one field. `secret`, `jwks` or `jwks_uri` takes the place of whichever it had.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1, example = json!({"audiences": ["warehouse"]}))]
pub struct IssuerChange {
    /// Another claim `iss`; null: its tokens have none.
    #[serde(default)]
    #[schema(value_type = Option<IssuerName>)]
    pub issuer: Patch<IssuerName>,
    /// Other audiences, all of them.
    #[serde(default)]
    #[schema(max_items = 10)]
    pub audiences: Option<Vec<AudienceName>>,
    /// Another leeway.
    #[serde(default)]
    pub leeway_seconds: Option<Leeway>,
    /// Another claim that names the person.
    #[serde(default)]
    pub person_claim: Option<ClaimName>,
    /// Another way in which it does.
    #[serde(default)]
    pub person_by: Option<PersonBy>,
    /// Another secret: what is signed with the one before is no good from now on.
    #[serde(default)]
    pub secret: Option<IssuerSecret>,
    /// Other public keys, all of them.
    #[serde(default)]
    #[schema(value_type = Option<KeySet>)]
    pub jwks: Option<Value>,
    /// Another address of its public keys.
    #[serde(default)]
    #[schema(max_length = 2000, example = "https://login.example.com/jwks.json")]
    pub jwks_uri: Option<String>,
}

impl IssuerChange {
    /// Refuses (400) to change nothing.
    pub fn must_change_something(&self) -> Result<()> {
        let says_nothing = self.issuer.keeps()
            && self.audiences.is_none()
            && self.leeway_seconds.is_none()
            && self.person_claim.is_none()
            && self.person_by.is_none()
            && self.secret.is_none()
            && self.jwks.is_none()
            && self.jwks_uri.is_none();
        if says_nothing {
            return Err(Error::invalid_field("", "nothing to change: send at least one field"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<IssuerSecret, String> {
        Zeroizing::new(text.to_owned()).try_into()
    }

    #[test]
    fn a_secret_is_long_enough_no_key_and_never_shown() {
        for good in ["a".repeat(16), "\u{e9}".repeat(8), "x".repeat(1024)] {
            assert!(secret(&good).is_ok(), "{good}");
        }
        for bad in
            ["", "my-secret", &"x".repeat(1025), "-----BEGIN PUBLIC KEY-----\nMIIB", r#"{"kty": "RSA", "n": "abc"}"#]
        {
            assert!(secret(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", secret("correct horse battery")).contains("horse"));
    }

    #[test]
    fn names_are_taken_to_the_letter() {
        assert_eq!("https://a.example/".parse::<IssuerName>().map(String::from), Ok("https://a.example/".to_owned()));
        for bad in ["", " a", "a\n", "a\u{0}", &"a".repeat(501)] {
            assert!(bad.parse::<IssuerName>().is_err(), "{bad:?}");
        }
    }
}
