//! From a text to a tree of what the language has, each part with its place. Everything else that SQL has is refused here.

use sqlparser::ast::{
    Array, BinaryOperator, CastKind, DataType, DateTimeField, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, InTarget, Interval, ObjectNamePart, TimezoneInfo,
    UnaryOperator, Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use super::fault::{Failure, Span};
use super::raw::{Comparison, Operator, Raw, RawKind};
use super::types::Type;

mod forms;
mod places;
mod stack;

use places::Places;
use stack::{is_flat, on_a_deep_stack};

/// A longer text is refused.
pub const MOST_CHARACTERS: usize = 4_000;
/// Of parentheses and operators in each other.
const DEEPEST: usize = 48;

type Read<T> = Result<T, Box<Failure>>;

/// Of a text that is not empty.
pub(super) fn parse(text: &str) -> Read<Raw> {
    if text.chars().count() > MOST_CHARACTERS {
        return Err(Failure::at(Span::default(), format!("longer than {MOST_CHARACTERS} characters")));
    }
    let places = Places::of(text);
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| Failure::at(places.at(error.location), error.message))?;
    let mut lowering = Lowering { places, tokens: Vec::new(), depth: 0 };
    for token in &tokens {
        lowering.admit(token)?;
    }
    if is_flat(&tokens) {
        return lowering.parsed(dialect, tokens);
    }
    on_a_deep_stack(move || lowering.parsed(dialect, tokens))
}

fn parser_failure(error: &ParserError, here: Span, places: &Places<'_>) -> Box<Failure> {
    let (ParserError::ParserError(message) | ParserError::TokenizerError(message)) = error else {
        return Failure::at(here, format!("nested too deeply: more than {DEEPEST} levels"));
    };
    // It has the place at its end, as a text.
    let Some((said, place)) = message.rsplit_once(" at Line: ") else { return Failure::at(here, message.clone()) };
    let numbers =
        place.split_once(", Column: ").and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?)));
    let at = numbers.map_or(here, |(line, column)| places.at(Location::new(line, column)));
    Failure::at(at, said)
}

struct Lowering<'a> {
    places: Places<'a>,
    /// All but spaces: where each begins, where it is in bytes, and whether it opens or closes something.
    tokens: Vec<(Location, Span, i8)>,
    depth: usize,
}

/// A part, with its first and its last token.
type Lowered = (Raw, usize, usize);

