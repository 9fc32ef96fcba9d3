use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

/// Postgres folds by this function, so its two lists are read from there: an index is of no use to who folds otherwise.
const IN_POSTGRES: &str = include_str!("../../../migrations/0021_case.sql");

/// A combining dot above: `i` has one already.
const DOT_ABOVE: &str = "i\u{307}";

static LETTERS: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let (_, lists) = IN_POSTGRES.split_once("-- from\n").unwrap_or_default();
    let (from, to) = lists.split_once("-- to\n").unwrap_or_default();
    let to = to.split_once(')').map_or(to, |(to, _)| to);
    letters(from).zip(letters(to)).filter(|(from, to)| from != to).collect()
});

/// What stands between quotes, line by line.
fn letters(list: &str) -> impl Iterator<Item = char> {
    list.lines().filter_map(|line| line.trim().split('\'').nth(1)).flat_map(str::chars)
}

/// What two texts have in common that differ only in case, as `auth.fold` has it: to be compared, never shown.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let letter = |c: char| if c.is_ascii() { c.to_ascii_lowercase() } else { *LETTERS.get(&c).unwrap_or(&c) };
    let folded: String = text.nfc().map(letter).collect();
    folded.replace('ß', "ss").replace(DOT_ABOVE, "i")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_only_in_case_are_one_in_every_script() {
        for (a, b) in [
            ("Juan", "JUAN"),
            ("Ñandú", "ñANDÚ"),
            ("Ωμέγα", "ΩΜΈΓΑ"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("Жанна", "жАННА"),
            ("Weiß", "WEISS"),
            ("weiẞ", "WEISS"),
            ("İsmail", "ismail"),
            ("ISMAIL", "ısmail"),
            ("İsmail", "i\u{307}smail"),
            ("JOSE\u{301}", "josé"),
            ("Հայ", "ՀԱՅ"),
            ("ꭰ", "Ꭰ"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} and {b}");
        }
        assert_eq!(fold("Ñandú 7@x"), "ñandú 7@x");
        assert_eq!(LETTERS.len(), 1418);
        for other in ["jose", "josé", "łukasz", "lukasz", "中", "かな", "カナ", ""] {
            assert_eq!(fold(other), other);
        }
    }
}
