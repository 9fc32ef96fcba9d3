use time::OffsetDateTime;

use super::permission::BuiltIn;
use super::{Acting, Can, Means, api_keys, can, effective, store};
use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, RoleId, ServiceId};
use crate::gate::Gate;
use crate::gate::audit::{Actor, AuditedTx, By};
use crate::platform::database::Transaction;
use crate::platform::http::credential;

/// What a change is about, to be locked before it is judged.
#[derive(Clone, Debug, Default)]
pub struct LockScope {
    people: Vec<PersonId>,
    may_unmake_an_administrator: bool,
}

impl LockScope {
    /// Somebody, what they are and what they hold.
    pub fn person(person: PersonId) -> Self {
        Self { people: vec![person], may_unmake_an_administrator: false }
    }

    /// Several people, what they are and what they hold.
    pub fn people(people: impl IntoIterator<Item = PersonId>) -> Self {
        Self { people: people.into_iter().collect(), may_unmake_an_administrator: false }
    }

    /// A role in a service.
    pub fn role(service: ServiceId, role: RoleId) -> Self {
        Self::grants([], service, [role])
    }

    /// Somebody's role in a service.
    pub fn grant(person: PersonId, service: ServiceId, role: RoleId) -> Self {
        Self::grants([person], service, [role])
    }

    /// What these people hold in a service, and the roles that they may lose.
    pub fn grants(
        people: impl IntoIterator<Item = PersonId>,
        service: ServiceId,
        roles: impl IntoIterator<Item = RoleId>,
    ) -> Self {
        let administrator = (ServiceId::PORTERO, RoleId::ADMINISTRATOR);
        let may_unmake_an_administrator = roles.into_iter().any(|role| (service, role) == administrator);
        Self { people: people.into_iter().collect(), may_unmake_an_administrator }
    }

    /// The end of these people.
    pub fn removal(people: impl IntoIterator<Item = PersonId>) -> Self {
        Self { people: people.into_iter().collect(), may_unmake_an_administrator: true }
    }

    /// Whether it may leave Portero with fewer administrators.
    pub fn may_unmake_an_administrator(&self) -> bool {
        self.may_unmake_an_administrator
    }
}

impl<P: BuiltIn> Can<P> {
    /// Who acts, to be asked what they hold.
    pub fn acting(&self) -> Acting {
        self.means.of(self.actor)
    }

    /// The caller, as the audit trail tells of them.
    pub fn by(&self, gate: &Gate) -> By {
        By { actor: Actor::Person(self.actor), origin: self.origin.clone(), now: gate.clock.now() }
    }

    /// Begins a change: locks what it is about, people in the order of their ids, and asks again whether the caller may
    /// make it. Until it is committed nobody can disable them or take the permission from them.
    ///
    /// # Errors
    /// 401 `invalid_token` or 403 when that has happened since the request came.
    pub async fn begin(&self, gate: &Gate, about: LockScope) -> Result<AuditedTx> {
        let mut tx = gate.db.begin().await?;
        if about.may_unmake_an_administrator {
            store::queue_for_administrators(&mut tx).await?;
        }
        let (before, after): (Vec<PersonId>, Vec<PersonId>) =
            about.people.into_iter().partition(|person| *person < self.actor);
        store::people::lock_all(&mut tx, &before).await?;
        if !after.contains(&self.actor) {
            store::people::hold(&mut tx, self.actor).await?;
        }
        store::people::lock_all(&mut tx, &after).await?;
        self.still_stands(gate, tx).await
    }

    /// Makes a change of what another transaction has prepared for it.
    pub async fn begin_in(&self, gate: &Gate, mut tx: Transaction) -> Result<AuditedTx> {
        store::people::hold(&mut tx, self.actor).await?;
        self.still_stands(gate, tx).await
    }

    /// When what the caller makes by this permission is to end: as they `wanted` it (`None` is never, nothing is as long
    /// as they may), and no later than the permission itself. To be asked in the change that makes it.
    ///
    /// # Errors
    /// 403 `insufficient_permissions` for what would outlive it.
    pub async fn end_of_what_is_made(
        &self,
        tx: &mut AuditedTx,
        wanted: Option<Option<OffsetDateTime>>,
    ) -> Result<Option<OffsetDateTime>> {
        let now = tx.by().now;
        let held = effective::store::held_until(tx, self.acting(), P::ID, self.service, now).await?;
        let until = held.ok_or_else(can::lacks::<P>)?;
        match (wanted, until) {
            (None, until) => Ok(until),
            (Some(wanted), None) => Ok(wanted),
            (Some(Some(end)), Some(until)) if end <= until => Ok(Some(end)),
            (Some(_), Some(_)) => Err(Error::forbidden(
                "insufficient_permissions",
                format!("your `{}` expires, and this would outlast it: choose an earlier expiry", P::NAME),
            )),
        }
    }

    /// Asks again whether the caller may, in the middle of long work, which keeps their session alive.
    ///
    /// # Errors
    /// 401 or 403 when they have lost their session or the permission.
    pub async fn check_again(&self, gate: &Gate) -> Result<()> {
        let now = gate.clock.now();
        if let Means::Session(token) = self.means {
            crate::gate::check::check(gate, token, None).await?;
        }
        let mut conn = gate.db.read().await?;
        if !api_keys::store::stands(&mut conn, self.acting(), now).await? {
            return Err(credential::invalid_api_key());
        }
        let may = effective::store::holds(&mut conn, self.acting(), P::ID, self.service, Some(now)).await?;
        if may { Ok(()) } else { Err(can::lacks::<P>()) }
    }

    /// Asks again whether the caller may, now that nobody can change that.
    async fn still_stands(&self, gate: &Gate, mut tx: Transaction) -> Result<AuditedTx> {
        let by = self.by(gate);
        let holds_permission = match self.means {
            Means::Session(token) => {
                let caller =
                    effective::store::reauthorize(&mut tx, token, self.actor, P::ID, self.service, by.now).await?;
                if !caller.has_session {
                    return Err(credential::invalid());
                }
                caller.holds_permission
            }
            Means::ApiKey(key) => {
                api_keys::store::act_by(&mut tx, key, self.actor, by.now).await?;
                effective::store::holds(&mut tx, self.acting(), P::ID, self.service, Some(by.now)).await?
            }
        };
        if !holds_permission {
            return Err(can::lacks::<P>());
        }
        Ok(AuditedTx::new(tx, by))
    }
}
