//! The first line of a CSV file: which field each column is.

use anyhow::bail;

use super::{FIELDS, KnownField};

/// The columns of a file; `None` for one without a name.
pub(super) struct Columns(Vec<Option<KnownField>>);

impl Columns {
    /// # Errors
    /// When a name is not known, stands there twice, or one that is needed does not.
    pub(super) fn of(head: &csv::ByteRecord) -> anyhow::Result<Self> {
        let (mut columns, mut unknown) = (Vec::new(), Vec::new());
        for name in head {
            let Ok(name) = str::from_utf8(name) else { bail!("is not UTF-8; save it as \"CSV UTF-8\"") };
            let name = plain(name);
            let known = KnownField::of(&name);
            if known.is_some() && columns.contains(&known) {
                bail!("names `{name}` twice");
            }
            if known.is_none() && !name.is_empty() {
                unknown.push(name);
            }
            columns.push(known);
        }
        if !unknown.is_empty() {
            bail!("{}", about(&unknown));
        }
        for needed in ["username", "name"] {
            if !columns.contains(&KnownField::of(needed)) {
                bail!("has no column `{needed}`; username and name are needed");
            }
        }
        Ok(Self(columns))
    }

    /// Which field the cell at this place is.
    pub(super) fn at(&self, place: usize) -> Option<KnownField> {
        self.0.get(place).copied().flatten()
    }

    /// How many cells a line must have at least: up to the last that has a name.
    pub(super) fn needed(&self) -> usize {
        self.0.iter().rposition(Option::is_some).map_or(0, |last| last + 1)
    }
}

/// A name as people and spreadsheets write it: `Document number`, `USERNAME`, with spaces around it.
fn plain(name: &str) -> String {
    let name = name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'));
    name.to_lowercase().replace([' ', '-', '\u{a0}'], "_")
}

fn about(unknown: &[String]) -> String {
    let about = unknown.iter().map(|name| {
        let nearest = FIELDS.iter().map(|field| (strsim::jaro_winkler(name, field), field));
        let nearest = nearest.max_by(|(a, _), (b, _)| a.total_cmp(b)).filter(|(likeness, _)| *likeness > 0.8);
        let name = name.escape_debug();
        match nearest {
            Some((_, field)) => format!("unknown column `{name}`, did you mean `{field}`?"),
            None => format!("unknown column `{name}`."),
        }
    });
    format!("{} Known columns: {}", about.collect::<Vec<_>>().join(" "), FIELDS.join(", "))
}
