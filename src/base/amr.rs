//! By what means somebody proved who they are (`amr`, RFC 8176), and how strong that was (`acr`).

/// The registered words, weakest first: so they are told.
const WORDS: [&str; 21] = [
    "pwd", "pin", "kba", "otp", "sms", "tel", "sc", "hwk", "swk", "pop", "face", "fpt", "iris", "retina", "vbm", "geo",
    "rba", "wia", "user", "mca", "mfa",
];

/// Means by which somebody proved who they are: a set of the registered words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amr(u32);

/// A login by one factor (`acr`).
pub const ACR_ONE_FACTOR: &str = "1";

/// A login by several.
pub const ACR_SEVERAL_FACTORS: &str = "2";

impl Amr {
    /// None that has a word.
    pub const NONE: Self = Self(0);
    /// A password.
    pub const PWD: Self = Self::word("pwd");
    /// A one-time password.
    pub const OTP: Self = Self::word("otp");
    /// A key in hardware of its own.
    pub const HWK: Self = Self::word("hwk");
    /// A key in software.
    pub const SWK: Self = Self::word("swk");
    /// The possession of a key was proved.
    pub const POP: Self = Self::word("pop");
    /// The person was there.
    pub const USER: Self = Self::word("user");
    /// Several factors.
    pub const MFA: Self = Self::word("mfa");

    const fn word(word: &str) -> Self {
        let mut at = 0;
        while at < WORDS.len() {
            if is_same(WORDS[at], word) {
                return Self(1 << at);
            }
            at += 1;
        }
        panic!("not a registered word")
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of a passkey with which the user was verified, whose key is in one device alone, or in several.
    #[must_use]
    pub const fn of_passkey(is_hardware: bool) -> Self {
        let key = if is_hardware { Self::HWK } else { Self::SWK };
        key.with(Self::USER).with(Self::MFA)
    }

    /// Those of the words that are registered.
    pub fn read<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Self {
        let known = words.into_iter().filter_map(|word| WORDS.iter().position(|own| *own == word.as_ref()));
        Self(known.fold(0, |set, at| set | 1 << at))
    }

    /// Whether all of those are among these.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// As they are stored and told.
    pub fn words(self) -> Vec<String> {
        let has = |(at, _): &(usize, &&str)| self.0 & (1 << at) != 0;
        WORDS.iter().enumerate().filter(has).map(|(_, word)| (*word).to_owned()).collect()
    }

    /// How strong they are.
    pub const fn acr(self) -> &'static str {
        if self.has(Self::MFA) { ACR_SEVERAL_FACTORS } else { ACR_ONE_FACTOR }
    }
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_as_they_were_and_strangers_are_left_out() {
        let both = Amr::PWD.with(Amr::OTP).with(Amr::MFA);
        assert_eq!(both.words(), ["pwd", "otp", "mfa"]);
        assert_eq!(Amr::read(both.words()), both);
        assert_eq!(Amr::read(["fed", "sms", "PWD", ""]).words(), ["sms"]);
        assert!(both.has(Amr::OTP) && !both.has(Amr::HWK) && Amr::NONE.words().is_empty());
    }

    #[test]
    fn only_several_factors_are_strong() {
        assert_eq!((Amr::PWD.acr(), Amr::NONE.acr(), Amr::OTP.acr()), ("1", "1", "1"));
        assert_eq!(Amr::OTP.with(Amr::MFA).acr(), "2");
    }
}
