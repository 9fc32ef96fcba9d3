use std::collections::BTreeSet;

use super::line::ParsedPerson;
use crate::identity::people::DocumentType;

/// How many digits a DNI has.
const DNI: usize = 8;

/// What whoever imports a file ought to know about it, though nothing is wrong.
#[derive(Clone, Debug, Default)]
pub struct Remarks {
    left_out: BTreeSet<&'static str>,
    without_password: u64,
    unreachable: u64,
    /// The lines with a DNI that is too short, or the first few of them.
    short: Vec<i64>,
}

impl Remarks {
    /// Notes what a line has that is left out.
    pub(super) fn leave_out(&mut self, field: &'static str) {
        self.left_out.insert(field);
    }

    /// Notes what is to be said of somebody.
    pub(super) fn look_at(&mut self, line: i64, person: &ParsedPerson) {
        if person.password.is_none() && person.password_hash.is_none() {
            self.without_password += 1;
            self.unreachable += u64::from(person.email.is_none());
        }
        let short = matches!(&person.document, Some((DocumentType::Dni, number))
            if number.as_str().len() < DNI && number.as_str().bytes().all(|b| b.is_ascii_digit()));
        if short && self.short.len() < 5 {
            self.short.push(line);
        }
    }

    /// Adds those of other lines.
    pub fn add(&mut self, others: Self) {
        self.left_out.extend(others.left_out);
        self.without_password += others.without_password;
        self.unreachable += others.unreachable;
        self.short.extend(others.short);
        self.short.truncate(5);
    }

    /// Each in a sentence.
    pub fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        if !self.left_out.is_empty() {
            let fields: Vec<&str> = self.left_out.iter().copied().collect();
            said.push(format!("left out, since Portero gives them itself: {}", fields.join(", ")));
        }
        if self.without_password > 0 {
            said.push(format!(
                "{} without a password; each chooses one with a forgotten-password mail, but {} of them have no address: \
                 give these one, or a password",
                self.without_password, self.unreachable
            ));
        }
        if !self.short.is_empty() {
            let lines: Vec<String> = self.short.iter().map(ToString::to_string).collect();
            said.push(format!(
                "a DNI has {DNI} digits, and some here have fewer (line {}…): did a spreadsheet drop the zeros before them?",
                lines.join(", ")
            ));
        }
        said
    }
}
