//! How strong a login a client wants (`acr_values`, and the claim `acr`; RFC 9470 section 4).

use super::Browser;
use crate::base::amr::{ACR_ONE_FACTOR, ACR_SEVERAL_FACTORS, Amr};

/// How strong a login a client wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WantedAcr {
    /// Any.
    #[default]
    Any,
    /// One with a second factor, of whoever has one.
    SecondFactor,
    /// One with a second factor, or none.
    SecondFactorOnly,
}

impl WantedAcr {
    /// What these values ask for, the best first; of essential ones another does not do.
    ///
    /// # Errors
    /// None of the essential ones is known here.
    pub fn read<'v>(values: impl IntoIterator<Item = &'v str>, is_essential: bool) -> Result<Self, &'static str> {
        let values: Vec<&str> = values.into_iter().collect();
        if values.is_empty() || values.contains(&ACR_ONE_FACTOR) {
            return Ok(Self::Any);
        }
        match (values.contains(&ACR_SEVERAL_FACTORS), is_essential) {
            (true, true) => Ok(Self::SecondFactorOnly),
            (true, false) => Ok(Self::SecondFactor),
            (false, true) => Err("no login here meets the acr that is essential"),
            (false, false) => Ok(Self::Any),
        }
    }

    /// Whether a second factor is wanted of who has one.
    pub fn wants_second_factor(self) -> bool {
        self != Self::Any
    }

    /// Whether a login is strong enough as it is.
    pub fn is_met_by(self, browser: &Browser) -> bool {
        self == Self::Any || browser.amr.has(Amr::MFA)
    }

    /// Both wishes, of which the stronger counts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::SecondFactorOnly, _) | (_, Self::SecondFactorOnly) => Self::SecondFactorOnly,
            (Self::SecondFactor, _) | (_, Self::SecondFactor) => Self::SecondFactor,
            (Self::Any, Self::Any) => Self::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_factor_is_wanted_where_one_factor_does_not_do() {
        let read =
            |values: &str, is_essential| WantedAcr::read(values.split(' ').filter(|v| !v.is_empty()), is_essential);
        for (values, is_essential, wanted) in [
            ("", true, WantedAcr::Any),
            ("1", true, WantedAcr::Any),
            ("2 1", true, WantedAcr::Any),
            ("gold", false, WantedAcr::Any),
            ("2", false, WantedAcr::SecondFactor),
            ("gold 2", true, WantedAcr::SecondFactorOnly),
        ] {
            assert_eq!(read(values, is_essential), Ok(wanted), "{values}");
        }
        assert!(read("gold", true).is_err());
        assert_eq!(WantedAcr::SecondFactor.and(WantedAcr::Any), WantedAcr::SecondFactor);
    }
}
