//! What is known where somebody asks: of the subject, of the resource, and of what decides.

use std::sync::Arc;

use time::OffsetDateTime;

use super::language::Row;
use super::store::subjects::{Asked, Named};
use super::subjects::{Ask, Known};
use super::{PolicySet, Who};
use crate::access::Access;
use crate::base::error::{Error, Result};
use crate::base::id::{Id, Ref, ServiceId};
use crate::base::opaque::service_key::KeyHash;
use crate::gate::check::{Verdict, check_api_key_list};
use crate::gate::effective::store::holds;
use crate::gate::foreign::{self, ForeignToken};
use crate::gate::permission::{BuiltIn, ReadGrants, ReadUsers, WriteServices};
use crate::gate::store::services;
use crate::gate::{self, Acting};

/// Where is asked, and by whom.
#[derive(Clone, Copy, Debug)]
enum Place {
    Key(KeyHash),
    Service(ServiceId, Acting),
    /// Whoever runs the command line may ask anything.
    CommandLine(ServiceId),
}

/// What whoever asks may hear besides a decision.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub struct Sees {
    /// Of people who hold nothing in the service, and what is kept of people.
    pub everybody: bool,
    /// Who gave what, and why.
    pub givers: bool,
    /// Who is in which group.
    pub memberships: bool,
    /// What policies that they write themselves would say of somebody.
    pub supposed_policies: bool,
}

/// Somebody who may ask in one service; of a backend that is still to be proved.
#[derive(Clone, Debug)]
pub struct Asking {
    place: Place,
    /// What a backend says besides its key.
    named: Option<Ref<ServiceId>>,
}

/// What is known of a subject in the service that is asked in.
#[derive(Clone, Debug)]
pub struct There {
    pub service: ServiceId,
    /// What decides there.
    pub set: Arc<PolicySet>,
    /// The subject, if it is somebody who may log in: with what they hold on the resource that is asked about, and above it.
    pub who: Option<Arc<Who>>,
    /// Whether the service has told of any resources.
    pub has_resources: bool,
    /// What it has said of the resource that is asked about.
    pub stored: Option<Arc<Row>>,
}

impl Asking {
    /// A backend, and which service it says that it is.
    pub(super) fn of_key(key: KeyHash, named: Option<Ref<ServiceId>>) -> Self {
        Self { place: Place::Key(key), named }
    }

    /// Refuses with this, unless who asks is to be refused first.
    pub(super) async fn or_rather<T>(&self, access: &Access, fault: Error) -> Result<T> {
        if matches!(self.place, Place::Key(_)) {
            self.about(access, Named::Nobody).await?;
        }
        Err(fault)
    }

    /// What is known of a subject.
    ///
    /// # Errors
    /// 401 for a dead key; 403 `forbidden_service_lookup` for a key of another service; 404 `service_not_found` where nothing is
    /// ever decided; 503.
    pub async fn about(&self, access: &Access, subject: Named) -> Result<There> {
        self.about_it(access, subject, None).await
    }

    /// The same, of a subject and a resource: its type and its id.
    ///
    /// # Errors
    /// As of [`Asking::about`].
    pub async fn about_it(&self, access: &Access, subject: Named, resource: Option<(&str, &str)>) -> Result<There> {
        let subject = self.identified(access, vec![subject]).await?.pop().unwrap_or(Named::Nobody);
        let asked = self.asked(subject);
        let resource = resource.map(|(kind, id)| (kind.to_owned(), id.to_owned()));
        loop {
            let ask = Ask { asked: asked.clone(), resource: resource.clone(), now: access.clock.now() };
            let known = access.subjects.ask(ask).await?;
            if !is_over(access, &known) {
                return self.there(access, known).await;
            }
        }
    }

