use super::email_taken;
use crate::base::error::Error;

/// What somebody else has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlreadyTaken {
    Username,
    /// The username but for its case.
    UsernameButForCase,
    Email,
    Document,
}

impl AlreadyTaken {
    /// As a unique index says it.
    pub(super) fn of(error: &sqlx::Error) -> Option<Self> {
        match error.as_database_error()?.constraint()? {
            "person_username_key" => Some(Self::Username),
            "person_username_folded_key" => Some(Self::UsernameButForCase),
            "person_email_key" => Some(Self::Email),
            "person_document_key" => Some(Self::Document),
            _ => None,
        }
    }
}

impl From<AlreadyTaken> for Error {
    /// 409.
    fn from(taken: AlreadyTaken) -> Self {
        let detail = match taken {
            AlreadyTaken::Email => return email_taken(),
            AlreadyTaken::Username => "that username is taken; choose another",
            AlreadyTaken::UsernameButForCase => {
                "another person's username differs from that one only in capital and small letters, which is too little; \
                 choose another"
            }
            AlreadyTaken::Document => "another person is registered with that document",
        };
        Self::conflict("user_exists", detail)
    }
}
