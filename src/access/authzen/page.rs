//! Pages of searches, by tokens that nobody need understand.

use std::fmt::Debug;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::entities::Properties;

use crate::access::policies::language::Row;
use crate::base::error::{Error, Result};

/// How many results a page has, unless somebody says.
const USUAL: u32 = 100;

/// And at most.
const MOST: u32 = 1000;

/// What is wrong with a token that none of our answers had.
const NO_TOKEN: &str = "is no `next_token` of an answer";

/// Longer than any of ours.
const LONGEST_TOKEN: usize = 2048;

/// Which results are asked for.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct PageOfRequest {
    /// The `next_token` of the page before: the rest of the request must be the same.
    #[serde(default)]
    token: Option<String>,
    /// How many results, at most 1000; 100 by default.
    #[serde(default)]
    #[schema(minimum = 1, example = 100)]
    limit: Option<u32>,
    /// Ignored.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    #[expect(dead_code, reason = "of the standard")]
    properties: Option<Row>,
}

impl PageOfRequest {
    /// The page that a token leads to, or the first.
    pub fn at(token: Option<String>, limit: u32) -> Self {
        Self { token, limit: Some(limit), properties: None }
    }
}

/// Where results go on.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageOfAnswer {
    /// Send it as `page.token` for the next page; empty after the last.
    #[schema(example = "")]
    pub next_token: String,
    /// How many results this page has.
    #[schema(example = 2)]
    pub count: usize,
}

/// What a token says.
#[derive(Deserialize, Serialize)]
struct Token {
    after: String,
    limit: u32,
    /// Of what was asked.
    asked: String,
}

/// A place in the results of a question.
#[derive(Debug)]
pub struct Cursor {
    /// What the last page ended with; empty before the first.
    pub after: String,
    pub limit: u32,
    asked: String,
}

impl Cursor {
    /// Where a request goes on, that asks for `asked`.
    ///
    /// # Errors
    /// 400 for a token that is none, or is of another question; 400 for pages of nothing.
    pub fn of(page: Option<&PageOfRequest>, asked: &impl Debug) -> Result<Self> {
        let asked = hex::encode(&Sha256::digest(format!("{asked:?}"))[..16]);
        let said = page.and_then(|page| page.limit);
        if said == Some(0) {
            return Err(Error::invalid_field("page.limit", "must be 1 or more"));
        }
        let Some(token) = page.and_then(|page| page.token.as_deref()).filter(|token| !token.is_empty()) else {
            let limit = said.unwrap_or(USUAL).min(MOST);
            return Ok(Self { after: String::new(), limit, asked });
        };
        let fault = |fault: &str| Error::invalid_field("page.token", fault);
        let token = Token::read(token).ok_or_else(|| fault(NO_TOKEN))?;
        if !(1..=MOST).contains(&token.limit) || token.after.is_empty() {
            return Err(fault(NO_TOKEN));
        }
        if token.asked != asked || said.is_some_and(|said| said.min(MOST) != token.limit) {
            return Err(fault("is of another request: send the rest as you sent it for the page before"));
        }
        Ok(Self { after: token.after, limit: token.limit, asked })
    }

    /// The id that the last page ended with; 0 before the first.
    ///
    /// # Errors
    /// 400 for a token that no page ended with.
    pub fn after_id(&self) -> Result<i32> {
        if self.after.is_empty() {
            return Ok(0);
        }
        let id = self.after.parse().ok().filter(|id: &i32| *id > 0 && id.to_string() == self.after);
        id.ok_or_else(|| Error::invalid_field("page.token", NO_TOKEN))
    }

    /// The token of the page that follows one which ended with `after`.
    pub fn next(&self, after: impl Into<String>) -> Result<String> {
        let token = Token { after: after.into(), limit: self.limit, asked: self.asked.clone() };
        let json = serde_json::to_vec(&token).map_err(|error| Error::Internal(error.into()))?;
        Ok(Base64UrlUnpadded::encode_string(&json))
    }
}

impl Token {
    fn read(text: &str) -> Option<Self> {
        let bytes = (text.len() <= LONGEST_TOKEN).then(|| Base64UrlUnpadded::decode_vec(text).ok())??;
        serde_json::from_slice(&bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(token: Option<&str>, limit: Option<u32>) -> PageOfRequest {
        PageOfRequest { token: token.map(str::to_owned), limit, properties: None }
    }

    #[test]
    fn a_token_goes_on_with_the_question_that_it_is_of() {
        let first = Cursor::of(Some(&page(None, Some(2))), &"who").expect("a place");
        assert_eq!((first.after.as_str(), first.limit), ("", 2));
        let token = first.next("7").expect("a token");
        for limit in [None, Some(2)] {
            let next = Cursor::of(Some(&page(Some(&token), limit)), &"who").expect("a place");
            assert_eq!((next.after.as_str(), next.limit), ("7", 2));
        }
        assert!(Cursor::of(Some(&page(Some(&token), None)), &"what").is_err());
        assert!(Cursor::of(Some(&page(Some(&token), Some(3))), &"who").is_err());
        for (after, is_one) in
            [("7", true), ("", false), ("0", false), ("-5", false), ("07", false), ("' or 1=1", false)]
        {
            let token = first.next(after).expect("a token");
            let next = Cursor::of(Some(&page(Some(&token), None)), &"who");
            assert_eq!(next.and_then(|next| next.after_id()).is_ok(), is_one, "{after:?}");
        }
        for limit in [0, 1001] {
            let token = Cursor { limit, ..Cursor::of(None, &"who").expect("a place") }.next("7").expect("a token");
            assert!(Cursor::of(Some(&page(Some(&token), None)), &"who").is_err(), "{limit}");
        }
        for bad in ["x", "e30", &"A".repeat(5000)] {
            assert!(Cursor::of(Some(&page(Some(bad), None)), &"who").is_err(), "{bad}");
        }
        assert!(Cursor::of(Some(&page(None, Some(0))), &"who").is_err(), "pages of nothing, for ever");
        assert_eq!(Cursor::of(None, &"who").expect("a place").limit, 100);
        assert_eq!(Cursor::of(Some(&page(None, Some(9999))), &"who").expect("a place").limit, 1000);
    }
}