    /// The same of many, in order: subjects, and the resources that they are asked about.
    ///
    /// # Errors
    /// As of [`Asking::about`].
    pub async fn about_all(
        &self,
        access: &Access,
        all: impl IntoIterator<Item = (Named, Option<(&str, &str)>)>,
    ) -> Result<Vec<There>> {
        let asked: Vec<_> = all.into_iter().collect();
        let known = loop {
            let known = self.many(access, asked.iter().cloned(), access.clock.now()).await?;
            if !known.iter().any(|known| is_over(access, known)) {
                break known;
            }
        };
        let mut all = Vec::with_capacity(known.len());
        for known in known {
            all.push(self.there(access, known).await?);
        }
        Ok(all)
    }

    /// What is known of many, in order, of what they hold beyond `moment`. Does not count as use of the service.
    ///
    /// # Errors
    /// As of [`Asking::about`].
    pub async fn beyond(
        &self,
        access: &Access,
        all: impl IntoIterator<Item = (Named, Option<(&str, &str)>)>,
        moment: OffsetDateTime,
    ) -> Result<Vec<There>> {
        let known = self.many(access, all, moment).await?;
        let mut all = Vec::with_capacity(known.len());
        for known in known {
            all.push(self.place(access, known).await?);
        }
        Ok(all)
    }

    /// The same of one.
    ///
    /// # Errors
    /// As of [`Asking::about`].
    pub async fn one_beyond(
        &self,
        access: &Access,
        subject: Named,
        resource: Option<(&str, &str)>,
        moment: OffsetDateTime,
    ) -> Result<There> {
        let there = self.beyond(access, [(subject, resource)], moment).await?.pop();
        there.ok_or_else(|| Error::Internal(anyhow::anyhow!("a subject without an answer")))
    }

    async fn many(
        &self,
        access: &Access,
        all: impl IntoIterator<Item = (Named, Option<(&str, &str)>)>,
        now: OffsetDateTime,
    ) -> Result<Vec<Known>> {
        let (subjects, resources): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let subjects = self.identified(access, subjects).await?;
        let ask = |(subject, resource): (Named, Option<(&str, &str)>)| {
            let resource = resource.map(|(kind, id)| (kind.to_owned(), id.to_owned()));
            Ask { asked: self.asked(subject), resource, now }
        };
        let asks: Vec<Ask> = subjects.into_iter().zip(resources).map(ask).collect();
        let mut conn = access.db.read().await?;
        access.many_subjects.of_all(&mut conn, &asks, now).await
    }

    /// Somebody who has been found to be somebody who may ask in a service.
    pub fn of_person(service: ServiceId, actor: Acting) -> Self {
        Self { place: Place::Service(service, actor), named: None }
    }

    /// Whoever runs the command line, about a service.
    pub fn at_the_command_line(service: ServiceId) -> Self {
        Self { place: Place::CommandLine(service), named: None }
    }

    /// What whoever asks may hear.
    pub async fn sees(&self, access: &Access) -> Result<Sees> {
        match self.place {
            // It may write its service's policies.
            Place::Key(_) => Ok(Sees { supposed_policies: true, ..Sees::default() }),
            Place::CommandLine(_) => {
                Ok(Sees { everybody: true, givers: true, memberships: true, supposed_policies: true })
            }
            Place::Service(service, actor) => {
                let everybody = self.sees_everybody(access).await?;
                let now = Some(access.clock.now());
                let mut conn = access.db.read().await?;
                Ok(Sees {
                    everybody,
                    givers: true,
                    memberships: holds(&mut conn, actor, ReadGrants::ID, ServiceId::PORTERO, now).await?,
                    supposed_policies: holds(&mut conn, actor, WriteServices::ID, service, now).await?,
                })
            }
        }
    }

    /// Whether a person asks, and may not read what is kept of people.
    pub async fn is_somebody_who_sees_less(&self, access: &Access) -> Result<bool> {
        Ok(matches!(self.place, Place::Service(..)) && !self.sees_everybody(access).await?)
    }

