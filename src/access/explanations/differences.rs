//! Who gains what and who loses what by a change of policies, counted and by name.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use utoipa::ToSchema;

/// So many people are named of one difference.
const MOST_NAMES: usize = 100;

/// So many differences are told.
const MOST_DIFFERENCES: usize = 1_000;

/// So many of them in the sentence.
const MOST_IN_SUMMARY: usize = 12;

/// To how many rows of a type something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowExtent {
    None,
    /// It depends on the row.
    Some,
    All,
}

/// Whether a change gives or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    Gains,
    Loses,
    /// Before and after it depends on the row, by another condition.
    Differs,
}

/// What becomes of one action on one type.
#[derive(Debug, Serialize, ToSchema)]
pub struct Difference {
    /// The type; `all` for each that no policy names and nobody declared.
    #[serde(rename = "type")]
    #[schema(example = "invoice")]
    pub kind: String,
    /// The id of the row that was sent; not there where rows were not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "12")]
    pub resource: Option<String>,
    /// The action; `all` for each that no policy names.
    #[schema(example = "delete")]
    pub action: String,
    /// Whether they gain, lose, or may do it to other rows.
    pub turn: Turn,
    /// To which rows they may do it now.
    pub before: RowExtent,
    /// And then.
    pub after: RowExtent,
    /// How many resources were looked at, of those that the service has told of; not there for a row that was sent, and where it is told
    /// whether it depends on the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 40)]
    pub resources_looked_at: Option<usize>,
    /// How many people.
    #[schema(example = 2)]
    pub count: usize,
    /// Their usernames, in order of id: the first 100, for who may see what people hold.
    #[schema(example = json!(["eva", "juan"]))]
    pub people: Vec<String>,
    /// Whether whoever is not logged in, too.
    #[schema(example = false)]
    pub anonymous: bool,
}

/// What a change of policies would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct PolicyDiff {
    /// All of it in a sentence.
    #[schema(example = "this gives `delete` on `invoice` to 12 people and takes `read` on `invoice` from 3 people")]
    pub summary: String,
    /// Who gains and who loses what.
    pub differences: Vec<Difference>,
    /// How many people were looked at.
    #[schema(example = 321)]
    pub people: usize,
    /// How many were not, since there are too many: the differences cover only the people looked at. Counted up to 100000.
    #[schema(example = 0)]
    pub people_left_out: usize,
    /// Whether types, actions or differences were left out, since there are too many.
    #[schema(example = false)]
    pub truncated: bool,
    /// Whether policies would decide at all.
    #[schema(example = true)]
    pub policies_decide: bool,
}

/// What something is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct About {
    pub kind: String,
    pub resource: Option<String>,
    pub action: String,
    /// How many of the resources that the service has told of.
    pub looked_at: Option<usize>,
}

#[derive(Debug, Default)]
struct Tally {
    count: usize,
    people: Vec<String>,
    anonymous: bool,
}

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    of_each: BTreeMap<(About, Turn, RowExtent, RowExtent), Tally>,
    pub left_out: bool,
}

impl Tallies {
    /// Notes what changes for somebody, `None` for whoever is not logged in. Nothing is noted where nothing changes.
    pub(super) fn note(
        &mut self,
        about: &About,
        (before, after): (RowExtent, RowExtent),
        differs: bool,
        who: Option<&str>,
    ) {
        let turn = match (after > before, after < before) {
            (true, _) => Turn::Gains,
            (_, true) => Turn::Loses,
            _ if differs => Turn::Differs,
            _ => return,
        };
        let key = (about.clone(), turn, before, after);
        if !self.of_each.contains_key(&key) && self.of_each.len() >= MOST_DIFFERENCES {
            self.left_out = true;
            return;
        }
        let tally = self.of_each.entry(key).or_default();
        match who {
            None => tally.anonymous = true,
            Some(name) => {
                tally.count += 1;
                if tally.people.len() < MOST_NAMES {
                    tally.people.push(name.to_owned());
                }
            }
        }
    }

    /// In order of types and actions.
    pub(super) fn differences(self, tells_names: bool) -> Vec<Difference> {
        let told = self.of_each.into_iter().map(|((about, turn, before, after), tally)| Difference {
            kind: about.kind,
            resource: about.resource,
            action: about.action,
            turn,
            before,
            after,
            resources_looked_at: about.looked_at,
            count: tally.count,
            people: if tells_names { tally.people } else { Vec::new() },
            anonymous: tally.anonymous,
        });
        told.collect()
    }
}

impl Difference {
    fn told(&self) -> String {
        let mut what = format!("`{}` on `{}`", self.action, self.kind);
        if let Some(resource) = &self.resource {
            let _ = write!(what, " {resource}");
        }
        let rows = match (self.before, self.after) {
            (RowExtent::None, RowExtent::Some) | (RowExtent::Some, RowExtent::None) => " (some rows)",
            (RowExtent::Some, RowExtent::All) => " (all rows instead of some)",
            (RowExtent::All, RowExtent::Some) => " (some rows instead of all)",
            _ => "",
        };
        let people = match (self.count, self.anonymous) {
            (0, _) => "whoever is not logged in".to_owned(),
            (1, false) => "1 person".to_owned(),
            (count, false) => format!("{count} people"),
            (1, true) => "1 person and whoever is not logged in".to_owned(),
            (count, true) => format!("{count} people and whoever is not logged in"),
        };
        match self.turn {
            Turn::Gains => format!("gives {what}{rows} to {people}"),
            Turn::Loses => format!("takes {what}{rows} from {people}"),
            Turn::Differs => format!("lets {people} do {what} to other rows"),
        }
    }
}

/// All of it in a sentence, which says so where it is not all (`left_out`).
pub(super) fn summary(differences: &[Difference], left_out: bool) -> String {
    let rest = if left_out { "; not all was looked at" } else { "" };
    if differences.is_empty() {
        let nothing = if left_out { "nothing was found that this changes" } else { "this changes nothing for anybody" };
        return format!("{nothing}{rest}");
    }
    let mut told: Vec<String> = differences.iter().take(MOST_IN_SUMMARY).map(Difference::told).collect();
    if differences.len() > MOST_IN_SUMMARY {
        told.push(format!("makes {} more differences", differences.len() - MOST_IN_SUMMARY));
    }
    let last = told.pop().unwrap_or_default();
    if told.is_empty() { format!("this {last}{rest}") } else { format!("this {} and {last}{rest}", told.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_promises_nothing_of_what_was_not_looked_at() {
        assert_eq!(summary(&[], false), "this changes nothing for anybody");
        assert_eq!(summary(&[], true), "nothing was found that this changes; not all was looked at");
        let mut tallies = Tallies::default();
        let about = About { kind: "invoice".into(), resource: None, action: "read".into(), looked_at: None };
        tallies.note(&about, (RowExtent::None, RowExtent::All), false, Some("ada"));
        let differences = tallies.differences(true);
        let told = "this gives `read` on `invoice` to 1 person";
        assert_eq!(summary(&differences, false), told);
        assert_eq!(summary(&differences, true), format!("{told}; not all was looked at"));
    }
}
