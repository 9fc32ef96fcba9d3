//! What a provider says of somebody who has logged in there.

use std::fmt;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::base::email::Email;

/// The longest subject (OpenID Connect Core section 2), and the longest of what is shown and kept of them.
const LONGEST_SUBJECT: usize = 255;
const LONGEST_SHOWN: usize = 320;
const LONGEST_SID: usize = 255;

/// Why a provider's answer is not taken. For the log: a stranger would learn from it what is inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl Fault {
    /// For this reason.
    pub fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Somebody's account at a provider, proved a moment ago.
#[derive(Clone, Debug)]
pub struct Account {
    /// The claim `sub`.
    pub subject: String,
    /// All claims.
    pub claims: Map<String, Value>,
    /// How they have proved it there, if it says so (RFC 8176).
    pub amr: Vec<String>,
    /// When they did.
    pub authenticated_at: Option<OffsetDateTime>,
    /// The provider's id of its session.
    pub sid: Option<String>,
}

impl Account {
    /// Reads the claims of an account.
    ///
    /// # Errors
    /// Where they name nobody.
    pub fn of(claims: Map<String, Value>) -> Result<Self, Fault> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !(1..=LONGEST_SUBJECT).contains(&subject.chars().count()) || subject.contains(char::is_control) {
            return Err(Fault::because("its sub is missing, empty, too long, or no text"));
        }
        let words = claims.get("amr").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let amr = words.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let at = claims.get("auth_time").and_then(Value::as_i64);
        let authenticated_at = at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        let sid =
            claims.get("sid").and_then(Value::as_str).filter(|sid| sid.len() <= LONGEST_SID && !sid.contains('\0'));
        let sid = sid.map(str::to_owned);
        Ok(Self { subject, claims, amr, authenticated_at, sid })
    }

    /// A claim by its name, or, where there is none, by its path through objects: `realm_access.roles`.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        if let Some(value) = self.claims.get(name) {
            return Some(value);
        }
        let mut steps = name.split('.');
        let mut value = self.claims.get(steps.next()?)?;
        for step in steps {
            value = value.get(step)?;
        }
        Some(value)
    }

    /// The texts of a claim: one, or a list.
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.claim(name) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Their address, if the provider says that it has verified it. Some write that as a text.
    pub fn verified_email(&self) -> Option<Email> {
        let is_verified = match self.claims.get("email_verified") {
            Some(Value::Bool(is_verified)) => *is_verified,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        self.text("email").filter(|_| is_verified)?.parse().ok()
    }

    /// What they are called there.
    pub fn name(&self) -> Option<&str> {
        self.text("name")
    }

    /// What usernames may be made of, the best first.
    pub fn usernames(&self) -> impl Iterator<Item = &str> {
        let address = self.text("email").and_then(|email| email.split('@').next());
        [self.text("preferred_username"), self.text("nickname"), address].into_iter().flatten()
    }

    /// What they recognise it by: an address, a username.
    pub fn shown(&self) -> Option<String> {
        let shown = self.text("email").or_else(|| self.text("preferred_username")).or_else(|| self.name())?;
        let shown: String = shown.chars().filter(|c| !c.is_control()).take(LONGEST_SHOWN).collect();
        Some(shown).filter(|shown| !shown.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(claims: &Value) -> Result<Account, Fault> {
        Account::of(claims.as_object().expect("an object").clone())
    }

    #[test]
    fn an_account_is_known_by_a_subject_that_is_a_text() {
        assert_eq!(of(&json!({"sub": "a"})).map(|account| account.subject), Ok("a".to_owned()));
        for bad in
            [json!({}), json!({"sub": ""}), json!({"sub": 7}), json!({"sub": "a\0"}), json!({"sub": "x".repeat(256)})]
        {
            assert!(of(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_counts_only_where_it_is_verified() {
        let email = |verified| {
            let account =
                of(&json!({"sub": "a", "email": "ada@example.com", "email_verified": verified})).expect("one");
            account.verified_email().is_some()
        };
        assert!(email(json!(true)) && email(json!("true")));
        for not in [json!(false), json!("false"), json!(1), json!(null), json!("TRUE")] {
            assert!(!email(not.clone()), "{not}");
        }
    }

    #[test]
    fn a_claim_is_found_by_its_name_before_its_path() {
        let account = of(&json!({"sub": "a", "x.y": "name", "x": {"y": "path", "z": ["a", 1, "b"]}})).expect("one");
        assert_eq!(account.claim("x.y"), Some(&json!("name")));
        assert_eq!(account.texts("x.z"), ["a", "b"]);
        assert!(account.claim("x.q.r").is_none() && account.claim("").is_none());
    }
}
