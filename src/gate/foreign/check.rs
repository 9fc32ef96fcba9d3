//! Is this token of an issuer that the service trusts, and what may its owner do there? The one place that says so.

use std::sync::Arc;

use super::ForeignToken;
use super::checks::{Answer, Ask, Found, Whom};
use super::claims::{Claims, Fault};
use super::trust::Trust;
use super::verify::verify;
use crate::base::error::Result;
use crate::base::id::{PersonId, Ref, ServiceId};
use crate::gate::check::Verdict;
use crate::gate::sessions::Payload;
use crate::gate::{Gate, Passed, Rights};

/// Asks whether a token is one that `service` takes, and what its owner may do there; `None` where the service does not trust
/// its issuer.
///
/// # Errors
/// 401 `invalid_token` or `expired_token`; 503 when Postgres can't be asked in time.
pub async fn check(gate: &Gate, token: &ForeignToken, service: &Ref<ServiceId>) -> Result<Option<Passed>> {
    let foreign = &gate.foreign;
    // What is in memory may be over; what is good by that is asked again below, and so is what is not.
    let mut kept = foreign.known(gate, token, service);
    loop {
        let is_kept = kept.is_some();
        let trust = match kept.take() {
            Some(trust) => trust,
            None => match foreign.look_up(gate, token, service).await? {
                Some(trust) => trust,
                None => return Ok(None),
            },
        };
        let claims = match verify(gate, &trust, token).await {
            Ok(claims) => claims,
            Err(_) if is_kept => continue,
            Err(fault) => return Err(refuse(&trust, token, fault).into()),
        };
        let asked = Ask::Person(whom(gate, &trust, &claims));
        let Answer::Person(found) = foreign.0.checks.ask(asked).await? else { continue };
        match found {
            Found::Outdated => {}
            // By an old name of the service another one was meant.
            Found::Person { rights, .. } if rights.vocabulary.service(service) != Some(trust.service) => {}
            Found::Nobody => return Err(refuse(&trust, token, NOBODY).into()),
            // A grant ended while the question was under way.
            Found::Person { rights, .. } if rights.effective.ends_at.is_some_and(|end| end <= gate.clock.now()) => {
                kept = Some(trust);
            }
            Found::Person { person, payload, rights } => {
                return Ok(Some(passed(gate, token, claims, (person, payload, rights))));
            }
        }
    }
}

/// The same of many, at one service that is known by its id: one verdict each, in order; `None` where the service does not trust
/// the issuer.
///
/// # Errors
/// 503.
pub async fn check_list(
    gate: &Gate,
    tokens: &[ForeignToken],
    service: ServiceId,
) -> Result<Vec<Option<Verdict<Passed>>>> {
    let mut verdicts: Vec<Option<Verdict<Passed>>> = tokens.iter().map(|_| None).collect();
    let mut open: Vec<usize> = (0..tokens.len()).collect();
    while !open.is_empty() {
        let asked: Vec<&ForeignToken> = open.iter().map(|place| &tokens[*place]).collect();
        let said = ask_list(gate, &asked, service).await?;
        let mut again = Vec::new();
        for (place, said) in open.into_iter().zip(said) {
            match said {
                Said::Untrusted => {}
                Said::Verdict(verdict) => verdicts[place] = Some(verdict),
                Said::Over => again.push(place),
            }
        }
        open = again;
    }
    Ok(verdicts)
}

/// What is said of one in a list.
enum Said {
    /// The service does not trust its issuer.
    Untrusted,
    Verdict(Verdict<Passed>),
    /// While the question was under way the issuer has changed, or a grant ended: to be asked again.
    Over,
}

async fn ask_list(gate: &Gate, tokens: &[&ForeignToken], service: ServiceId) -> Result<Vec<Said>> {
    let trusts = gate.foreign.look_up_all(gate, tokens, service).await?;
    let mut verified = Vec::with_capacity(tokens.len());
    for token in tokens {
        verified.push(match trusts.get(&token.issuer) {
            None => None,
            Some(trust) => Some(match verify(gate, trust, token).await {
                Ok(claims) => Ok((whom(gate, trust, &claims), claims)),
                Err(fault) => Err(refuse(trust, token, fault)),
            }),
        });
        // A thousand signatures take their time, which others need, too.
        tokio::task::yield_now().await;
    }
    let asked: Vec<Whom> = verified.iter().flatten().flatten().map(|(whom, _)| whom.clone()).collect();
    let found = if asked.is_empty() { Vec::new() } else { people(gate, &asked).await? };
    let (mut found, now) = (found.into_iter(), gate.clock.now());
    let said = tokens.iter().zip(verified).map(|(token, verified)| match verified {
        None => Said::Untrusted,
        Some(Err(Fault::Expired)) => Said::Verdict(Verdict::Expired),
        Some(Err(Fault::Refused(_))) => Said::Verdict(Verdict::Unknown),
        Some(Ok((_, claims))) => match found.next() {
            Some(Found::Outdated) => Said::Over,
            Some(Found::Person { rights, .. }) if rights.effective.ends_at.is_some_and(|end| end <= now) => Said::Over,
            Some(Found::Person { person, payload, rights }) => {
                Said::Verdict(Verdict::Valid(Box::new(passed(gate, token, claims, (person, payload, rights)))))
            }
            Some(Found::Nobody) | None => Said::Verdict(Verdict::Unknown),
        },
    });
    Ok(said.collect())
}

async fn people(gate: &Gate, asked: &[Whom]) -> Result<Vec<Found>> {
    gate.foreign.0.many.people(&mut *gate.db.read().await?, asked).await
}

const NOBODY: Fault = Fault::Refused("it means nobody who may log in");

/// Only the log says why.
fn refuse(trust: &Trust, token: &ForeignToken, fault: Fault) -> Fault {
    if let Fault::Refused(why) = fault {
        let fingerprint = token.hash.fingerprint();
        tracing::info!(issuer = trust.id.0, service = trust.service.0, fingerprint, why, "a foreign token is refused");
    }
    fault
}

fn whom(gate: &Gate, trust: &Trust, claims: &Claims) -> Whom {
    Whom {
        issuer: trust.id,
        version: trust.version,
        service: trust.service,
        subject: claims.subject.clone(),
        now: gate.clock.now(),
    }
}

/// What is said of a token of somebody.
fn passed(
    gate: &Gate,
    token: &ForeignToken,
    claims: Claims,
    (person, payload, rights): (PersonId, Arc<Payload>, Rights),
) -> Passed {
    if !rights.effective.roles.is_empty() {
        gate.uses.note(person, rights.service, gate.clock.now());
    }
    let Claims { expires_at, cnf, .. } = claims;
    let (id, rights) = (token.hash.session_id(), Some(rights));
    Passed { id, person, payload, expires_at, renewed: false, cnf, api_key: None, rights }
}
