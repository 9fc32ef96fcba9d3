//! What LDAP servers (RFC 2307) and Spring Security write: `{SCHEME}…`.

use super::{Before, Function, Salted, Scheme, Sum, base64, bounds, crypt, phc, unreadable};

/// What is read of one that is written like this.
pub(super) fn read(text: &str) -> Option<Result<Scheme, String>> {
    let (name, rest) = text.strip_prefix('{')?.split_once('}')?;
    Some(match name.to_ascii_uppercase().as_str() {
        "SHA" => once(rest, Sum::Sha1, false),
        "SSHA" => once(rest, Sum::Sha1, true),
        "SHA256" => once(rest, Sum::Sha256, false),
        "SSHA256" => once(rest, Sum::Sha256, true),
        "SHA384" => once(rest, Sum::Sha384, false),
        "SSHA384" => once(rest, Sum::Sha384, true),
        "SHA512" => once(rest, Sum::Sha512, false),
        "SSHA512" => once(rest, Sum::Sha512, true),
        "BCRYPT" => crypt::bcrypt(rest, Before::Nothing),
        "CRYPT" => return crypt::read(rest),
        "ARGON2" | "ARGON2@SPRINGSECURITY_V5_8" => return phc::read(rest),
        "PBKDF2" | "PBKDF2-SHA1" => pbkdf2(rest, Sum::Sha1),
        "PBKDF2-SHA256" => pbkdf2(rest, Sum::Sha256),
        "PBKDF2-SHA512" => pbkdf2(rest, Sum::Sha512),
        _ => return None,
    })
}

/// One digest of the password, and of the salt that stands behind it.
fn once(text: &str, digest: Sum, has_salt: bool) -> Result<Scheme, String> {
    let mut output = base64::decode(text).ok_or_else(|| unreadable("LDAP"))?;
    let length = digest.length();
    if output.len() < length || (output.len() > length) != has_salt {
        return Err(unreadable("LDAP"));
    }
    let salt = output.split_off(length);
    Ok(Function::Once(digest, Salted { salt, output }).into())
}

/// OpenLDAP's: `rounds$salt$output`.
fn pbkdf2(text: &str, digest: Sum) -> Result<Scheme, String> {
    let fields: Vec<&str> = text.split('$').collect();
    let [rounds, salt, output] = fields[..] else { return Err(unreadable("PBKDF2")) };
    let (Ok(rounds), Some(salt), Some(output)) = (rounds.parse(), base64::decode(salt), base64::decode(output)) else {
        return Err(unreadable("PBKDF2"));
    };
    bounds::pbkdf2(digest, rounds, Salted { salt, output }).map(Scheme::from)
}
