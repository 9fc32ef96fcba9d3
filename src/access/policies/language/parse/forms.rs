//! The forms of expressions that are more than an operator between two others.

use super::{
    Array, BinaryOperator, CastKind, DataType, DateTimeField, Expr, Failure, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, InTarget, Interval, Lowered, Lowering, ObjectNamePart, Raw, RawKind, Read,
    Type, UnaryOperator, Value, cast_type, comparison, folded, unknown_type, words_of,
};

impl Lowering<'_> {
    pub(super) fn unary(&mut self, expr: &Expr, op: UnaryOperator, inner: &Expr) -> Read<Lowered> {
        // The sign of a number belongs to it: -9223372036854775808 is a bigint.
        if let (UnaryOperator::Minus, Expr::Value(value)) = (op, inner)
            && let Value::Number(number, false) = &value.value
        {
            let last = self.token_at(value.span.start);
            return self.made(RawKind::Number(format!("-{number}")), last.saturating_sub(1), last);
        }
        let (raw, first, last) = self.raw(inner)?;
        let first = first.saturating_sub(1);
        match op {
            UnaryOperator::Not => self.made(RawKind::Not(Box::new(raw)), first, last),
            UnaryOperator::Minus => self.made(RawKind::Minus(Box::new(raw)), first, last),
            _ => self.refused(expr, &format!("the operator {op} has no place in a policy")),
        }
    }

    pub(super) fn is_null(&mut self, expr: &Expr) -> Read<Lowered> {
        let (Expr::IsNull(of) | Expr::IsNotNull(of)) = expr else { return self.refused(expr, "is null is missing") };
        let negated = matches!(expr, Expr::IsNotNull(_));
        let (of, first, last) = self.raw(of)?;
        let next = self.span(last + 1, last + 1).of(self.places.text);
        let words = match (next.eq_ignore_ascii_case("notnull"), negated) {
            (true, _) => 1,
            (false, true) if next.eq_ignore_ascii_case("is") => 3,
            (false, _) => 2,
        };
        self.made(RawKind::IsNull { negated, of: Box::new(of) }, first, last + words)
    }

    pub(super) fn is(&mut self, of: &Expr, what: Option<bool>, negated: bool) -> Read<Lowered> {
        let (of, first, last) = self.raw(of)?;
        self.made(RawKind::Is { what, negated, of: Box::new(of) }, first, last + 2 + usize::from(negated))
    }

    pub(super) fn distinct(&mut self, negated: bool, left: &Expr, right: &Expr) -> Read<Lowered> {
        let ((left, first, _), (right, _, last)) = (self.raw(left)?, self.raw(right)?);
        self.made(RawKind::Distinct { negated, left: Box::new(left), right: Box::new(right) }, first, last)
    }

    fn all_of<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Read<Vec<Lowered>> {
        exprs.into_iter().map(|expr| self.raw(expr)).collect()
    }

    pub(super) fn in_list(&mut self, expr: &Expr, of: &Expr, target: &InTarget, negated: bool) -> Read<Lowered> {
        let InTarget::List(list) = target else {
            return self.refused(expr, "in takes a list of values: in ('draft', 'review')");
        };
        let (of, first, _) = self.raw(of)?;
        let list = self.all_of(list)?;
        let end = list.last().map_or(first, |(_, _, last)| last + 1);
        let list = list.into_iter().map(|(raw, ..)| raw).collect();
        self.made(RawKind::In { negated, of: Box::new(of), list }, first, end)
    }

    pub(super) fn between(&mut self, negated: bool, of: &Expr, low: &Expr, high: &Expr) -> Read<Lowered> {
        let ((of, first, _), (low, ..), (high, _, last)) = (self.raw(of)?, self.raw(low)?, self.raw(high)?);
        let kind = RawKind::Between { negated, of: Box::new(of), low: Box::new(low), high: Box::new(high) };
        self.made(kind, first, last)
    }

    pub(super) fn like(&mut self, expr: &Expr) -> Read<Lowered> {
        let (Expr::Like { negated, any: false, expr: of, pattern, escape_char }
        | Expr::ILike { negated, any: false, expr: of, pattern, escape_char }) = expr
        else {
            return self.refused(expr, "like takes one pattern");
        };
        let ((of, first, _), (pattern, _, mut last)) = (self.raw(of)?, self.raw(pattern)?);
        let mut escape = None;
        if let Some(given) = escape_char {
            let (raw, _, end) = self.raw(given)?;
            last = end;
            match raw.kind {
                RawKind::Text(text) if text.chars().count() <= 1 => escape = Some(text),
                _ => return Err(Failure::at(raw.at, "escape takes one character in quotes, or none: ''")),
            }
        }
        let any_case = matches!(expr, Expr::ILike { .. });
        let kind = RawKind::Like { negated: *negated, any_case, of: Box::new(of), pattern: Box::new(pattern), escape };
        self.made(kind, first, last)
    }

    pub(super) fn quantified(
        &mut self,
        expr: &Expr,
        of: &Expr,
        op: &BinaryOperator,
        list: &Expr,
        all: bool,
    ) -> Read<Lowered> {
        let Some(comparison) = comparison(op) else {
            return self.refused(expr, "any and all take one of = <> < <= > >=");
        };
        if super::is_comparison(of) {
            return self.refused(expr, "comparisons in a row need parentheses");
        }
        let ((of, first, _), (list, _, end)) = (self.raw(of)?, self.raw(list)?);
        let kind = RawKind::Any { comparison, all, of: Box::new(of), list: Box::new(list) };
        self.made(kind, first, end + 1)
    }

    pub(super) fn array(&mut self, expr: &Expr, array: &Array) -> Read<Lowered> {
        if array.elem.is_empty() || !array.named {
            return self.refused(expr, "write a list as array['a', 'b'], with at least one value");
        }
        let elements = self.all_of(&array.elem)?;
        let (first, last) = (elements[0].1.saturating_sub(2), elements[elements.len() - 1].2 + 1);
        self.made(RawKind::Array(elements.into_iter().map(|(raw, ..)| raw).collect()), first, last)
    }

    pub(super) fn call(&mut self, expr: &Expr, function: &Function) -> Read<Lowered> {
        let parts: Option<Vec<_>> = function.name.0.iter().map(ObjectNamePart::as_ident).collect();
        let parts = parts.filter(|parts| !parts.is_empty());
        let Some(parts) = parts else { return self.refused(expr, "the name of a function is missing") };
        let arguments = match &function.args {
            FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses })
                if clauses.is_empty() =>
            {
                args
            }
            FunctionArguments::None => {
                let fault = format!(
                    "{} is a word of SQL's own: a column of that name stands in double quotes, and a function has its arguments in parentheses",
                    function.name
                );
                return self.refused(expr, &fault);
            }
            _ => return self.refused(expr, "a function takes values, divided by commas"),
        };
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && function.parameters == FunctionArguments::None;
        if !plain {
            return self.refused(expr, "a function takes values, divided by commas");
        }
        let mut arguments_read = Vec::new();
        for argument in arguments {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else {
                return self.refused(expr, "a function takes values, divided by commas");
            };
            arguments_read.push(self.raw(argument)?.0);
        }
        let (first, open) = (self.token_at(parts[0].span.start), self.token_at(parts[parts.len() - 1].span.start) + 1);
        let names = parts.into_iter().map(folded).collect();
        self.made(RawKind::Call(names, arguments_read), first, self.closing(open))
    }

    pub(super) fn cast(&mut self, expr: &Expr, kind: &CastKind, of: &Expr, to: &DataType) -> Read<Lowered> {
        let Some(target) = cast_type(to) else { return self.refused(expr, &unknown_type(to)) };
        let (of, first, last) = self.raw(of)?;
        let made = |raw: Raw| RawKind::Cast(Box::new(raw), target);
        match kind {
            CastKind::DoubleColon => self.made(made(of), first, last + 1 + words_of(to)),
            CastKind::Cast => self.made(made(of), first.saturating_sub(2), last + 2 + words_of(to)),
            _ => self.refused(expr, "write a cast as value::type"),
        }
    }

    /// `interval '1 day'`, `interval '1' day`.
    pub(super) fn interval(&mut self, expr: &Expr, interval: &Interval) -> Read<Lowered> {
        let Expr::Value(value) = &*interval.value else {
            return self.refused(expr, "write an interval as interval '1 day'");
        };
        let Value::SingleQuotedString(text) = &value.value else {
            return self.refused(expr, "write an interval as interval '1 day'");
        };
        let unit = match &interval.leading_field {
            None => "",
            Some(DateTimeField::Year) => " year",
            Some(DateTimeField::Month) => " month",
            Some(DateTimeField::Day) => " day",
            Some(DateTimeField::Hour) => " hour",
            Some(DateTimeField::Minute) => " minute",
            Some(DateTimeField::Second) => " second",
            Some(_) => {
                return self.refused(expr, "an interval's unit is one of year, month, day, hour, minute, second");
            }
        };
        let plain = interval.leading_precision.is_none() && interval.last_field.is_none();
        let number = text.strip_prefix('-').unwrap_or(text);
        if !plain || (!unit.is_empty() && (number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()))) {
            return self.refused(expr, "write an interval as interval '1 day 02:30:00'");
        }
        let token = self.token_at(value.span.start);
        let last = token + usize::from(!unit.is_empty());
        let text = Raw { kind: RawKind::Text(format!("{text}{unit}")), at: self.span(token, token) };
        self.made(RawKind::Cast(Box::new(text), Type::Interval), token.saturating_sub(1), last)
    }
}
