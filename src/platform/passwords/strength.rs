//! How soon a password would be guessed: common words, names, dates, keyboard patterns, and what others know of its owner.

use serde::Serialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;
use zxcvbn::matching::Match;
use zxcvbn::matching::patterns::MatchPattern;
use zxcvbn::{Score, zxcvbn};

/// Of a longer password no more is looked at: what comes after makes it no weaker, and time is bounded.
const LOOKED_AT: usize = 48;

/// The symbols that zxcvbn takes for letters, each with one of those. It tries every combination of those that a
/// password has, also of digits.
const LEET: [(char, char); 10] = [
    ('@', 'a'),
    ('(', 'c'),
    ('{', 'c'),
    ('[', 'c'),
    ('<', 'c'),
    ('!', 'i'),
    ('|', 'i'),
    ('$', 's'),
    ('+', 't'),
    ('%', 'x'),
];

/// So many of them are left to it; in a password with more, the others count as their letters.
const LEET_LEFT: usize = 2;

/// So many words about its owner are looked for, none of them longer than a password.
const WORDS: usize = 40;

/// Shorter ones are in every password by chance.
const SHORTEST_WORD: usize = 3;

/// Everybody who sees the login page knows these.
const CONTEXT: [&str; 2] = ["portero", "contraseña"];

/// The rating of a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Strength {
    /// From 0 (guessed first) to 4.
    #[schema(minimum = 0, maximum = 4, example = 0)]
    pub score: u8,
    /// What is wrong with it, if anything.
    #[schema(example = "This is a top-10 common password.")]
    pub warning: Option<String>,
    /// What to do.
    #[schema(example = json!(["Add another word or two. Uncommon words are better."]))]
    pub suggestions: Vec<String>,
}

impl Strength {
    /// Looks at a password, after NFC. `about` is what others know of its owner: username, name, address.
    pub fn of(password: &str, about: &[&str]) -> Self {
        let seen = Zeroizing::new(bounded(password));
        let words = words(about);
        let inputs: Vec<&str> = words.iter().map(String::as_str).collect();
        let found = zxcvbn(&seen, &inputs);
        let known = longest(found.sequence()).is_some_and(|longest| is_one_of(longest, &words));
        let feedback = found.feedback();
        let warning = feedback.and_then(zxcvbn::feedback::Feedback::warning).map(|warning| warning.to_string());
        let suggestions = feedback.map(|feedback| feedback.suggestions().iter().map(ToString::to_string).collect());
        Self {
            score: found.score().into(),
            warning: if known && found.score() < Score::Three {
                Some("This is made of words that others know of you or of this place.".to_owned())
            } else {
                warning
            },
            suggestions: suggestions.unwrap_or_default(),
        }
    }

    /// Whether it withstands who guesses online: more than a million guesses.
    pub fn is_enough(&self) -> bool {
        self.score >= 2
    }

    /// Warning and suggestions as one text.
    pub fn advice(&self) -> String {
        let sentences = self.warning.iter().chain(&self.suggestions);
        sentences.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// The beginning of a password, with few characters that stand for letters.
fn bounded(password: &str) -> String {
    let mut left: Vec<char> = Vec::new();
    let plain = |c: char| match LEET.iter().find(|(leet, _)| *leet == c) {
        Some(_) if left.contains(&c) => c,
        Some(_) if left.len() < LEET_LEFT => {
            left.push(c);
            c
        }
        Some((_, letter)) => *letter,
        None => c,
    };
    password.chars().take(LOOKED_AT).map(plain).collect()
}

/// Whole and in parts: of `ada.quispe@example.com` also `ada`, `quispe` and `example`.
fn words(about: &[&str]) -> Vec<String> {
    let wholes = CONTEXT.iter().chain(about).copied();
    let parts = about.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let mut words: Vec<String> = Vec::new();
    for word in wholes.chain(parts) {
        let word: String = word.chars().take(LOOKED_AT).collect::<String>().to_lowercase();
        if word.chars().count() >= SHORTEST_WORD && !words.contains(&word) && words.len() < WORDS {
            words.push(word);
        }
    }
    words
}

fn longest(sequence: &[Match]) -> Option<&Match> {
    sequence.iter().max_by_key(|part| part.token.chars().count())
}

fn is_one_of(part: &Match, words: &[String]) -> bool {
    matches!(&part.pattern, MatchPattern::Dictionary(found) if words.contains(&found.matched_word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_everybody_chooses_is_not_enough() {
        for common in ["password", "P@ssw0rd", "12345678", "qwertyuiop", "aaaaaaaaaaaa", "19840312", "dragon123"] {
            let strength = Strength::of(common, &[]);
            assert!(!strength.is_enough(), "{common}: {strength:?}");
            assert!(!strength.advice().is_empty(), "{common}: {strength:?}");
        }
        for good in ["correct horse", "a passphrase of hers", "mi perro come zanahorias", "x7Kq!w2fZp"] {
            assert!(Strength::of(good, &[]).is_enough(), "{good}");
        }
    }

    #[test]
    fn what_others_know_of_somebody_is_not_enough() {
        let about = ["quispe.ada", "Ada Lovelace Quispe", "ada@zanahoria.example"];
        for known in ["quispe.ada1", "lovelace99", "Zanahoria1", "portero2", "4da@zanahoria.example"] {
            let strength = Strength::of(known, &about);
            assert!(!strength.is_enough(), "{known}: {strength:?}");
            assert!(strength.warning.as_ref().is_some_and(|warning| warning.contains("know")), "{known}: {strength:?}");
        }
    }

    /// Milliseconds where zxcvbn alone would take most of a second.
    #[test]
    fn time_is_bounded() {
        Strength::of("the dictionaries are read once", &[]);
        for worst in [
            "4@8({[<369&#!1/|0$5+7%2".repeat(11),
            "1!|7".repeat(16),
            "1!|7023456789".repeat(4),
            "1|$7023456789".repeat(4),
            "{[(<".repeat(16),
            "p4ssw0rd1!7|".repeat(6),
            "qwertyuiop[]".repeat(20),
            "01/01/1990 ".repeat(6),
            "ab12".repeat(64),
            "🦜é".repeat(128),
        ] {
            let start = std::time::Instant::now();
            Strength::of(&worst, &["ada".repeat(100).as_str(), "a b c d e f ".repeat(100).as_str()]);
            let took = start.elapsed();
            assert!(took < std::time::Duration::from_millis(200), "{took:?}: {worst}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(password in ".{0,80}", about in proptest::collection::vec(".{0,40}", 0..4)) {
            let about: Vec<&str> = about.iter().map(String::as_str).collect();
            prop_assert!(Strength::of(&password, &about).score <= 4);
        }
    }
}
