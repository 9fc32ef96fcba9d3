//! Somebody gets an authenticator: they are shown a secret, and show by two codes that it has arrived.

use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::recovery_codes::{RecoveryCodes, ShownCodes};
use super::store::totp::{NewTotp, SealedTotp};
use super::{Code, FactorName, Method, TotpSecret, qr_code, store};
use crate::base::error::{Error, Result};
use crate::base::id::{FactorId, PersonId};
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::identity::Identity;
use crate::identity::mail::{self, Content};
use crate::identity::people;
use crate::platform::shares::Asker;

/// More authenticators than anybody has.
const MOST: i64 = 10;

/// An authenticator that awaits its confirmation. The secret is shown once.
#[derive(Serialize, ToSchema)]
pub struct Enrolment {
    /// What it is confirmed by.
    pub id: FactorId,
    /// `totp`.
    #[serde(rename = "type")]
    kind: Method,
    /// What you call it.
    #[schema(example = "My phone")]
    name: String,
    /// For who types it: base32.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    pub secret: String,
    /// What authenticators read.
    #[schema(example = "otpauth://totp/Portero:ada?secret=JBSWY3DPEHPK3PXP&issuer=Portero")]
    pub otpauth_uri: String,
    /// The same as a QR code: an `svg` element.
    #[schema(example = "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>")]
    pub qr_svg: String,
}

impl std::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Enrolment({})", self.id)
    }
}

/// Makes an authenticator for somebody, which opens nothing before it is confirmed. One that they have begun before is forgotten. To be done under a
/// lock of the person.
///
/// # Errors
/// 409 `too_many_factors`.
pub async fn begin(
    identity: &Identity,
    conn: &mut PgConnection,
    person: PersonId,
    name: &FactorName,
    now: OffsetDateTime,
) -> Result<Enrolment> {
    if store::totp::count(&mut *conn, person).await? >= MOST {
        let detail = format!("nobody has more than {MOST} authenticators: remove one first");
        return Err(Error::conflict("too_many_factors", detail));
    }
    let secret = TotpSecret::of(&identity.random()?);
    let (sealed, sealed_by) = secret.seal(&identity.vault, &identity.db).await?;
    let new = NewTotp { person, name, secret: &sealed, sealed_by: &sealed_by, now };
    let id = store::totp::insert(&mut *conn, &new).await?;
    shown(identity, conn, person, (id, name.as_str().to_owned(), &secret)).await
}

/// Shows an authenticator once more that somebody has begun a moment ago, and nobody else has been shown; `None` where it was confirmed or forgotten.
pub async fn again(
    identity: &Identity,
    conn: &mut PgConnection,
    person: PersonId,
    id: FactorId,
) -> Result<Option<Enrolment>> {
    let Some(SealedTotp { id, name, secret }) = store::totp::unconfirmed(&mut *conn, person, id).await? else {
        return Ok(None);
    };
    let secret = TotpSecret::open(&secret, &identity.vault, &identity.db).await?;
    shown(identity, conn, person, (id, name, &secret)).await.map(Some)
}

async fn shown(
    identity: &Identity,
    conn: &mut PgConnection,
    person: PersonId,
    (id, name, secret): (FactorId, String, &TotpSecret),
) -> Result<Enrolment> {
    let account = people::store::get(conn, person).await?.username;
    let otpauth_uri = secret.address(&identity.settings.name, &account)?;
    let qr_svg = qr_code(&otpauth_uri)?;
    let (secret, otpauth_uri) = (secret.text().to_string(), otpauth_uri.to_string());
    Ok(Enrolment { id, kind: Method::Totp, name, secret, otpauth_uri, qr_svg })
}

/// Two codes that were right, and the recovery codes that come with somebody's first factor.
#[derive(Debug)]
pub struct Confirmation {
    factor: SealedTotp,
    step: i64,
    codes: Option<RecoveryCodes>,
}

impl Confirmation {
    /// Compares two codes that follow each other with an authenticator that awaits its confirmation. `None` where they are wrong.
    ///
    /// # Errors
    /// 404 `factor_not_found`; 503 when too many passwords are being hashed.
    pub async fn of(
        identity: &Identity,
        asker: &Asker,
        (person, factor): (PersonId, FactorId),
        codes: [&Code; 2],
    ) -> Result<Option<Self>> {
        let mut conn = identity.db.read().await?;
        let factor = store::totp::unconfirmed(&mut conn, person, factor).await?.ok_or_else(not_begun)?;
        drop(conn);
        let secret = TotpSecret::open(&factor.secret, &identity.vault, &identity.db).await?;
        let Some(step) = secret.step_of_two(codes, identity.clock.now()) else { return Ok(None) };
        let codes = RecoveryCodes::with_first_factor(identity, asker, person).await?;
        Ok(Some(Self { factor, step, codes }))
    }

    /// Makes it one of the person's factors, and tells of it; answers the recovery codes, to be shown once, where they had none. To be done under a
    /// lock of the person.
    ///
    /// # Errors
    /// 404 `factor_not_found` when it was confirmed or forgotten meanwhile.
    pub async fn keep(self, tx: &mut AuditedTx, identity: &Identity, person: PersonId) -> Result<Option<ShownCodes>> {
        let now = tx.by().now;
        let Self { factor: SealedTotp { id, name, .. }, step, codes } = self;
        if !store::totp::confirm(tx, person, id, step, now).await? {
            return Err(not_begun());
        }
        mail::queue(tx, identity, person, &Content::FactorAdded { name: name.clone() }, None).await?;
        tx.tell(Event::new(Action::FactorAdded).about(person).after(json!({"id": id, "type": "totp", "name": name})));
        keep_first_codes(tx, person, codes).await
    }
}

/// Keeps the recovery codes that come with somebody's first factor, unless they got some meanwhile; answers them, to be shown once. To be done under a lock of
/// the person.
pub async fn keep_first_codes(
    tx: &mut AuditedTx,
    person: PersonId,
    codes: Option<RecoveryCodes>,
) -> Result<Option<ShownCodes>> {
    match codes {
        Some(codes) if store::recovery::count(tx, person).await? == 0 => keep_codes(tx, person, codes).await.map(Some),
        _ => Ok(None),
    }
}

/// Makes a set of recovery codes the only one that somebody has; answers it, to be shown once. To be done under a lock of the person.
pub async fn keep_codes(tx: &mut AuditedTx, person: PersonId, codes: RecoveryCodes) -> Result<ShownCodes> {
    let now = tx.by().now;
    store::recovery::replace(tx, person, codes.stored(), now).await?;
    tx.tell(Event::new(Action::RecoveryCodesCreated).about(person).after(json!({"codes": codes.stored().len()})));
    Ok(codes.into_shown())
}

/// 404 `factor_not_found`.
pub fn not_begun() -> Error {
    Error::not_found("factor_not_found", "no authenticator of yours awaits its confirmation by that id: begin again")
}
