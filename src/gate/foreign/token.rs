use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::base::opaque::oauth::AccessTokenHash;

/// A JWT that may be of a trusted issuer: nothing of it is proved.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ForeignToken {
    /// All of it.
    pub(super) text: Arc<str>,
    /// Its digest, by which it is told apart.
    pub(super) hash: AccessTokenHash,
    /// Who it says has issued it; empty if it does not say.
    pub(super) issuer: Arc<str>,
}

impl fmt::Debug for ForeignToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignToken({})", self.hash.fingerprint())
    }
}

impl ForeignToken {
    /// The token in a text; `None` when it can be none, or is larger than 8 KiB.
    pub fn of(text: &str) -> Option<Self> {
        let hash = AccessTokenHash::of_jws(text)?;
        // A map and no struct: serde reads a struct out of an array, too.
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Map<String, Value>>(text).ok()?;
        let issuer = match claims.get("iss") {
            None => "",
            Some(Value::String(issuer)) if !issuer.is_empty() => issuer,
            Some(_) => return None,
        };
        Some(Self { text: text.into(), hash, issuer: issuer.into() })
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding};

    use super::*;

    fn jwt(claims: &str) -> String {
        let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(claims), part("signature"))
    }

    #[test]
    fn who_has_issued_it_is_read_and_nothing_else_believed() {
        let issuer = |claims| ForeignToken::of(&jwt(claims)).map(|token| token.issuer.to_string());
        assert_eq!(issuer(r#"{"iss":"https://a.example","exp":1}"#).as_deref(), Some("https://a.example"));
        assert_eq!(issuer(r#"{"user_id":7}"#).as_deref(), Some(""));
        for bad in [r#"{"iss":""}"#, r#"{"iss":7}"#, r#"{"iss":["a"]}"#, "[]", "7", "{"] {
            assert_eq!(issuer(bad), None, "{bad}");
        }
        for bad in ["", "ptk_1", "a.b.c", &jwt(&format!(r#"{{"x":"{}"}}"#, "a".repeat(9000)))] {
            assert!(ForeignToken::of(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let text = jwt(r#"{"iss":"https://a.example"}"#);
        assert!(!format!("{:?}", ForeignToken::of(&text)).contains(&text[20..40]));
    }
}
