use time::{OffsetDateTime, UtcOffset};

use crate::pages::words::Words;

/// A moment as people read it: to the minute, in UTC, since nobody says where they are.
pub fn moment(at: OffsetDateTime, words: &Words) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let month = words.account.months[usize::from(u8::from(at.month())) - 1];
    let parts = [at.day().to_string(), month.to_owned(), at.year().to_string()].join(words.account.of);
    format!("{parts}, {:02}:{:02} UTC", at.hour(), at.minute())
}
