use unicode_normalization::UnicodeNormalization;

use crate::base::names;

/// A text as it was before other programs wrote it down: without quotes (Python's `b'…'` too), what a shell or a URL takes
/// for `$`, wide characters, and those that nobody sees.
pub(super) fn unquoted(text: &str) -> String {
    let seen: String = text.nfkc().filter(names::is_seen).collect();
    let dollars = ["%24", "\\$", "$$", "&#36;", "&dollar;"];
    let plain = dollars.iter().fold(seen, |text, written| text.replace(written, "$"));
    let quotes = ['"', '\'', '`', '\\'];
    let bare = plain.trim().trim_start_matches('b');
    let bare = if bare.starts_with(quotes) { bare } else { plain.trim() };
    bare.trim_matches(quotes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_down_is_as_it_was() {
        let hash = "$2b$05$abcdefghijklmnopqrstuu";
        for written in [
            hash.to_owned(),
            format!("b'{hash}'"),
            format!("b\"{hash}\""),
            format!(" '{hash}'\n"),
            format!("\"{hash}\\\""),
            format!("\u{feff}\u{200b}{hash}\u{200b}"),
            hash.replace('$', "\\$"),
            hash.replace('$', "%24"),
            hash.replace('$', "$$"),
            hash.replace('$', "\u{ff04}"),
            hash.replace('2', "\u{ff12}"),
            hash.replace('$', "&#36;"),
        ] {
            assert_eq!(unquoted(&written), hash, "{written}");
        }
        for other in ["banana", "b", "", "correct horse battery", "b$cd"] {
            assert_eq!(unquoted(other), other);
        }
    }
}
