//! What can be seen of a name. A name that looks like another is somebody else's disguise.

use icu_properties::props::{
    DefaultIgnorableCodePoint, EmojiModifier, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup, Script,
};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::is_nfkc;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
/// Asks for the colourful form of the character before it.
const EMOJI_PRESENTATION: char = '\u{fe0f}';
const EMOJI_KEYCAP: char = '\u{20e3}';

/// Empty by their shape alone, of which no property tells: the Braille pattern without dots, a note without a head.
const BLANK: [char; 2] = ['\u{2800}', '\u{1d159}'];

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

fn is_one_of(c: char, group: GeneralCategoryGroup) -> bool {
    group.contains(category(c))
}

/// Whether nobody sees it, or only by what it does to others: what is ignored by default, formats, directions, other ends
/// of lines.
pub(super) fn is_invisible(c: char) -> bool {
    const KINDS: GeneralCategoryGroup = GeneralCategoryGroup::Format
        .union(GeneralCategoryGroup::LineSeparator)
        .union(GeneralCategoryGroup::ParagraphSeparator);
    is_one_of(c, KINDS) || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) || BLANK.contains(&c)
}

/// Whether an invisible character is needed where it stands: in an emoji, or between letters of a script that is written
/// joined (Persian, Hindi, Sinhala, …).
fn is_needed(c: char, before: Option<char>, after: Option<char>) -> bool {
    let is_pictogram = |c: char| CodePointSetData::new::<ExtendedPictographic>().contains(c);
    let ends_pictogram =
        |c: char| is_pictogram(c) || c == EMOJI_PRESENTATION || CodePointSetData::new::<EmojiModifier>().contains(c);
    match (before, c, after) {
        (Some(before), EMOJI_PRESENTATION, after) => is_pictogram(before) || after == Some(EMOJI_KEYCAP),
        (Some(before), ZERO_WIDTH_JOINER, Some(after)) if ends_pictogram(before) => is_pictogram(after),
        (Some(before), ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER, Some(after)) => is_joined(before) && is_joined(after),
        _ => false,
    }
}

fn is_joined(c: char) -> bool {
    const JOINED: [Script; 15] = [
        Script::Arabic,
        Script::Syriac,
        Script::Devanagari,
        Script::Bengali,
        Script::Gurmukhi,
        Script::Gujarati,
        Script::Oriya,
        Script::Tamil,
        Script::Telugu,
        Script::Kannada,
        Script::Malayalam,
        Script::Sinhala,
        Script::Khmer,
        Script::Myanmar,
        Script::Mongolian,
    ];
    JOINED.contains(&CodePointMapData::<Script>::new().get(c))
}

/// Refuses what holds a character that nobody sees.
pub(super) fn all_of(text: &str) -> Result<(), String> {
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if is_invisible(c) && !is_needed(c, before, rest.peek().copied()) {
            return Err(format!("has a character that nobody sees (U+{:04X}); leave it out", u32::from(c)));
        }
        before = Some(c);
    }
    Ok(())
}

/// Refuses a word that mixes scripts, such as one in Latin letters with a Cyrillic `а`.
pub(super) fn one_script_a_word(text: &str) -> Result<(), String> {
    let is_word = |c: char| {
        const WORD: GeneralCategoryGroup =
            GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Mark).union(GeneralCategoryGroup::Number);
        is_one_of(c, WORD) || is_invisible(c)
    };
    text.split(|c| !is_word(c)).try_for_each(one_script)
}

/// Refuses letters of several scripts, unless they are written together: Latin ones beside those of Chinese, Japanese
/// or Korean (the level "highly restrictive" of Unicode Technical Standard 39).
pub(super) fn one_script(text: &str) -> Result<(), String> {
    const TOGETHER: [&[Script]; 3] = [
        &[Script::Latin, Script::Han, Script::Hiragana, Script::Katakana],
        &[Script::Latin, Script::Han, Script::Bopomofo],
        &[Script::Latin, Script::Han, Script::Hangul],
    ];
    let script = CodePointMapData::<Script>::new();
    let mut scripts: Vec<Script> = Vec::new();
    for script in text.chars().map(|c| script.get(c)) {
        if ![Script::Common, Script::Inherited].contains(&script) && !scripts.contains(&script) {
            scripts.push(script);
        }
    }
    let together = |family: &&[Script]| scripts.iter().all(|script| family.contains(script));
    if scripts.len() < 2 || TOGETHER.iter().any(together) {
        return Ok(());
    }
    Err("mixes letters of several scripts, some of which look alike (Latin, Cyrillic, Greek, …); use one".to_owned())
}

/// Refuses, beyond ASCII, what is neither a letter nor a digit, and what only looks like one: letters of full width,
/// ligatures, small and mathematical ones.
pub(super) fn plain(text: &str) -> Result<(), String> {
    const PLAIN: GeneralCategoryGroup =
        GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Mark).union(GeneralCategoryGroup::DecimalNumber);
    let odd = text.chars().find(|c| !c.is_ascii() && !is_one_of(*c, PLAIN));
    let odd = odd.or_else(|| text.chars().find(|c| !is_nfkc(c.encode_utf8(&mut [0; 4]))));
    match odd {
        None => Ok(()),
        Some(c) => {
            Err(format!("`{}` is not allowed in a username; use letters, digits and ASCII signs", c.escape_debug()))
        }
    }
}
