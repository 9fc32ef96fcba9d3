//! Somebody registers themselves.

use std::str::FromStr;

use serde::Deserialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::invitation::PresentedInvitation;
use super::{begin_verification, store};
use crate::base::amr::Amr;
use crate::base::email::Email;
use crate::base::error::{Error, Result};
use crate::base::id::InvitationId;
use crate::base::locale::Locale;
use crate::base::opaque::mail_token::Purpose;
use crate::base::person::{PersonName, Username};
use crate::gate::audit::{Actor, AuditedTx, By, Origin};
use crate::identity::Identity;
use crate::identity::factors::{FirstStep, Pending};
use crate::identity::login::Entered;
use crate::identity::mail::GivenBy;
use crate::identity::mail::store::tokens;
use crate::identity::people::store::NewRow;
use crate::identity::people::{self, RegisteredBy};
use crate::identity::sessions::{Entrant, Proof, begin};
use crate::platform::passwords::Password;
use crate::platform::shares::Asker;

/// Who may register (`REGISTRATION`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhoMayRegister {
    /// Nobody: administrators register people.
    Off,
    /// Whoever has an invitation.
    Invite,
    /// Anybody.
    Open,
}

impl FromStr for WhoMayRegister {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "invite" => Ok(Self::Invite),
            "open" => Ok(Self::Open),
            _ => Err(format!("`{text}` is none of off, invite, open")),
        }
    }
}

/// The person who registers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"username": "ada", "password": "correct horse battery", "name": "Ada Quispe"}))]
pub struct Registration {
    /// Their username.
    #[serde(alias = "login")]
    pub username: Username,
    /// Their password.
    pub password: Password,
    /// Their name; the username by default.
    #[serde(default, alias = "display_name")]
    pub name: Option<PersonName>,
    /// Their e-mail address, which takes effect once verified.
    #[serde(default)]
    pub email: Option<Email>,
    /// An invitation, if one is required.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub invitation: Option<PresentedInvitation>,
    /// Whether to return a refresh token.
    #[serde(default)]
    #[schema(default = false, example = false)]
    pub refresh: bool,
}

/// Registers somebody and logs them in, in one transaction: an invitation is spent if they are registered.
///
/// # Errors
/// 403 `registration_closed`, or `invalid_invitation` for one that is missing, unknown, used or expired; 409
/// `user_exists`, which who is not invited does not hear, or `email_taken` where no mail could prove the address;
/// 400 where the policy refuses the password; 429 `too_many_mails` where too many addresses to verify come from; 503 when too many passwords are being hashed.
pub async fn register(
    identity: &Identity,
    origin: &Origin,
    user_agent: Option<&str>,
    locale: Option<Locale>,
    new: Registration,
) -> Result<Entered> {
    if identity.settings.registration == WhoMayRegister::Off {
        return Err(Error::forbidden(
            "registration_closed",
            "people can't register themselves here; ask an administrator",
        ));
    }
    let about =
        [Some(new.username.as_str()), new.name.as_ref().map(PersonName::as_str), new.email.as_ref().map(Email::as_str)];
    let about: Vec<&str> = about.into_iter().flatten().collect();
    // Who is not invited costs next to nothing. The time may tell: nobody guesses 256 random bits.
    let asker = asker(identity, origin, new.invitation).await?;
    identity.judge.accept(&asker, &new.password, &about).await?;
    let hash = identity.hasher.hash(&asker, new.password).await?;
    let name = new.name.map_or_else(|| new.username.as_str().parse(), Ok);
    let name: PersonName = name.map_err(|fault: String| Error::invalid_field("username", &fault))?;

    let now = identity.clock.now();
    let by = By { actor: Actor::Anonymous, origin: origin.clone(), now };
    let mut tx = AuditedTx::new(identity.db.begin().await?, by);
    let admitted = admit(&mut tx, identity.settings.registration, new.invitation, now).await?;
    let invitation = admitted.as_ref().map(|admitted| admitted.invitation);
    // Where no mail can be sent, an address is taken as an administrator's word for it is: not proved.
    let unproved = new.email.as_ref().filter(|_| !identity.mailer.is_open());
    // Whoever was invited there has read a mail that was sent there.
    let proved = match (admitted.as_ref().and_then(|admitted| admitted.proved.as_ref()), &new.email) {
        (Some(proved), Some(email)) => proved.is_same(email).then_some(email),
        (proved, _) => proved,
    };
    let row = NewRow { password_hash: Some(&hash), email: unproved, ..NewRow::of(&new.username, &name) };
    let person = people::register(&mut tx, &row, RegisteredBy::Oneself { invitation, proved }).await??.id;
    if let Some(invitation) = invitation {
        store::spend(&mut tx, invitation, person, now).await?;
    }
    if let (None, None, Some(email)) = (unproved, proved, &new.email) {
        let asker = GivenBy { person: None, address: origin.address };
        begin_verification(&mut tx, identity, person, email, asker, locale).await?;
    }
    let (refresh, now) = (new.refresh, identity.clock.now());
    let entered = if identity.settings.require_mfa.asks(false) {
        let first = FirstStep { person, verified: Some(&hash), amr: Amr::PWD, methods: &[], refresh };
        Entered::SecondFactor(Pending::begin(identity, &mut tx, &first, now).await?)
    } else {
        let proof = if invitation.is_some() { Proof::Invitation } else { Proof::Registration };
        let entrant = Entrant { person, proof, origin, user_agent, refresh, now };
        let began = begin(identity, &mut tx, &entrant).await?;
        Entered::In(
            began.ok_or_else(|| Error::Internal(anyhow::anyhow!("no session of somebody who has just registered")))?,
        )
    };
    tx.commit([]).await?;
    identity.mailer.wake();
    Ok(entered)
}

