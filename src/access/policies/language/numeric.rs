//! Numbers as Postgres' `numeric` has them: exact decimals that keep how many digits they show after the point.

use std::cmp::Ordering;
use std::fmt;

use bigdecimal::num_bigint::{BigInt, Sign};
use bigdecimal::num_traits::{Signed, ToPrimitive, Zero};
use bigdecimal::{BigDecimal, RoundingMode};

/// More digits than these in a literal, a row or a text are refused, as are exponents beyond.
const MOST_DIGITS: usize = 1_000;
/// Larger ones are not computed with. Postgres holds 131,072 digits before the point: what comes of two that are smaller stays below.
const MOST_COMPUTED: i64 = 5_000;
/// Postgres' own limit.
const MOST_AFTER_POINT: i64 = 16_383;
/// `NUMERIC_MIN_SIG_DIGITS` and `NUMERIC_MAX_DISPLAY_SCALE`, by which it chooses how exact a quotient is.
const SIGNIFICANT: i64 = 16;
const MOST_SHOWN: i64 = 1_000;

/// Its scale is never negative.
#[derive(Clone, Debug)]
pub(super) struct Numeric(BigDecimal);

impl Numeric {
    /// `-12.50`, `.5`, `1e3`; no spaces, no NaN.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (sign, unsigned) = match text.as_bytes().first()? {
            b'-' => (Sign::Minus, &text[1..]),
            b'+' => (Sign::Plus, &text[1..]),
            _ => (Sign::Plus, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || digits.len() > MOST_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let digits = BigInt::parse_bytes(digits.as_bytes(), 10)?;
        let digits = if sign == Sign::Minus { -digits } else { digits };
        let scale = i64::try_from(fraction.len()).ok()? - exponent;
        let number = BigDecimal::new(digits, scale);
        Some(Self(if scale < 0 { number.with_scale(0) } else { number }))
    }

    pub(super) fn add(&self, other: &Self) -> Option<Self> {
        let scale = self.scale().max(other.scale());
        self.computes_with(other).then(|| Self((&self.0 + &other.0).with_scale(scale)))
    }

    pub(super) fn subtract(&self, other: &Self) -> Option<Self> {
        let scale = self.scale().max(other.scale());
        self.computes_with(other).then(|| Self((&self.0 - &other.0).with_scale(scale)))
    }

    pub(super) fn multiply(&self, other: &Self) -> Option<Self> {
        if !self.computes_with(other) {
            return None;
        }
        let scale = self.scale() + other.scale();
        let product = Self((&self.0 * &other.0).with_scale(scale));
        Some(if scale > MOST_AFTER_POINT { Self(product.rounded(MOST_AFTER_POINT)) } else { product })
    }

    /// By another than zero.
    pub(super) fn divide(&self, other: &Self) -> Option<Self> {
        if !self.computes_with(other) {
            return None;
        }
        let ((weight, first), (other_weight, other_first)) = (self.leading(), other.leading());
        let quotient_weight = weight - other_weight - i64::from(first <= other_first);
        let scale = (SIGNIFICANT - quotient_weight * 4).max(self.scale()).max(other.scale()).clamp(0, MOST_SHOWN);
        let (dividend, divisor) = (self.digits(), other.digits());
        let shift = scale + other.scale() - self.scale();
        let power = BigInt::from(10).pow(u32::try_from(shift.abs()).ok()?);
        let (dividend, divisor) = if shift >= 0 { (dividend * power, divisor) } else { (dividend, divisor * power) };
        let (quotient, rest) = (&dividend / &divisor, (&dividend % &divisor).abs());
        let up = rest * 2 >= divisor.abs();
        let away = if dividend.sign() == divisor.sign() { BigInt::from(1) } else { BigInt::from(-1) };
        let rounded = if up { quotient + away } else { quotient };
        Some(Self(BigDecimal::new(rounded, scale)))
    }

    pub(super) fn negate(&self) -> Self {
        Self(-&self.0)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Rounded, halves away from zero.
    pub(super) fn to_integer(&self) -> Option<i64> {
        self.rounded(0).to_i64()
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }

    fn rounded(&self, scale: i64) -> BigDecimal {
        self.0.with_scale_round(scale, RoundingMode::HalfUp)
    }

    fn scale(&self) -> i64 {
        self.0.as_bigint_and_scale().1
    }

    fn digits(&self) -> BigInt {
        self.0.as_bigint_and_scale().0.into_owned()
    }

    /// Both are below 1e5000.
    fn computes_with(&self, other: &Self) -> bool {
        [self, other].into_iter().all(|number| {
            let (digits, scale) = number.0.as_bigint_and_scale();
            // A bit is worth 0.30103 digits: to count digits takes long.
            let roughly = i64::try_from(digits.bits()).unwrap_or(i64::MAX / 100_000) * 30_103 / 100_000 - scale;
            let exactly = || digits.abs() < BigInt::from(10).pow(u32::try_from(MOST_COMPUTED + scale).unwrap_or(0));
            roughly < MOST_COMPUTED - 1 || (roughly < MOST_COMPUTED + 1 && exactly())
        })
    }

    /// The first digit in base 10,000 and which power of that base it has, as Postgres stores it.
    fn leading(&self) -> (i64, i64) {
        let digits = self.digits();
        if digits.is_zero() {
            return (0, 0);
        }
        let text = digits.abs().to_string();
        let before = i64::try_from(text.len()).unwrap_or(i64::MAX) - self.scale();
        let weight = (before - 1).div_euclid(4);
        let group = usize::try_from(before - weight * 4).unwrap_or(1);
        let padded = format!("{text:0<4}");
        (weight, padded[..group].parse().unwrap_or(0))
    }
}

fn exponent(text: &str) -> Option<i64> {
    let exponent: i64 = text.parse().ok()?;
    (exponent.unsigned_abs() <= MOST_DIGITS as u64).then_some(exponent)
}

impl From<i64> for Numeric {
    fn from(number: i64) -> Self {
        Self(BigDecimal::from(number))
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digits, scale) = self.0.as_bigint_and_scale();
        let sign = if digits.is_negative() { "-" } else { "" };
        let scale = usize::try_from(scale).unwrap_or(0);
        let text = format!("{:0>width$}", digits.abs().to_string(), width = scale + 1);
        let (whole, fraction) = text.split_at(text.len() - scale);
        write!(f, "{sign}{whole}{}{fraction}", if scale == 0 { "" } else { "." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Numeric {
        Numeric::parse(text).expect("a number")
    }

    #[test]
    fn texts_are_read_and_written() {
        for (text, written) in [("1.50", "1.50"), ("-.5", "-0.5"), ("1e3", "1000"), ("1.5e-3", "0.0015"), ("7.", "7")] {
            assert_eq!(number(text).to_string(), written);
        }
        for text in ["", "-", ".", "NaN", "inf", "1e", "1e1001", "0x1", "1_0", " 1", "1e99999999999999999999"] {
            assert!(Numeric::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn quotients_have_the_digits_that_postgres_gives_them() {
        for (a, b, quotient) in [
            ("1", "3", "0.33333333333333333333"),
            ("2", "3", "0.66666666666666666667"),
            ("10000", "3", "3333.3333333333333333"),
            ("-7", "2", "-3.5000000000000000"),
            ("1.0", "8", "0.12500000000000000000"),
        ] {
            assert_eq!(number(a).divide(&number(b)).expect("in range").to_string(), quotient);
        }
    }
}
