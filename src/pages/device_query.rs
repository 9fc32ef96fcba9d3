//! What the page of devices is asked: a code, from a QR code or a link, and a language.

use crate::oauth::parameters::Parameters;

/// What it reads; anything else is left out.
const READ: [&str; 2] = ["user_code", "ui_locales"];

/// A longer one is nothing of ours.
const LONGEST: usize = 200;

/// A form has no empty field: this stands for an empty query.
const NOTHING: &str = "-";

/// The query of the page of devices.
#[derive(Clone, Debug, Default)]
pub struct DeviceQuery(Parameters);

impl DeviceQuery {
    /// Reads it.
    pub fn read(query: &str) -> Self {
        let all = Parameters::read(query).unwrap_or_default();
        let of = |own: Parameters, name: &str| {
            let value = all.one(name).filter(|value| value.len() <= LONGEST && !value.contains('\0'));
            own.with(name, value.map(str::to_owned))
        };
        Self(READ.into_iter().fold(Parameters::default(), of))
    }

    /// The one that a form carries.
    pub fn carrying(text: &str) -> Self {
        Self::read(if text == NOTHING { "" } else { text })
    }

    /// As a form carries it.
    pub fn carried(&self) -> String {
        let written = self.0.written();
        if written.is_empty() { NOTHING.to_owned() } else { written }
    }

    /// The code that is filled in.
    pub fn user_code(&self) -> Option<&str> {
        self.0.one("user_code")
    }

    /// All of it.
    pub fn parameters(&self) -> &Parameters {
        &self.0
    }

    /// The page that is asked so.
    pub fn address(&self) -> String {
        match self.0.written().as_str() {
            "" => "/device".to_owned(),
            query => format!("/device?{query}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_its_code_and_its_language_and_nothing_else() {
        let query = DeviceQuery::read("next=https://evil.example&user_code=WDJB-MJHT&ui_locales=es&user_code=other");
        assert_eq!(query.address(), "/device?user_code=WDJB-MJHT&ui_locales=es");
        assert_eq!(DeviceQuery::carrying(&query.carried()).address(), query.address());
        for nothing in ["", "user_code=", "a=b", &format!("user_code={}", "x".repeat(201)), "user_code=%00"] {
            let query = DeviceQuery::read(nothing);
            assert_eq!((query.address().as_str(), query.carried().as_str()), ("/device", "-"), "{nothing}");
            assert_eq!(DeviceQuery::carrying(&query.carried()).address(), "/device");
        }
    }
}
