//! A mail to the address that was: whoever loses it hears of it.

use sqlx::PgConnection;

use super::store;
use crate::base::email::Email;
use crate::base::error::Result;
use crate::base::id::PersonId;
use crate::base::locale::Locale;
use crate::identity::Identity;
use crate::identity::mail::{self, Content};

/// Queues a mail to the address that a person has, if `new` is another. To be called before it is changed.
pub async fn tell_the_old_address(
    conn: &mut PgConnection,
    identity: &Identity,
    person: PersonId,
    new: &Email,
    locale: Option<Locale>,
) -> Result<()> {
    let old = store::email(&mut *conn, person).await?;
    if old.is_some_and(|old| !old.is_same(new)) {
        mail::queue(conn, identity, person, &Content::EmailChanged, locale).await?;
    }
    Ok(())
}
