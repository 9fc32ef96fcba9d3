//! Why there is no connection to a primary.

use std::fmt;

/// What a transaction behind a pooler fails with, before it does anything, where it has come to a server that does not
/// write: the server behind may change while the connection to the pooler stays.
pub const NOT_WRITABLE: &str = "this Postgres is read-only, and so not the primary";

/// Why a server that answers is not to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// `pg_is_in_recovery()`.
    Standby,
    /// `default_transaction_read_only`.
    ReadOnly,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standby => "a standby, in recovery",
            Self::ReadOnly => "read-only",
        })
    }
}

/// Why there is no connection to a server.
#[derive(Clone, Debug)]
pub enum ConnectFailure {
    /// It must not be used.
    Unfit(Unfit),
    /// It can't be reached, or does not let us in.
    Failed {
        /// What went wrong.
        text: String,
        /// Whether a pooler has said so, which does not like our settings.
        by_a_pooler: bool,
    },
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit(unfit) => unfit.fmt(f),
            Self::Failed { text, .. } => f.write_str(text),
        }
    }
}

/// No server may be used, or can be.
#[derive(Clone, Debug)]
pub struct NoPrimary {
    /// Each server, and why not.
    tried: Vec<(String, ConnectFailure)>,
    database: String,
}

impl NoPrimary {
    /// Each server by name, and why not.
    pub fn new(tried: Vec<(String, ConnectFailure)>, database: &str) -> Self {
        Self { tried, database: database.to_owned() }
    }

    /// Whether a pooler has said so, which does not like our settings.
    pub fn is_because_of_a_pooler(&self) -> bool {
        self.tried.iter().any(|(_, why)| matches!(why, ConnectFailure::Failed { by_a_pooler: true, .. }))
    }

    /// What is wrong with a server that answers, if one does.
    pub fn unfit(&self) -> Option<Unfit> {
        self.tried.iter().find_map(|(_, why)| match why {
            ConnectFailure::Unfit(unfit) => Some(*unfit),
            ConnectFailure::Failed { .. } => None,
        })
    }

    /// What callers hear, who are not to hear of our servers.
    pub fn in_short(&self) -> &'static str {
        match self.unfit() {
            Some(Unfit::Standby) => {
                "Postgres is a standby, in recovery: Portero answers again when it reaches the primary"
            }
            Some(Unfit::ReadOnly) => "Postgres is read-only: Portero answers again when it reaches a writable primary",
            None => "Postgres can't be reached: Portero answers again when it can",
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        if self.unfit().is_some() {
            "let AUTH_DATABASE_URL lead to the primary, or name all servers, as in postgres://portero@host1,host2/portero"
        } else {
            "start Postgres, or mend AUTH_DATABASE_URL"
        }
    }
}

impl fmt::Display for NoPrimary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tried[..] {
            [(server, ConnectFailure::Unfit(unfit))] => {
                write!(f, "Postgres at {server} is {unfit}; Portero writes, and needs the primary")
            }
            [(server, why)] => write!(f, "can't connect to Postgres at {server}, database {}: {why}", self.database),
            servers => {
                write!(f, "no primary among the servers of database {}: ", self.database)?;
                let each = servers.iter().map(|(server, why)| format!("{server}: {why}"));
                f.write_str(&each.collect::<Vec<_>>().join("; "))
            }
        }
    }
}

impl std::error::Error for NoPrimary {}

/// What a transaction behind a pooler has come to, if that is why it failed.
pub fn came_to_an_unfit(error: &sqlx::Error) -> Option<NoPrimary> {
    let sqlx::Error::Database(database) = error else { return None };
    let is = database.message().contains(NOT_WRITABLE) || database.code().as_deref() == Some("25006");
    is.then(|| NoPrimary {
        tried: vec![("that address".to_owned(), ConnectFailure::Unfit(Unfit::ReadOnly))],
        database: String::new(),
    })
}
