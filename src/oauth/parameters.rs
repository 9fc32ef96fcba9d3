//! The parameters of a request (RFC 6749 appendix B), from a query or a form.

use std::collections::HashSet;
use std::fmt;

use form_urlencoded::Serializer;

/// No request has more of them, or longer ones.
const MOST: usize = 64;
const LONGEST: usize = 8 * 1024;

/// No form has more of them.
const MOST_OF_A_FORM: usize = 256;

/// No request that is sent through pages is longer, so that the forms that carry it are not too large.
pub const LONGEST_REQUEST: usize = 8 * 1024;

/// Those that may be given more than once (RFC 8707 section 2).
const REPEATED: [&str; 1] = ["resource"];

/// The parameters of a request, in order. One without a value counts as left out (RFC 6749 section 3.1).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

/// Their names alone: a value may be a password or a code.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Parameters {
    /// Reads a query or a form; `None` when there is too much of it, or a value that is no text: one with a NUL.
    pub fn read(text: &str) -> Option<Self> {
        Self::read_up_to(MOST, text)
    }

    /// Likewise a form of a page, which may have a box for each of many things.
    pub fn of_a_form(text: &str) -> Option<Self> {
        Self::read_up_to(MOST_OF_A_FORM, text)
    }

    fn read_up_to(most: usize, text: &str) -> Option<Self> {
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            if pairs.len() == most || name.len() + value.len() > LONGEST || value.contains('\0') {
                return None;
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Some(Self(pairs))
    }

    /// These, of which each has a value; `None` when they are too many.
    pub fn of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        (pairs.len() <= MOST).then_some(Self(pairs))
    }

    /// The value of the one that is called so, or the first of them.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The values of all that are called so.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// One that is given more than once, though it may not (RFC 6749 section 3.1).
    pub fn doubled(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        let once = self.0.iter().map(|(name, _)| name.as_str()).filter(|name| !REPEATED.contains(name));
        let mut once = once.filter(|name| !seen.insert(*name));
        once.next()
    }

    /// Whether this one is given more than once.
    pub fn is_doubled(&self, name: &str) -> bool {
        self.all(name).count() > 1
    }

    /// The same with another value for one of them, or without it.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<String>) -> Self {
        let at = self.0.iter().position(|(own, _)| own == name);
        match (at, value) {
            (Some(at), Some(value)) => self.0[at].1 = value,
            (None, Some(value)) => self.0.push((name.to_owned(), value)),
            (_, None) => self.0.retain(|(own, _)| own != name),
        }
        self
    }

    /// As a query has them.
    pub fn written(&self) -> String {
        Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_left_out_and_what_comes_twice_is_told() {
        let read = |text: &str| Parameters::read(text).expect("not too much");
        let parameters = read("a=1&b=&c&a%20b=%C3%B1+x&resource=1&resource=2");
        assert_eq!((parameters.one("a"), parameters.one("b"), parameters.one("c")), (Some("1"), None, None));
        assert_eq!((parameters.one("a b"), parameters.doubled()), (Some("ñ x"), None));
        assert_eq!(parameters.all("resource").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(read("a=1&b=2&a=1").doubled(), Some("a"));
        assert_eq!(read("a=&a=1").doubled(), None);
    }

    #[test]
    fn there_is_an_end_to_reading() {
        assert!(Parameters::read(&"a=1&".repeat(MOST)).is_some());
        assert!(Parameters::read(&"a=1&".repeat(MOST + 1)).is_none());
        assert!(Parameters::read(&format!("a={}", "1".repeat(LONGEST))).is_none());
        assert!(Parameters::read("a=%00").is_none());
    }

    #[test]
    fn debug_shows_no_value() {
        let parameters = Parameters::read("password=hunter2").expect("not too much");
        assert_eq!(format!("{parameters:?}"), r#"["password"]"#);
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let parameters = Parameters::read("a=%26%3D%2B+~&b=%01%F0%9F%98%80").expect("not too much");
        assert_eq!(Parameters::read(&parameters.written()), Some(parameters.clone()));
        let changed = parameters.with("a", None).with("c", Some("x y".to_owned()));
        assert_eq!((changed.one("a"), changed.one("c")), (None, Some("x y")));
    }
}
