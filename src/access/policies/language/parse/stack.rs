//! The parser calls itself for each level of a text. What is deep gets a stack on which that can do no harm.

use std::thread;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Failure, Read, Span};

/// As many as these in each other fit on any stack.
const FLAT: usize = 10;
const LONG: usize = 300;

pub(super) fn is_flat(tokens: &[TokenWithSpan]) -> bool {
    tokens.iter().filter(|token| is_steep(&token.token)).count() <= FLAT && tokens.len() <= LONG
}

/// Whether the parser goes deeper for it.
fn is_steep(token: &Token) -> bool {
    let flat = [
        Token::Comma,
        Token::Eq,
        Token::Neq,
        Token::Lt,
        Token::Gt,
        Token::LtEq,
        Token::GtEq,
        Token::RParen,
        Token::RBracket,
        Token::Period,
        Token::EOF,
    ];
    match token {
        Token::Word(word) => {
            !matches!(word.keyword, Keyword::NoKeyword | Keyword::AND | Keyword::OR | Keyword::ANY | Keyword::IN)
        }
        Token::Whitespace(_) | Token::Number(..) | Token::SingleQuotedString(_) => false,
        token => !flat.contains(token),
    }
}

/// The parser calls itself for each level, and so do its trees when they go.
pub(super) fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> Read<T> + Send) -> Read<T> {
    const STACK: usize = 64 * 1024 * 1024;
    let done = thread::scope(|scope| {
        thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok().and_then(|thread| thread.join().ok())
    });
    done.unwrap_or_else(|| Err(Failure::at(Span::default(), "cannot be read now: ask again")))
}
