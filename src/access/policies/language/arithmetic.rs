//! `+ - * /` with Postgres' limits: what it calls out of range has no value here either.

use super::evaluate::Evaluated;
use super::fault::Failure;
use super::moment;
use super::node::{Node, Operator};
use super::numeric::Numeric;
use super::types::Type;
use super::value::Value;

/// Of two values that are not null, already of the types that the operator takes.
pub(super) fn compute<'a>(operator: Operator, a: &Value<'_>, b: &Value<'_>, node: &Node) -> Evaluated<Value<'a>> {
    use Value::{Date, Integer, Interval as Span, Numeric as Decimal, Timestamp};
    let by_zero = match b {
        Integer(divisor) => *divisor == 0,
        Decimal(divisor) => divisor.is_zero(),
        _ => false,
    };
    if operator == Operator::Divide && by_zero {
        return Err(Failure::at(node.at, "division by zero"));
    }
    let result = match (operator, a, b) {
        (Operator::Add, Date(date), Integer(days)) | (Operator::Add, Integer(days), Date(date)) => {
            moment::add_days(*date, *days).map(Value::Date)
        }
        (Operator::Subtract, Date(date), Integer(days)) => moment::add_days(*date, -*days).map(Value::Date),
        (Operator::Subtract, Date(a), Date(b)) => {
            i32::try_from(i64::from(*a) - i64::from(*b)).ok().map(|days| Integer(i64::from(days)))
        }
        (_, Integer(a), Integer(b)) => match whole(operator, *a, *b, node.of) {
            None if node.of == Type::Number => {
                decimal(operator, &Numeric::from(*a), &Numeric::from(*b)).map(Value::numeric)
            }
            whole => whole.map(Integer),
        },
        (_, Decimal(a), Decimal(b)) => decimal(operator, a, b).map(Value::numeric),
        (_, Integer(a), Decimal(b)) => decimal(operator, &Numeric::from(*a), b).map(Value::numeric),
        (_, Decimal(a), Integer(b)) => decimal(operator, a, &Numeric::from(*b)).map(Value::numeric),
        (Operator::Add, Span(a), Span(b)) => a.add(*b).map(Span),
        (Operator::Subtract, Span(a), Span(b)) => b.negate().and_then(|b| a.add(b)).map(Span),
        (Operator::Add, Timestamp(at), Span(more)) | (Operator::Add, Span(more), Timestamp(at)) => {
            moment::add(*at, *more).map(Timestamp)
        }
        (Operator::Subtract, Timestamp(at), Span(less)) => {
            less.negate().and_then(|more| moment::add(*at, more)).map(Timestamp)
        }
        (Operator::Subtract, Timestamp(a), Timestamp(b)) => moment::between(*a, *b).map(Span),
        _ => None,
    };
    result.ok_or_else(|| out_of_range(node))
}

fn whole(operator: Operator, a: i64, b: i64, kind: Type) -> Option<i64> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => a.checked_div(b),
    };
    result.filter(|result| kind != Type::Integer || i32::try_from(*result).is_ok())
}

fn decimal(operator: Operator, a: &Numeric, b: &Numeric) -> Option<Numeric> {
    match operator {
        Operator::Add => a.add(b),
        Operator::Subtract => a.subtract(b),
        Operator::Multiply => a.multiply(b),
        Operator::Divide => a.divide(b),
    }
}

pub(super) fn negate<'a>(value: Value<'a>, node: &Node) -> Evaluated<Value<'a>> {
    let result = match value {
        Value::Null => Some(Value::Null),
        Value::Integer(value) => match whole(Operator::Subtract, 0, value, node.of) {
            None if node.of == Type::Number => Some(Value::numeric(Numeric::from(value).negate())),
            whole => whole.map(Value::Integer),
        },
        Value::Numeric(value) => Some(Value::numeric(value.negate())),
        Value::Interval(value) => value.negate().map(Value::Interval),
        _ => None,
    };
    result.ok_or_else(|| out_of_range(node))
}

fn out_of_range(node: &Node) -> Box<Failure> {
    Failure::at(node.at, format!("out of range for {}", node.of))
}
