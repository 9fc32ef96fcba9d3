//! The first line of a CSV file: which field each column is.

use anyhow::bail;

use super::{FIELDS, KnownField};
use crate::base::attributes::{AttributeName, PREFIX};

/// What a column is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Field(KnownField),
    Attribute(AttributeName),
}

/// The columns of a file; `None` for one without a name.
pub(super) struct Columns(Vec<Option<Column>>);

impl Columns {
    /// # Errors
    /// When a name is not known, stands there twice, or one that is needed does not.
    pub(super) fn of(head: &csv::ByteRecord) -> anyhow::Result<Self> {
        let (mut columns, mut unknown) = (Vec::new(), Vec::new());
        for name in head {
            let Ok(name) = str::from_utf8(name) else { bail!("is not UTF-8; save it as \"CSV UTF-8\"") };
            let (name, known) = match attribute(name) {
                Some(Ok(attribute)) => (format!("{PREFIX}{attribute}"), Some(Column::Attribute(attribute))),
                Some(Err(fault)) => bail!("{PREFIX}…: {fault}"),
                None => {
                    let name = plain(name);
                    let known = KnownField::of(&name).map(Column::Field);
                    (name, known)
                }
            };
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
            if !columns.contains(&KnownField::of(needed).map(Column::Field)) {
                bail!("has no column `{needed}`; username and name are needed");
            }
        }
        Ok(Self(columns))
    }

    /// What the cell at this place is.
    pub(super) fn at(&self, place: usize) -> Option<&Column> {
        self.0.get(place)?.as_ref()
    }

    /// How many cells a line must have at least: up to the last that has a name.
    pub(super) fn needed(&self) -> usize {
        self.0.iter().rposition(Option::is_some).map_or(0, |last| last + 1)
    }
}

/// What stands around a name by accident.
fn is_around(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}')
}

/// The attribute that a column is, if it is any. Its name is kept as it is: there, case tells.
fn attribute(name: &str) -> Option<Result<AttributeName, String>> {
    let name = name.trim_matches(is_around);
    let (before, attribute) = name.split_at_checked(PREFIX.len())?;
    before.eq_ignore_ascii_case(PREFIX).then(|| attribute.parse())
}

/// A name as people and spreadsheets write it: `Document number`, `USERNAME`, with spaces around it.
fn plain(name: &str) -> String {
    let name = name.trim_matches(is_around);
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
    let about = about.collect::<Vec<_>>().join(" ");
    format!("{about} Known columns: {}, {PREFIX}<name>", FIELDS.join(", "))
}
