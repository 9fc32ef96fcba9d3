//! The languages that people are written to in (BCP 47).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// So many languages of a header are looked at.
const LOOKED_AT: usize = 20;

/// A language that mails are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
}

impl Locale {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }

    /// What was stored.
    pub fn stored(text: &str) -> Option<Self> {
        [Self::En, Self::Es].into_iter().find(|locale| locale.as_str() == text)
    }

    /// The first of these tags whose language we write (`ui_locales`, OpenID Connect Core section 3.1.2.1).
    pub fn first_of(tags: &str) -> Option<Self> {
        let mut tags = tags.split(' ').take(LOOKED_AT);
        tags.find_map(|tag| Self::stored(&tag.split('-').next().unwrap_or_default().to_ascii_lowercase()))
    }

    /// The language that a browser likes best among these (RFC 9110 section 12.5.4).
    fn preferred(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut best = None;
        for range in header.split(',').take(LOOKED_AT) {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let weight = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).unwrap_or_default();
            let better = best.is_none_or(|(_, than)| weight > than);
            if let Some(locale) = Self::stored(&primary).filter(|_| weight > 0. && better) {
                best = Some((locale, weight));
            }
        }
        best.map(|(locale, _)| locale)
    }
}

/// The language of a request, where it names one that we write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Language(pub Option<Locale>);

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Locale::preferred(&parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_we_write_is_taken() {
        assert_eq!(Locale::first_of("fr-CA ES-pe en"), Some(Locale::Es));
        assert_eq!(Locale::first_of("qu"), None);
        assert_eq!(Locale::first_of(""), None);
    }

    #[test]
    fn the_best_liked_language_that_we_write_is_taken() {
        let preferred = |header: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, header.parse().expect("a header"));
            Locale::preferred(&headers)
        };
        assert_eq!(preferred("es-PE,es;q=0.9,en;q=0.8"), Some(Locale::Es));
        assert_eq!(preferred("en;q=0.2, ES;q=0.7"), Some(Locale::Es));
        assert_eq!(preferred("de, en;q=0.5"), Some(Locale::En));
        assert_eq!(preferred("qu, es;q=0"), None);
        for garbage in ["", "*", ";;;,,,q", "es;q=many", "😀"] {
            assert_eq!(preferred(garbage), None, "{garbage}");
        }
        assert_eq!(preferred(&format!("{}es", "de,".repeat(5000))), None, "there is an end to looking");
        assert_eq!(Locale::preferred(&HeaderMap::new()), None);
    }
}
