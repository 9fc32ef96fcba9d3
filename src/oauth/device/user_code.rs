use std::fmt;

/// The letters of codes: none that is taken for another, and no vowels, so that no code is a word (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// So many letters: 34 bits, and whoever guesses has a few dozen tries an hour.
const LENGTH: usize = 8;

/// What a person types so that a device is let in (`user_code`, RFC 8628 section 3.2): eight letters, shown as `WDJB-MJHT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// One of random bits.
    pub fn of_random(bits: [u8; 16]) -> Self {
        let mut rest = u128::from_be_bytes(bits);
        let letters = std::iter::repeat_with(|| {
            let letter = LETTERS[usize::try_from(rest % 20).unwrap_or_default()];
            rest /= 20;
            char::from(letter)
        });
        Self(letters.take(LENGTH).collect())
    }

    /// What somebody typed: capital or small letters, with hyphens and spaces or without. `None` when it can't be a code.
    pub fn typed(text: &str) -> Option<Self> {
        if text.len() > 4 * LENGTH {
            return None;
        }
        let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase());
        let code: String = letters.collect();
        let is_code = code.len() == LENGTH && code.bytes().all(|b| LETTERS.contains(&b));
        is_code.then_some(Self(code))
    }

    /// Its letters, as they are stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As it is shown.
impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.0.split_at(LENGTH / 2);
        write!(f, "{first}-{last}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = UserCode::typed("WDJB-MJHT").expect("a code");
        assert_eq!((code.as_str(), code.to_string().as_str()), ("WDJBMJHT", "WDJB-MJHT"));
        for typed in ["wdjbmjht", " wdjb mjht ", "W-D-J-B-M-J-H-T", "Wdjb\u{a0}mJht"] {
            assert_eq!(UserCode::typed(typed).as_ref(), Some(&code), "{typed}");
        }
        for other in
            ["", "WDJB-MJH", "WDJB-MJHTT", "WDJA-MJHT", "WDJB_MJHT", "WDJB-MJH1", &"-".repeat(100), "ＷDJBMJHT"]
        {
            assert_eq!(UserCode::typed(other), None, "{other}");
        }
    }

    #[test]
    fn codes_are_of_all_letters() {
        assert_eq!(UserCode::of_random([0; 16]).as_str(), "BBBBBBBB");
        let codes: String = (0..=255).map(|n| UserCode::of_random([n; 16]).0).collect();
        assert!(LETTERS.iter().all(|letter| codes.contains(char::from(*letter))));
        assert!(UserCode::typed(&UserCode::of_random([0xa7; 16]).to_string()).is_some());
    }
}
