//! Scopes (RFC 6749 section 3.3): what a client asks for, and how that is written. One of a service's permissions is
//! `service:permission`; what a scope can't hold of its name, as a space, is percent-encoded on the way and nowhere else.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::error::Error;
use crate::gate::access_tokens::scope;

/// An ID token, and with it OpenID Connect.
pub const OPENID: &str = "openid";
/// The claims about who somebody is: `name`, `preferred_username` and twelve more (OpenID Connect Core section 5.4).
pub const PROFILE: &str = "profile";
/// The claims `email`, `email_verified`.
pub const EMAIL: &str = "email";
/// The claims `phone_number`, `phone_number_verified`.
pub const PHONE: &str = "phone";
/// The claim `address`.
pub const ADDRESS: &str = "address";
/// A refresh token that outlives the session in the browser.
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The roles that the person holds.
pub const ROLES: &str = "roles";
/// The permissions that the person holds.
pub const PERMISSIONS: &str = "permissions";
/// The groups by which the person holds these.
pub const GROUPS: &str = "groups";

/// All that an administrator may do: from this machine alone, for clients that are good there only. No list of scopes that a
/// client may ask a person for has it; the password grant reads it by itself.
pub const SUPERUSER: &str = "superuser";

/// Those with a meaning of their own.
pub const STANDARD: [&str; 9] = [OPENID, PROFILE, EMAIL, PHONE, ADDRESS, OFFLINE_ACCESS, ROLES, PERMISSIONS, GROUPS];

/// Those that a client may ask for unless something else is said of it.
pub const BY_DEFAULT: [&str; 6] = [OPENID, PROFILE, EMAIL, OFFLINE_ACCESS, ROLES, PERMISSIONS];

/// Those that clients ask for out of habit, and that are dropped where they are not allowed: nobody is told less than they hoped.
const DROPPED: [&str; 4] = [ADDRESS, PHONE, GROUPS, OFFLINE_ACCESS];

/// A request has no more of them.
const MOST: usize = 100;

/// A refusal names no more of them.
const SHOWN: usize = 20;

/// What a scope can't hold (RFC 6749 appendix A.4), and what it is encoded with.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'\\').add(b'%');

/// Why what a client asks for is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no list of scopes, or too long a one.
    Malformed,
    /// The client may not ask for this one, but for others.
    NotAllowed {
        /// Which.
        scope: String,
        /// These.
        allowed: Vec<String>,
    },
}

/// For the client.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => {
                f.write_str("scope is not a list of scopes: percent-encode names, and part scopes by a space")
            }
            Self::NotAllowed { scope, allowed } => {
                let shown = &allowed[..allowed.len().min(SHOWN)];
                let more = if shown.len() < allowed.len() { " ..." } else { "" };
                write!(f, "scope `{scope}` is not one that this client may ask for here: {}{more}", written(shown))
            }
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::invalid_scope(refused.to_string())
    }
}

/// Reads a list of scopes; each once, in order. `None` when it is none.
pub fn read(text: &str) -> Option<Vec<String>> {
    let mut scopes = listed(text)?;
    scopes.sort_unstable();
    Some(scopes)
}

/// The same in the order in which they are written.
pub fn listed(text: &str) -> Option<Vec<String>> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        let is_scope = scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        let decoded = percent_decode_str(scope).decode_utf8().ok()?;
        if !is_scope || scopes.len() == MOST {
            return None;
        }
        if !scopes.iter().any(|known| **known == *decoded) {
            scopes.push(decoded.into_owned());
        }
    }
    Some(scopes)
}

/// As requests and answers have them.
pub fn written(scopes: &[String]) -> String {
    let each: Vec<String> = scopes.iter().map(|scope| utf8_percent_encode(scope, ENCODED).to_string()).collect();
    each.join(" ")
}

/// What a client that may ask for `allowed` asks for. One that says nothing asks for all permissions it may ask for, so that a
/// token never allows more than it was registered for.
pub fn asked(allowed: &[String], text: Option<&str>) -> Result<Vec<String>, Refused> {
    let Some(text) = text else {
        let is_a_permission = |scope: &&String| !STANDARD.contains(&scope.as_str()) && *scope != SUPERUSER;
        return Ok(allowed.iter().filter(is_a_permission).cloned().collect());
    };
    let mut scopes = read(text).ok_or(Refused::Malformed)?;
    scopes.retain(|scope| allowed.contains(scope) || !DROPPED.contains(&scope.as_str()));
    match scopes.iter().find(|scope| !allowed.contains(scope) || *scope == SUPERUSER) {
        Some(scope) => Err(Refused::NotAllowed { scope: scope.clone(), allowed: allowed.to_vec() }),
        None => Ok(scopes),
    }
}

/// The permission of a service that a scope stands for. Names of both may have colons: it is split at the service's name.
pub fn permission_of<'a>(scope: &'a str, service: &str) -> Option<&'a str> {
    scope::named_in(scope, service).filter(|permission| !permission.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn a_list_of_scopes_has_each_once_and_no_order() {
        assert_eq!(read("profile openid  profile"), Some(all(&["openid", "profile"])));
        assert_eq!(read(""), Some(Vec::new()));
        for bad in ["a\"b", "a\\b", "a\tb", "añb", "a%ff"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let many: Vec<String> = (0..=MOST).map(|n| n.to_string()).collect();
        assert_eq!(read(&many.join(" ")), None);
    }

    #[test]
    fn names_with_spaces_are_encoded_on_the_way_alone() {
        let scopes = all(&["Almacén 1:a\"b", "UI Store:100%", "openid"]);
        assert_eq!(written(&scopes), "Almac%C3%A9n%201:a%22b UI%20Store:100%25 openid");
        assert_eq!(read(&written(&scopes)), Some(scopes));
    }

    #[test]
    fn habits_are_dropped_and_all_else_that_is_not_allowed_is_refused() {
        let allowed = all(&["openid", "Store:read"]);
        assert_eq!(asked(&allowed, Some("openid phone offline_access address")), Ok(all(&["openid"])));
        for scope in ["profile", "Store:write", "store:read", "superuser"] {
            let refused = asked(&allowed, Some(scope)).expect_err("not allowed").to_string();
            assert_eq!(
                refused,
                format!("scope `{scope}` is not one that this client may ask for here: openid Store:read")
            );
        }
        assert_eq!(asked(&allowed, None), Ok(all(&["Store:read"])));
        assert_eq!(asked(&allowed, Some("\u{1}")), Err(Refused::Malformed));
    }

    #[test]
    fn nobody_asks_a_person_for_what_an_administrator_may_do() {
        let allowed = all(&["openid", "superuser"]);
        assert!(matches!(asked(&allowed, Some("superuser")), Err(Refused::NotAllowed { .. })));
        assert_eq!(asked(&allowed, None), Ok(Vec::new()));
    }

    #[test]
    fn a_permission_may_have_colons_and_so_may_a_service() {
        assert_eq!(permission_of("Store:orders:read", "Store"), Some("orders:read"));
        assert_eq!(permission_of("Store:orders:read", "Store:orders"), Some("read"));
        for other in ["Store", "Store:", "Stores:read", "store:read"] {
            assert_eq!(permission_of(other, "Store"), None, "{other}");
        }
    }
}
