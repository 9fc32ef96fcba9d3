//! Where something stands.

use sqlparser::tokenizer::Location;

use super::Span;

/// From lines and columns to bytes.
pub(super) struct Places<'a> {
    pub(super) text: &'a str,
    /// Where each character begins, and the end.
    bytes: Vec<u32>,
    /// The first character of each line.
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    /// Of a text that is not longer than any policy.
    pub(super) fn of(text: &'a str) -> Self {
        let byte = |at| u32::try_from(at).unwrap_or(u32::MAX);
        let bytes = text.char_indices().map(|(at, _)| byte(at)).chain([byte(text.len())]).collect();
        let ends = text.chars().enumerate().filter(|(_, c)| *c == '\n').map(|(nth, _)| nth + 1);
        Self { text, bytes, lines: std::iter::once(0).chain(ends).collect() }
    }

    fn byte(&self, location: Location) -> u32 {
        let end = self.bytes.last().copied().unwrap_or_default();
        // The end has no place of its own.
        let Some(line) = usize::try_from(location.line).ok().and_then(|line| line.checked_sub(1)) else { return end };
        let column = usize::try_from(location.column).unwrap_or(1).saturating_sub(1);
        let nth = self.lines.get(line).map(|start| start + column);
        nth.and_then(|nth| self.bytes.get(nth)).copied().unwrap_or(end)
    }

    pub(super) fn span(&self, start: Location, end: Location) -> Span {
        Span { start: self.byte(start), end: self.byte(end) }
    }

    pub(super) fn at(&self, location: Location) -> Span {
        let start = self.byte(location);
        Span { start, end: start }
    }
}
