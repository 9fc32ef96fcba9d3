//! Patterns of `like`, in time linear in the text: a part between two `%` that has been found is never looked for again.

/// A pattern that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// What stands between the `%`: at least one part. `None` is `_`.
    parts: Vec<Vec<Option<char>>>,
}

impl Pattern {
    /// None where it ends with the escape character. For any case, the text that it is held against is in lower case, too.
    pub(super) fn read(pattern: &str, escape: Option<char>, any_case: bool) -> Option<Self> {
        let folded = |c: char| if any_case { c.to_ascii_lowercase() } else { c };
        let mut parts = vec![Vec::new()];
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            let part = parts.last_mut()?;
            if Some(c) == escape {
                part.push(Some(folded(chars.next()?)));
            } else if c == '%' {
                parts.push(Vec::new());
            } else {
                part.push((c != '_').then(|| folded(c)));
            }
        }
        Some(Self { parts })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return text.is_empty() };
        let Some(text) = strip_start(text, first) else { return false };
        let Some((last, middle)) = rest.split_last() else { return text.is_empty() };
        let Some(mut text) = strip_end(text, last) else { return false };
        for part in middle {
            match find_end(text, part) {
                Some(end) => text = &text[end..],
                None => return false,
            }
        }
        true
    }

    /// What SQLite's `glob` takes for the same.
    pub(super) fn glob(&self) -> String {
        let mut glob = String::new();
        for (nth, part) in self.parts.iter().enumerate() {
            if nth > 0 {
                glob.push('*');
            }
            for c in part {
                match c {
                    None => glob.push('?'),
                    Some(c @ ('*' | '?' | '[')) => glob.extend(['[', *c, ']']),
                    Some(c) => glob.push(*c),
                }
            }
        }
        glob
    }

    /// The same with another escape character.
    pub(super) fn with_escapes(&self, escape: char) -> String {
        let mut like = String::new();
        for (nth, part) in self.parts.iter().enumerate() {
            if nth > 0 {
                like.push('%');
            }
            for c in part {
                match c {
                    None => like.push('_'),
                    Some(c) if ['%', '_', escape].contains(c) => like.extend([escape, *c]),
                    Some(c) => like.push(*c),
                }
            }
        }
        like
    }
}

fn is_like(expected: Option<char>, c: char) -> bool {
    expected.is_none_or(|expected| expected == c)
}

fn strip_start<'a>(text: &'a str, part: &[Option<char>]) -> Option<&'a str> {
    let mut chars = text.chars();
    part.iter().all(|expected| chars.next().is_some_and(|c| is_like(*expected, c))).then_some(())?;
    Some(chars.as_str())
}

fn strip_end<'a>(text: &'a str, part: &[Option<char>]) -> Option<&'a str> {
    let mut chars = text.chars();
    part.iter().rev().all(|expected| chars.next_back().is_some_and(|c| is_like(*expected, c))).then_some(())?;
    Some(chars.as_str())
}

/// Where the first place ends that is like the part. All places it could be at are followed at once, a bit each.
fn find_end(text: &str, part: &[Option<char>]) -> Option<usize> {
    if part.is_empty() {
        return Some(0);
    }
    if part.iter().all(Option::is_some) {
        let plain: String = part.iter().flatten().collect();
        return text.find(&plain).map(|start| start + plain.len());
    }
    let words = part.len().div_ceil(64);
    let mut masks: Vec<(char, Vec<u64>)> = Vec::new();
    let mut any = vec![0_u64; words];
    for (at, expected) in part.iter().enumerate() {
        if expected.is_none() {
            any[at / 64] |= 1 << (at % 64);
        }
    }
    for (at, c) in part.iter().enumerate().filter_map(|(at, c)| c.map(|c| (at, c))) {
        let known = masks.binary_search_by_key(&c, |(c, _)| *c);
        let known = known.unwrap_or_else(|place| {
            masks.insert(place, (c, any.clone()));
            place
        });
        masks[known].1[at / 64] |= 1 << (at % 64);
    }
    let mut state = vec![0_u64; words];
    let last = part.len() - 1;
    for (at, c) in text.char_indices() {
        let mask = masks.binary_search_by_key(&c, |(c, _)| *c).map_or(&any, |known| &masks[known].1);
        let mut carry = 1;
        for (word, mask) in state.iter_mut().zip(mask) {
            let out = *word >> 63;
            *word = ((*word << 1) | carry) & mask;
            carry = out;
        }
        if state[last / 64] & (1 << (last % 64)) != 0 {
            return Some(at + c.len_utf8());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(text: &str, pattern: &str) -> bool {
        Pattern::read(pattern, Some('\\'), false).expect("a pattern").matches(text)
    }

    #[test]
    fn patterns_match_as_in_postgres() {
        for (text, pattern) in [
            ("", ""),
            ("", "%"),
            ("abc", "a%c"),
            ("abc", "%b%"),
            ("abcabd", "%a_d"),
            ("äöü", "_ö_"),
            ("a%c", "a\\%c"),
            ("abab", "%ab%ab"),
            ("xaybz", "%a_b%"),
            ("aab", "%a_%"),
        ] {
            assert!(like(text, pattern), "{text} like {pattern}");
        }
        for (text, pattern) in
            [("a", ""), ("abc", "A%"), ("ab", "%ab%ab"), ("abc", "a\\%c"), ("aba", "%ab%ba"), ("", "_")]
        {
            assert!(!like(text, pattern), "{text} like {pattern}");
        }
        assert_eq!(Pattern::read("ab\\", Some('\\'), false), None);
        assert!(Pattern::read("a\\", None, false).expect("a pattern").matches("a\\"));
    }

    #[test]
    fn exploding_patterns_do_not() {
        let text = "a".repeat(100_000);
        assert!(!like(&text, &("%a".repeat(500) + "b")));
        assert!(!like(&text, &format!("%{}b%", "a_".repeat(1_000))));
    }

    #[test]
    fn other_forms_say_the_same() {
        let pattern = Pattern::read("x!%*%_[", Some('!'), false).expect("a pattern");
        assert_eq!((pattern.glob().as_str(), pattern.with_escapes('\\').as_str()), ("x%[*]*?[[]", "x\\%*%_["));
    }
}
