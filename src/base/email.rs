//! Mail addresses: one a mailbox, however it is written (RFC 5321, RFC 5890).

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::base::names;

/// The longest address that a mail can be sent to (RFC 5321 section 4.5.3.1.3, less the two angle brackets).
const MAX_LENGTH: usize = 254;

/// Where dots in the part before the `@` mean nothing.
const WITHOUT_DOTS: [&str; 2] = ["gmail.com", "googlemail.com"];

/// An e-mail address: as it was given, after NFC and without space around it, but for its domain, which is written in one
/// way only: in lower case, and in letters where it has any beyond ASCII (`münchen.example`, not
/// `xn--mnchen-3ya.example`). Two that differ in case are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(lettre::Address);

impl Email {
    /// An address that was taken once, maybe under older rules.
    pub fn stored(text: &str) -> Self {
        text.parse().unwrap_or_else(|_| {
            let (user, domain) = text.rsplit_once('@').unwrap_or((text, ""));
            Self(lettre::Address::new_dangerous(user, domain))
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// What it has in common with those that are the same, as `auth.fold_address` has it: to be compared, never shown.
    pub fn key(&self) -> String {
        format!("{}@{}", names::fold(self.0.user()), self.0.domain().to_ascii_lowercase())
    }

    /// Whether both are the same but for case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// Where its mail arrives, as far as one can tell: whoever has `ada@example.com` gets what is sent to
    /// `ada+shop@example.com`, too. To be counted by, never shown.
    pub fn mailbox(&self) -> String {
        let key = self.key();
        let (user, domain) = key.rsplit_once('@').unwrap_or((&key, ""));
        let user = user.split_once('+').map_or(user, |(user, _)| user);
        if WITHOUT_DOTS.contains(&domain) {
            return format!("{}@{}", user.replace('.', ""), WITHOUT_DOTS[0]);
        }
        format!("{user}@{domain}")
    }

    /// As mail is addressed: every server knows the domain, since it is written in ASCII (RFC 5890 section 2.3.2.1).
    pub fn address(&self) -> lettre::Address {
        let domain = idna::domain_to_ascii(self.0.domain());
        lettre::Address::new_dangerous(self.0.user(), domain.as_deref().unwrap_or(self.0.domain()))
    }
}

/// A domain in the one way that it is written here, and how long it is where mail is addressed.
fn domain(text: &str) -> Option<(String, usize)> {
    let uts46 = Uts46::new();
    let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let ascii = uts46.to_ascii(text.as_bytes(), deny, hyphens, DnsLength::Verify).ok()?;
    let (unicode, fault) = uts46.to_unicode(ascii.as_bytes(), deny, hyphens);
    fault.ok()?;
    Some((unicode.into_owned(), ascii.len()))
}

impl std::str::FromStr for Email {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = names::line(text.trim(), MAX_LENGTH)?;
        let malformed = || "is not an e-mail address, such as ada@example.com".to_owned();
        // No mail server takes an address with a literal for a domain, as RFC 5321 section 4.1.3 has it, from outside; and
        // what is quoted is another way to write the same.
        if text.contains(|c: char| c.is_whitespace() || ['[', '"'].contains(&c)) {
            return Err(malformed());
        }
        let (user, text) = text.rsplit_once('@').ok_or_else(malformed)?;
        let (domain, length) = domain(text).ok_or_else(malformed)?;
        if user.len() + 1 + length > MAX_LENGTH {
            return Err(format!("too long: at most {MAX_LENGTH} characters"));
        }
        lettre::Address::new(user, domain).map(Self).map_err(|_| malformed())
    }
}

impl TryFrom<String> for Email {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.as_str().to_owned()
    }
}

impl PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .min_length(Some(3))
            .max_length(Some(MAX_LENGTH))
            .examples(["ada@example.com"])
            .into()
    }
}

impl ToSchema for Email {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_name_and_a_domain_and_nothing_that_ends_a_header() {
        for good in
            ["ada@example.com", "Ada.Quispe+portero@mail.example.co.uk", " ada@example.com ", "ñandú@ejemplo.es"]
        {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@example.com\r\nBcc: eva@example.com",
            "ada@exam\nple.com",
            "Ada <ada@example.com>",
            "ada@example.com, eva@example.com",
            "ada@@example.com",
            "a da@example.com",
            "\"a da\"@example.com",
            "\"ada\"@example.com",
            "ada@[192.0.2.1]",
            "ada@example.com.",
            "ada@exa_mple.com",
            "ada@-example.com",
            "ada@xn--99999999.example",
            "ada\u{200b}@example.com",
            "ada@example.com\u{200b}",
            "ada@exam\u{ad}ple.com",
            "ada@example.com\u{feff}",
            "ada@example\u{2060}.com",
            "a\u{202e}da@example.com",
            "ada@example.com\u{fe0f}",
            &format!("{}@example.com", "a".repeat(250)),
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "jose\u{301}@example.com".parse::<Email>().map(String::from).as_deref(),
            Ok("jos\u{e9}@example.com")
        );
    }

    fn read(text: &str) -> Email {
        text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"))
    }

    #[test]
    fn a_domain_is_written_in_one_way() {
        let one = read("ada@münchen.example");
        for same in [
            "ada@xn--mnchen-3ya.example",
            "ada@MÜNCHEN.Example",
            "ADA@mu\u{308}nchen。example",
            "ada@XN--MNCHEN-3YA.example",
        ] {
            assert!(read(same).is_same(&one), "{same}");
            assert_eq!(read(same).address().domain(), "xn--mnchen-3ya.example");
        }
        assert_eq!(read("Ada@Example.COM").as_str(), "Ada@example.com");
        assert_eq!(read("ada@ｅｘａｍｐｌｅ.com").as_str(), "ada@example.com");
        for other in ["ada@munchen.example", "ada@muenchen.example"] {
            assert!(!read(other).is_same(&one), "{other}");
        }
        assert!(!read("ada@straße.example").is_same(&read("ada@strasse.example")), "these are two domains");
        assert!(read("ada@example.com").address().to_string().is_ascii());
    }

    #[test]
    fn case_makes_no_difference_in_any_script() {
        for (a, b) in [
            ("ñandú@example.org", "ÑANDÚ@EXAMPLE.ORG"),
            ("info@example.org", "INFO@example.org"),
            ("ΝΊΚΟΣ@example.org", "νίκος@example.org"),
            ("İ@example.org", "i@example.org"),
        ] {
            assert!(read(a).is_same(&read(b)), "{a} and {b}");
        }
        assert!(!read("nandu@example.org").is_same(&read("ñandú@example.org")));
    }

    #[test]
    fn one_mailbox_has_many_addresses() {
        for same in ["Ada@example.com", "ada+1@example.com", "ADA+x+y@EXAMPLE.com"] {
            assert_eq!(read(same).mailbox(), "ada@example.com");
        }
        assert_eq!(read("a.d.a+1@googlemail.com").mailbox(), "ada@gmail.com");
        assert_ne!(read("a.da@example.com").mailbox(), read("ada@example.com").mailbox());
        assert_eq!(read("+@example.com").mailbox(), "@example.com");
    }

    #[test]
    fn what_was_taken_once_can_still_be_read() {
        for old in ["mike@example.org\u{200b}", "\"a\"@example.org", "mike@example.org.", "no address"] {
            assert_eq!(Email::stored(old).as_str().split('@').next(), old.split('@').next());
            let _ = Email::stored(old).address();
        }
    }
}