/// Who registers, where turns go round: whoever is invited, by their invitation; all others of a network together.
async fn asker(identity: &Identity, origin: &Origin, presented: Option<PresentedInvitation>) -> Result<Asker> {
    let who = identity.settings.registration;
    if presented.is_none() && who == WhoMayRegister::Open {
        return Ok(Asker::strangers("registration", origin.address));
    }
    let admitted = admitted_by(identity, presented).await?;
    let who = format!("invitation:{}", admitted.invitation.0).into();
    Ok(Asker { who, network: Some(origin.network()), known: true })
}

/// What an invitation would let in. Nothing is spent before they are registered.
async fn admitted_by(identity: &Identity, presented: Option<PresentedInvitation>) -> Result<Admitted> {
    let presented = presented.filter(|presented| !matches!(presented, PresentedInvitation::Other));
    let presented = presented.ok_or_else(invalid_invitation)?;
    let mut tx = identity.db.begin().await?;
    let admitted = admit(&mut tx, identity.settings.registration, Some(presented), identity.clock.now()).await?;
    tx.rollback().await?;
    admitted.ok_or_else(invalid_invitation)
}

/// Whether this was an invitation once and lets nobody in any more. What never was one is told when it is used.
pub async fn is_invitation_over(identity: &Identity, presented: PresentedInvitation) -> Result<bool> {
    if matches!(presented, PresentedInvitation::Other) {
        return Ok(false);
    }
    match admitted_by(identity, Some(presented)).await {
        Ok(_) => Ok(false),
        Err(Error::Refused(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// What lets somebody in.
#[derive(Debug)]
pub struct Admitted {
    pub invitation: InvitationId,
    /// The address that it was sent to, if it came by mail.
    pub proved: Option<Email>,
}

/// The invitation that lets somebody in, where one is needed or presented.
///
/// # Errors
/// 403 `invalid_invitation`.
pub async fn admit(
    tx: &mut PgConnection,
    who: WhoMayRegister,
    presented: Option<PresentedInvitation>,
    now: OffsetDateTime,
) -> Result<Option<Admitted>> {
    let (secret, mailed) = match presented {
        None if who == WhoMayRegister::Open => return Ok(None),
        None | Some(PresentedInvitation::Other) => return Err(invalid_invitation()),
        Some(PresentedInvitation::HandedOver(secret)) => (Some(secret), None),
        Some(PresentedInvitation::Mailed(token)) => {
            let spent = tokens::spend(tx, Purpose::Invitation, token, now).await?;
            (None, Some(spent.ok_or_else(invalid_invitation)?))
        }
    };
    let invitation = store::claim(tx, secret, mailed.as_ref().map(|spent| spent.mail), now).await?;
    let invitation = invitation.ok_or_else(invalid_invitation)?;
    Ok(Some(Admitted { invitation, proved: mailed.map(|spent| spent.email) }))
}

fn invalid_invitation() -> Error {
    Error::forbidden("invalid_invitation", "registration needs a valid invitation; ask an administrator for one")
}
