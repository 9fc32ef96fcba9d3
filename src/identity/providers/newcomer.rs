//! Somebody whom nobody here knows registers by their account at a provider.

use super::arrive::At;
use super::store::links;
use super::{Account, Newcomers, Refusal, Returned, Told, follow, link};
use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, ProviderLinkId};
use crate::base::person::{PersonName, Username};
use crate::gate::audit::{Actor, AuditedTx, By};
use crate::identity::Identity;
use crate::identity::accounts::{self, WhoMayRegister, begin_verification};
use crate::identity::mail::GivenBy;
use crate::identity::people::store::{NewRow, must_be_free};
use crate::identity::people::{self, RegisteredBy};

/// Of a username that others have so many variations are tried.
const VARIATIONS: usize = 20;

/// The longest username that is made of what a provider says, so that a number fits behind it.
const LONGEST: usize = 60;

/// Registers somebody without a password, links the account that they came by, and spends their invitation: one transaction.
///
/// # Errors
/// 409 `user_exists` where somebody else took the username at the same time; 429 `too_many_mails`.
pub(super) async fn register(
    identity: &Identity,
    returned: &Returned,
    at: At<'_>,
) -> Result<Told<(ProviderLinkId, PersonId)>> {
    let Returned { partner, login, account } = returned;
    let now = identity.clock.now();
    let by = By { actor: Actor::Anonymous, origin: at.origin.clone(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    let who = if partner.newcomers == Newcomers::Open { WhoMayRegister::Open } else { WhoMayRegister::Invite };
    let admitted = match accounts::admit(&mut tx, who, login.invitation, now).await {
        Ok(admitted) => admitted,
        Err(Error::Refused(_)) => return Ok(Err(Refusal::NotInvited)),
        Err(error) => return Err(error),
    };
    let invitation = admitted.as_ref().map(|admitted| admitted.invitation);
    let proved = admitted.and_then(|admitted| admitted.proved);
    let username = free_username(&mut tx, account).await?;
    let name = account.name().and_then(|name| name.parse::<PersonName>().ok());
    let name = name.map_or_else(|| username.as_str().parse(), Ok);
    let name: PersonName = name.map_err(|fault: String| Error::invalid_field("name", &fault))?;
    // What a provider says is verified is not proved to us: whoever runs one could plant an address before its owner comes.
    let told = match account.verified_email() {
        Some(email) if proved.is_none() && links::is_free(&mut tx, &email).await? => Some(email),
        _ => None,
    };
    let unproved = told.as_ref().filter(|_| !identity.mailer.is_open());
    let row = NewRow { email: unproved, locale: Some(at.locale), ..NewRow::of(&username, &name) };
    let by = RegisteredBy::Oneself { invitation, proved: proved.as_ref() };
    let person = people::register(&mut tx, &row, by).await??.id;
    if let Some(invitation) = invitation {
        accounts::store::spend(&mut tx, invitation, person, now).await?;
    }
    if let (None, Some(email)) = (unproved, &told) {
        verify(&mut tx, identity, (person, email), at).await?;
    }
    let linked = link::link(&mut tx, identity, partner, (&account.subject, account.shown().as_deref()), person).await?;
    let link = match linked {
        Ok(link) => link,
        Err(refusal) => return Ok(Err(refusal)),
    };
    follow::follow(&mut tx, partner, account, person).await?;
    links::note_use(&mut tx, link, None, now).await?;
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(Ok((link, person)))
}

async fn verify(
    tx: &mut AuditedTx,
    identity: &Identity,
    (person, email): (PersonId, &Email),
    at: At<'_>,
) -> Result<()> {
    let asker = GivenBy { person: None, address: at.origin.address };
    match begin_verification(tx, identity, person, email, asker, Some(at.locale)).await {
        // They come in without an address then.
        Err(Error::Refused(_)) | Ok(()) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A username that nobody has, made of what the provider says.
async fn free_username(tx: &mut AuditedTx, account: &Account) -> Result<Username> {
    let nobody = PersonId(i32::MIN);
    let made = account.usernames().find_map(plain).unwrap_or_else(|| "user".to_owned());
    let numbered = (2..=VARIATIONS).map(|n| format!("{made}-{n}"));
    let by_chance = hex::encode(&sha2_of(&account.subject)[..6]);
    for candidate in [made.clone()].into_iter().chain(numbered).chain([format!("{made}-{by_chance}")]) {
        let Ok(username) = candidate.parse::<Username>() else { continue };
        match must_be_free(tx, nobody, &username).await {
            Ok(()) => return Ok(username),
            Err(Error::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::conflict("user_exists", "no username is free that could be made of what the provider says"))
}

fn sha2_of(text: &str) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).into()
}

/// A username as it can be one here; `None` where nothing is left of it.
fn plain(text: &str) -> Option<String> {
    let text: String = text.chars().take(LONGEST).collect();
    if !text.contains(char::is_alphanumeric) {
        return None;
    }
    if text.parse::<Username>().is_ok() {
        return Some(text);
    }
    let text: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).collect();
    let text = text.trim_matches(['.', '-', '_']).to_owned();
    text.parse::<Username>().is_ok().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_made_plain() {
        for (said, made) in [
            ("ada", Some("ada")),
            ("ada lovelace\u{0}", Some("adalovelace")),
            ("client:ada", Some("clientada")),
            ("7", None),
            ("---", None),
            ("", None),
        ] {
            assert_eq!(plain(said).as_deref(), made, "{said:?}");
        }
        assert_eq!(plain(&"a".repeat(200)).map(|text| text.len()), Some(LONGEST));
    }
}