impl Lowering<'_> {
    fn parsed(mut self, dialect: PostgreSqlDialect, tokens: Vec<TokenWithSpan>) -> Read<Raw> {
        let mut parser = Parser::new(&dialect).with_recursion_limit(DEEPEST).with_tokens_with_locations(tokens);
        let parsed = parser.parse_expr();
        let next = parser.peek_token();
        let here = self.places.span(next.span.start, next.span.end);
        let parsed = parsed.map_err(|error| parser_failure(&error, here, &self.places))?;
        if next.token != Token::EOF {
            return Err(Failure::at(here, format!("the expression ends before {}", next.token)));
        }
        self.raw(&parsed).map(|(raw, ..)| raw)
    }

    fn admit(&mut self, token: &TokenWithSpan) -> Read<()> {
        let at = self.places.span(token.span.start, token.span.end);
        let nesting = match &token.token {
            Token::Whitespace(Whitespace::Space | Whitespace::Newline | Whitespace::Tab) | Token::EOF => return Ok(()),
            Token::Whitespace(_) => return Err(Failure::at(at, "comments have no place in a policy")),
            Token::SemiColon => return Err(Failure::at(at, "one expression, without a semicolon")),
            Token::DoubleEq => return Err(Failure::at(at, "SQL compares with one sign: write =")),
            Token::Word(word) if word.quote_style.is_some() && word.value.is_empty() => {
                return Err(Failure::at(at, "a name in double quotes has at least one character"));
            }
            Token::Placeholder(_) => {
                return Err(Failure::at(at, "a policy has no parameters: write auth_user.… or context.…"));
            }
            Token::LParen | Token::LBracket => 1,
            Token::RParen | Token::RBracket => -1,
            _ => 0,
        };
        self.tokens.push((token.span.start, at, nesting));
        Ok(())
    }

    fn token_at(&self, location: Location) -> usize {
        let key = |at: &Location| (at.line, at.column);
        self.tokens.partition_point(|(start, ..)| key(start) < key(&location)).min(self.tokens.len().saturating_sub(1))
    }

    /// What closes what the token before it opens.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0;
        for (at, (_, _, nesting)) in self.tokens.iter().enumerate().skip(open) {
            depth += i32::from(*nesting);
            if depth <= 0 {
                return at;
            }
        }
        self.tokens.len().saturating_sub(1)
    }

    fn span(&self, first: usize, last: usize) -> Span {
        let at = |token: usize| self.tokens.get(token).map_or(Span::default(), |(_, at, _)| *at);
        Span { start: at(first).start, end: at(last).end }
    }

    #[allow(clippy::unnecessary_wraps, reason = "the last word of what may fail")]
    fn made(&self, kind: RawKind, first: usize, last: usize) -> Read<Lowered> {
        Ok((Raw { kind, at: self.span(first, last) }, first, last))
    }

    fn refused<T>(&self, expr: &Expr, what: &str) -> Read<T> {
        let span = sqlparser::ast::Spanned::span(expr);
        Err(Failure::at(self.places.span(span.start, span.end), what))
    }

    fn raw(&mut self, expr: &Expr) -> Read<Lowered> {
        self.depth += 1;
        if self.depth > 4 * DEEPEST {
            return self.refused(expr, "nested too deeply: write fewer operators in one another");
        }
        let lowered = self.any(expr);
        self.depth -= 1;
        lowered
    }

    fn any(&mut self, expr: &Expr) -> Read<Lowered> {
        match expr {
            Expr::Identifier(name) => self.name(std::slice::from_ref(name)),
            Expr::CompoundIdentifier(names) => self.name(names),
            Expr::Value(value) => self.value(&value.value, self.token_at(value.span.start)),
            Expr::Nested(inner) => {
                let (mut raw, first, last) = self.raw(inner)?;
                // What stands in parentheses is a whole: `(a and b) and c` is explained as it is written.
                let (first, last) = (first.saturating_sub(1), last + 1);
                raw.at = self.span(first, last);
                Ok((raw, first, last))
            }
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right),
            Expr::UnaryOp { op, expr: inner } => self.unary(expr, *op, inner),
            Expr::IsNull(_) | Expr::IsNotNull(_) => self.is_null(expr),
            Expr::IsTrue(of) => self.is(of, Some(true), false),
            Expr::IsNotTrue(of) => self.is(of, Some(true), true),
            Expr::IsFalse(of) => self.is(of, Some(false), false),
            Expr::IsNotFalse(of) => self.is(of, Some(false), true),
            Expr::IsUnknown(of) => self.is(of, None, false),
            Expr::IsNotUnknown(of) => self.is(of, None, true),
            Expr::IsDistinctFrom(left, right) => self.distinct(false, left, right),
            Expr::IsNotDistinctFrom(left, right) => self.distinct(true, left, right),
            Expr::In { expr: of, target, negated, .. } => self.in_list(expr, of, target, *negated),
            Expr::Between { expr: of, negated, low, high } => self.between(*negated, of, low, high),
            Expr::Like { .. } | Expr::ILike { .. } => self.like(expr),
            Expr::AnyOp { left, compare_op, right, .. } => self.quantified(expr, left, compare_op, right, false),
            Expr::AllOp { left, compare_op, right } => self.quantified(expr, left, compare_op, right, true),
            Expr::Array(array) => self.array(expr, array),
            Expr::Function(function) => self.call(expr, function),
            Expr::Cast { kind, expr: of, data_type, format: None } => self.cast(expr, kind, of, data_type),
            Expr::TypedString(typed) => {
                let (Some(kind), false) = (cast_type(&typed.data_type), typed.uses_odbc_syntax) else {
                    return self.refused(expr, &unknown_type(&typed.data_type));
                };
                let last = self.token_at(typed.value.span.start);
                let (inner, ..) = self.value(&typed.value.value, last)?;
                self.made(RawKind::Cast(Box::new(inner), kind), last.saturating_sub(words_of(&typed.data_type)), last)
            }
            Expr::Interval(interval) => self.interval(expr, interval),
            Expr::Subquery(_) | Expr::Exists { .. } => self.refused(expr, "subqueries have no place in a policy"),
            Expr::Case { .. } => self.refused(expr, "case has no place in a policy: write it with and, or, not"),
            Expr::Tuple(_) => self.refused(expr, "rows of values have no place in a policy: compare them one by one"),
            _ => self.refused(expr, "this has no place in a policy; docs/policies.md lists what has"),
        }
    }

    fn name(&self, names: &[Ident]) -> Read<Lowered> {
        let (Some(first), Some(last)) = (names.first(), names.last()) else {
            return Err(Failure::at(Span::default(), "a name is missing"));
        };
        let (first, last) = (self.token_at(first.span.start), self.token_at(last.span.start));
        self.made(RawKind::Name(names.iter().map(folded).collect()), first, last)
    }

    fn value(&self, value: &Value, token: usize) -> Read<Lowered> {
        let kind = match value {
            Value::Null => RawKind::Null,
            Value::Boolean(value) => RawKind::Boolean(*value),
            Value::SingleQuotedString(text) if !text.contains('\0') => RawKind::Text(text.clone()),
            Value::Number(number, false) => RawKind::Number(number.clone()),
            _ => return Err(Failure::at(self.span(token, token), "write a text as 'text', a number as 12 or 1.5")),
        };
        self.made(kind, token, token)
    }

    fn binary(&mut self, expr: &Expr, left: &Expr, op: &BinaryOperator, right: &Expr) -> Read<Lowered> {
        if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
            return self.chain(expr, op);
        }
        let both = |kind: fn(Box<Raw>, Box<Raw>) -> RawKind| kind;
        let kind = match op {
            BinaryOperator::StringConcat => both(RawKind::Concat),
            BinaryOperator::Plus => both(|a, b| RawKind::Arithmetic(Operator::Add, a, b)),
            BinaryOperator::Minus => both(|a, b| RawKind::Arithmetic(Operator::Subtract, a, b)),
            BinaryOperator::Multiply => both(|a, b| RawKind::Arithmetic(Operator::Multiply, a, b)),
            BinaryOperator::Divide => both(|a, b| RawKind::Arithmetic(Operator::Divide, a, b)),
            _ => match comparison(op) {
                Some(_) if is_comparison(left) || is_comparison(right) => {
                    return self.refused(expr, "comparisons in a row need parentheses");
                }
                Some(comparison) => {
                    let ((a, first, _), (b, _, last)) = (self.raw(left)?, self.raw(right)?);
                    return self.made(RawKind::Compare(comparison, Box::new(a), Box::new(b)), first, last);
                }
                None => return self.refused(expr, &format!("the operator {op} has no place in a policy")),
            },
        };
        let ((a, first, _), (b, _, last)) = (self.raw(left)?, self.raw(right)?);
        self.made(kind(Box::new(a), Box::new(b)), first, last)
    }

    /// `a and b and c`, however long: what stands left of the last `and` is no level of its own.
    fn chain(&mut self, expr: &Expr, chained: &BinaryOperator) -> Read<Lowered> {
        let (mut rest, mut reversed) = (expr, Vec::new());
        while let Expr::BinaryOp { left, op, right } = rest
            && op == chained
        {
            reversed.push(self.raw(right)?);
            rest = left;
        }
        reversed.push(self.raw(rest)?);
        let (first, last) = (reversed.last().map_or(0, |(_, first, _)| *first), reversed[0].2);
        let parts = reversed.into_iter().rev().map(|(raw, ..)| raw).collect();
        let kind = if *chained == BinaryOperator::And { RawKind::And(parts) } else { RawKind::Or(parts) };
        self.made(kind, first, last)
    }
}

fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

fn is_comparison(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { op, .. } => comparison(op).is_some(),
        Expr::AnyOp { .. } | Expr::AllOp { .. } => true,
        _ => false,
    }
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::Unequal,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::AtMost,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::AtLeast,
        _ => return None,
    })
}

fn cast_type(data_type: &DataType) -> Option<Type> {
    Some(match data_type {
        DataType::Text | DataType::Varchar(None) => Type::Text,
        DataType::Int(None) | DataType::Int4(None) | DataType::Integer(None) => Type::Integer,
        DataType::BigInt(None) | DataType::Int8(None) => Type::Bigint,
        DataType::Numeric(ExactNumberInfo::None) | DataType::Decimal(ExactNumberInfo::None) => Type::Numeric,
        DataType::Bool | DataType::Boolean => Type::Boolean,
        DataType::Timestamp(None, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => Type::Timestamptz,
        DataType::Date => Type::Date,
        DataType::Uuid => Type::Uuid,
        DataType::Interval { fields: None, precision: None } => Type::Interval,
        _ => return None,
    })
}

fn unknown_type(data_type: &DataType) -> String {
    let given = data_type.to_string().to_lowercase();
    let meant = super::fault::meant(&given, Type::NAMES);
    format!("{given} is none of the types: {}, interval{meant}", Type::NAMES.join(", "))
}

/// How many words a type has: `timestamp with time zone`.
fn words_of(data_type: &DataType) -> usize {
    if matches!(data_type, DataType::Timestamp(_, TimezoneInfo::WithTimeZone)) { 4 } else { 1 }
}
