use anyhow::bail;
use tokio_util::sync::CancellationToken;

use super::file::PeopleFile;
use super::line::{self, ParsedPerson, PasswordRules};
use super::remarks::Remarks;
use crate::platform::passwords::Password;

/// How many lines are looked at, at a time.
const LINES: usize = 2000;

/// Some lines of a file, looked at.
#[derive(Debug, Default)]
pub struct LineBatch {
    /// How many there were.
    pub lines: u64,
    /// Who is in them, by line.
    pub people: Vec<(i64, ParsedPerson)>,
    /// Their passwords, which must not lie in the database before they are hashed.
    pub passwords: Vec<(i64, Password)>,
    /// What is wrong with them.
    pub faults: Vec<(i64, String)>,
    /// What else is to be said of them.
    pub remarks: Remarks,
}

/// A file, some lines at a time.
pub struct LineBatches {
    file: PeopleFile,
    rules: PasswordRules,
    wanted: CancellationToken,
}

impl LineBatches {
    /// Of a file, whose passwords and hashes must keep these rules.
    pub fn of(file: PeopleFile, rules: PasswordRules) -> Self {
        Self { file, rules, wanted: CancellationToken::new() }
    }

    /// The same, as long as this is not cancelled.
    #[must_use]
    pub fn while_wanted(self, wanted: CancellationToken) -> Self {
        Self { wanted, ..self }
    }

    /// How much of the file has been read.
    pub fn bytes_read(&self) -> u64 {
        self.file.bytes_read()
    }

    fn read(&mut self) -> anyhow::Result<LineBatch> {
        let mut batch = LineBatch::default();
        while batch.people.len() < LINES
            && batch.faults.len() < LINES
            && let Some((number, fields)) = self.file.next().transpose()?
        {
            // Judging a password takes some ten milliseconds.
            if self.wanted.is_cancelled() {
                bail!("nobody waits for the rest");
            }
            batch.lines += 1;
            let number = i64::try_from(number)?;
            match fields {
                Err(fault) => batch.faults.push((number, fault)),
                Ok(fields) => {
                    fields.left_out().for_each(|field| batch.remarks.leave_out(field));
                    let (mut person, wrong) = line::read(fields, self.rules);
                    batch.remarks.look_at(number, &person);
                    batch.faults.extend(wrong.into_iter().map(|fault| (number, fault)));
                    batch.passwords.extend(person.password.take().map(|password| (number, password)));
                    batch.people.push((number, person));
                }
            }
        }
        Ok(batch)
    }
}

impl Iterator for LineBatches {
    type Item = anyhow::Result<LineBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().map(|batch| (batch.lines > 0).then_some(batch)).transpose()
    }
}