    /// Whether whoever asks may hear of people who hold nothing in the service.
    pub async fn sees_everybody(&self, access: &Access) -> Result<bool> {
        match self.place {
            Place::Key(_) => Ok(false),
            Place::CommandLine(_) => Ok(true),
            Place::Service(_, actor) => {
                let now = Some(access.clock.now());
                holds(&mut *access.db.read().await?, actor, ReadUsers::ID, ServiceId::PORTERO, now).await
            }
        }
    }

    /// The subjects, with the people whom tokens mean in their places: who is named by a token that is not good, or by such an API key, is nobody. So is who
    /// is named by one that is bound to a key, since nobody looks at a proof here.
    async fn identified(&self, access: &Access, mut subjects: Vec<Named>) -> Result<Vec<Named>> {
        let tokens = subjects.iter().enumerate().filter_map(|(at, subject)| match subject {
            Named::Foreign(token) => Some((at, token.clone())),
            _ => None,
        });
        let (places, tokens): (Vec<usize>, Vec<ForeignToken>) = tokens.unzip();
        let keys = subjects.iter().enumerate().filter_map(|(at, subject)| match subject {
            // From where it was shown, nobody says here.
            Named::ApiKey(key) => Some((at, (*key, None))),
            _ => None,
        });
        let (places_of_keys, keys): (Vec<usize>, Vec<_>) = keys.unzip();
        if tokens.is_empty() && keys.is_empty() {
            return Ok(subjects);
        }
        let service = match self.place {
            Place::Key(key) => gate::keys::check(access, key).await?.service,
            Place::Service(service, _) | Place::CommandLine(service) => service,
        };
        let verdicts = foreign::check_list(access, &tokens, service).await?;
        for (place, verdict) in places.into_iter().zip(verdicts) {
            subjects[place] = match verdict {
                Some(Verdict::Valid(passed)) if passed.cnf.is_none() => Named::Id(passed.person),
                _ => Named::Nobody,
            };
        }
        for (place, verdict) in places_of_keys.into_iter().zip(check_api_key_list(access, &keys, service).await?) {
            subjects[place] = match verdict {
                Verdict::Valid(checked) if !checked.key.within.is_empty() => {
                    Named::Within(checked.key.person, checked.key.within)
                }
                _ => Named::Nobody,
            };
        }
        Ok(subjects)
    }

    fn asked(&self, subject: Named) -> Asked {
        match self.place {
            Place::Key(key) => Asked { key: Some(key), service: None, subject },
            Place::Service(service, _) | Place::CommandLine(service) => {
                Asked { key: None, service: Some(service), subject }
            }
        }
    }

    async fn there(&self, access: &Access, known: Known) -> Result<There> {
        let there = self.place(access, known).await?;
        if let Some(who) = there.who.as_ref().filter(|who| !who.effective.roles.is_empty()) {
            access.uses.note(who.id, there.service, access.clock.now());
        }
        Ok(there)
    }

    async fn place(&self, access: &Access, known: Known) -> Result<There> {
        if matches!(self.place, Place::Key(_)) {
            let key = gate::keys::passed(access, known.key)?;
            if let Some(named) = &self.named {
                let named = services::find(&mut *access.db.read().await?, named).await?;
                if named != Some(key.service) {
                    return Err(Error::forbidden(
                        "forbidden_service_lookup",
                        "a service's key may ask about that service only; ask with a key of the other one",
                    ));
                }
            }
        }
        let (service, set) = known.place.ok_or_else(ServiceId::not_found)?;
        Ok(There { service, set, who: known.who, has_resources: known.has_resources, stored: known.stored })
    }
}

/// Whether something that the subject held has ended while the question was under way.
fn is_over(access: &Access, known: &Known) -> bool {
    let end = known.who.as_ref().and_then(|who| who.ends_at());
    end.is_some_and(|end| end <= access.clock.now())
}
