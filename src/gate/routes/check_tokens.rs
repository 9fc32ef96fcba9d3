use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRef, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::base::attributes::Attributes;
use crate::base::error::{Error, Result};
use crate::base::id::{ApiKeyId, PersonId, ServiceId, SessionId};
use crate::base::opaque::api_key::ApiKeyHash;
use crate::base::opaque::oauth::AccessTokenHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::Gate;
use crate::gate::check::{Verdict, check_access_list, check_api_key_list, check_many};
use crate::gate::foreign::{self, ForeignToken};
use crate::gate::sessions::Payload;
use crate::gate::{Backend, Confirmation, Effective, Passed, Presented};
use crate::platform::http::{Deadline, Json, Route, Routes};

/// How many tokens one request may ask about.
const MAX_TOKENS: usize = 1000;

/// The largest body: room for all of them, written widely, and as JWTs.
const MAX_BODY: usize = 128 * 1024;

/// `/check-tokens`.
pub fn list_routes<S>() -> Routes<S>
where
    Gate: FromRef<S>,
    S: Clone + Send + Sync + 'static,
{
    Routes::new().routes(Route::from(routes!(check_tokens)).within(Deadline::Question))
}

/// Tokens to check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Tokens {
    /// 1 to 1000 tokens.
    #[schema(
        min_items = 1,
        max_items = 1000,
        example = json!(["ptk_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273fb5fcb16"])
    )]
    tokens: Vec<String>,
    /// From where each of them came, as you see it, in the same order; null where you don't know. API keys that may be used only
    /// from some networks are valid only with it.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Option<String>>>, max_items = 1000, example = json!(["203.0.113.7"]))]
    addresses: Option<Vec<Option<IpAddr>>>,
}

/// The result for one token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum TokenAnswer {
    Valid(Box<ValidToken>),
    Invalid(InvalidToken),
}

/// A valid token.
#[derive(Debug, Serialize, ToSchema)]
struct ValidToken {
    /// True.
    #[schema(example = true)]
    valid: bool,
    /// Whose it is.
    #[schema(value_type = Payload)]
    payload: Arc<Payload>,
    /// Whether this very check renewed it.
    #[schema(example = false)]
    renewed: bool,
    /// When it expires unless a check renews it, in Unix seconds.
    #[schema(example = 1_795_305_600)]
    expires_at: i64,
    /// What `GET /changes` calls this session when it ends.
    session_id: SessionId,
    /// The key that the token is bound to (RFC 9449). Only if it is: then a request that carries the token must carry a proof by
    /// this key, too, which is for you to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cnf: Option<Confirmation>,
    /// The API key that it is. Only if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 12)]
    api_key_id: Option<ApiKeyId>,
    /// The key's own service.
    service_id: ServiceId,
    /// Names of the roles held there.
    #[schema(value_type = Vec<String>, example = json!(["Viewer"]))]
    roles: Vec<Arc<str>>,
    /// Names of the permissions in these roles.
    #[schema(value_type = Vec<String>, example = json!(["read"]))]
    permissions: Vec<Arc<str>>,
    /// When the first of these grants expires, in Unix seconds: do not keep the answer longer. Only if one expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_924_905_600)]
    valid_until: Option<i64>,
    /// Of the person's attributes those that the service asks for (`claims` of the service). Only if it asks for some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Attributes>, nullable = false)]
    claims: Option<Arc<Attributes>>,
}

/// A token that is not valid.
#[derive(Debug, Serialize, ToSchema)]
struct InvalidToken {
    /// False.
    #[schema(example = false)]
    valid: bool,
    /// `invalid_token` if it is unknown or revoked, `expired_token` if it has expired.
    #[schema(example = "invalid_token")]
    error: &'static str,
}

/// Check many tokens
///
/// For a backend with a service key. Returns one result for each token, in order. As with `POST /check-token`, results
/// never come from a cache, and sessions near their end are renewed. Tokens of issuers that the service trusts are taken, too.
#[utoipa::path(post, path = "/check-tokens", tag = "backends", request_body = Tokens,
    responses((status = 200, body = Vec<TokenAnswer>)),
    security(("service_key" = []), ("service_key_bearer" = [])))]
async fn check_tokens(
    State(gate): State<Gate>,
    backend: Backend,
    Json(Tokens { tokens, addresses }): Json<Tokens, MAX_BODY>,
) -> Result<Json<Vec<TokenAnswer>>> {
    if !(1..=MAX_TOKENS).contains(&tokens.len()) {
        return Err(Error::invalid_field("tokens", "send 1 to 1000 tokens"));
    }
    let addresses = addresses.unwrap_or_else(|| vec![None; tokens.len()]);
    if addresses.len() != tokens.len() {
        return Err(Error::invalid_field("addresses", "send one for each of `tokens`, in the same order, or null"));
    }
    let presented: Vec<Option<Presented>> = tokens.iter().map(|token| Presented::of(token)).collect();
    let mut foreign = answers_to_foreign_tokens(&gate, (&tokens, &presented), backend.service).await?;
    // Of those that no issuer has issued whom the service trusts, some may be ours.
    let ours = presented.iter().enumerate().filter(|(place, _)| !foreign.contains_key(place));
    let ours: Vec<Option<Presented>> = ours.map(|(_, presented)| *presented).collect();
    let sessions = answers_to_sessions(&gate, &ours, backend.service).await?;
    let access = answers_to_access_tokens(&gate, &ours, backend.service).await?;
    let keys = answers_to_api_keys(&gate, ours.iter().copied().zip(addresses), backend.service).await?;
    let (mut sessions, mut access, mut keys) = (sessions.into_iter(), access.into_iter(), keys.into_iter());
    // What can't be a token was not asked about.
    let answers = presented.into_iter().enumerate().map(|(place, presented)| match presented? {
        Presented::Session(_) => sessions.next(),
        Presented::ApiKey(_) => keys.next(),
        Presented::Access(_) => foreign.remove(&place).or_else(|| access.next()),
    });
    Ok(Json(answers.map(|answer| answer.unwrap_or_else(|| invalid("invalid_token"))).collect()))
}

async fn answers_to_sessions(
    gate: &Gate,
    presented: &[Option<Presented>],
    service: ServiceId,
) -> Result<Vec<TokenAnswer>> {
    let asked = presented.iter().filter_map(|presented| match presented {
        Some(Presented::Session(token)) => Some(*token),
        _ => None,
    });
    let asked: Vec<TokenHash> = asked.collect();
    let verdicts = check_many(gate, &asked).await?;
    let people: BTreeSet<PersonId> = verdicts
        .iter()
        .filter_map(|verdict| match verdict {
            Verdict::Valid(checked) => Some(checked.session.person),
            Verdict::Expired | Verdict::Unknown => None,
        })
        .collect();
    let there: Vec<_> = people.iter().map(|person| (*person, service)).collect();
    let now = gate.clock.now();
    let held = gate.rights.of_all_with_claims(&mut *gate.db.read().await?, &there, now).await?;
    let effective: HashMap<PersonId, Effective> = people.into_iter().zip(held).collect();
    for (person, _) in effective.iter().filter(|(_, held)| !held.roles.is_empty()) {
        gate.uses.note(*person, service, now);
    }
    let answers = asked.into_iter().zip(verdicts).map(|(token, verdict)| {
        answer(verdict, |checked| {
            let held = effective.get(&checked.session.person);
            valid(Passed::of_session(token, checked), service, held)
        })
    });
    Ok(answers.collect())
}

async fn answers_to_access_tokens(
    gate: &Gate,
    presented: &[Option<Presented>],
    service: ServiceId,
) -> Result<Vec<TokenAnswer>> {
    let asked = presented.iter().filter_map(|presented| match presented {
        Some(Presented::Access(token)) => Some(*token),
        _ => None,
    });
    let asked: Vec<AccessTokenHash> = asked.collect();
    let verdicts = check_access_list(gate, &asked, service).await?;
    let answers = asked.into_iter().zip(verdicts).map(|(token, verdict)| {
        answer(verdict, |checked| {
            let passed = Passed::of_access(token, checked);
            let held = passed.rights.as_ref().map(|rights| Arc::clone(&rights.effective));
            valid(passed, service, held.as_deref())
        })
    });
    Ok(answers.collect())
}

async fn answers_to_api_keys(
    gate: &Gate,
    presented: impl Iterator<Item = (Option<Presented>, Option<IpAddr>)>,
    service: ServiceId,
) -> Result<Vec<TokenAnswer>> {
    let asked = presented.filter_map(|(presented, from)| match presented {
        Some(Presented::ApiKey(key)) => Some((key, from)),
        _ => None,
    });
    let asked: Vec<(ApiKeyHash, Option<IpAddr>)> = asked.collect();
    let verdicts = check_api_key_list(gate, &asked, service).await?;
    let answers = asked.into_iter().zip(verdicts).map(|((key, _), verdict)| {
        answer(verdict, |checked| {
            let passed = Passed::of_api_key(key, checked);
            let held = passed.rights.as_ref().map(|rights| Arc::clone(&rights.effective));
            valid(passed, service, held.as_deref())
        })
    });
    Ok(answers.collect())
}

/// Of those that issuers have issued whom the service trusts, each under its place in the list.
async fn answers_to_foreign_tokens(
    gate: &Gate,
    (tokens, presented): (&[String], &[Option<Presented>]),
    service: ServiceId,
) -> Result<HashMap<usize, TokenAnswer>> {
    let asked = tokens.iter().zip(presented).enumerate().filter_map(|(place, (text, presented))| match presented {
        Some(Presented::Access(_)) => Some((place, gate.foreign.token(text)?)),
        _ => None,
    });
    let (places, asked): (Vec<usize>, Vec<ForeignToken>) = asked.unzip();
    let verdicts = foreign::check_list(gate, &asked, service).await?;
    let answers = places.into_iter().zip(verdicts).filter_map(|(place, verdict)| {
        let answer = answer(verdict?, |passed| {
            let held = passed.rights.as_ref().map(|rights| Arc::clone(&rights.effective));
            valid(passed, service, held.as_deref())
        });
        Some((place, answer))
    });
    Ok(answers.collect())
}

fn answer<T>(verdict: Verdict<T>, valid: impl FnOnce(T) -> TokenAnswer) -> TokenAnswer {
    match verdict {
        Verdict::Valid(checked) => valid(*checked),
        Verdict::Expired => invalid("expired_token"),
        Verdict::Unknown => invalid("invalid_token"),
    }
}

fn valid(passed: Passed, service_id: ServiceId, held: Option<&Effective>) -> TokenAnswer {
    TokenAnswer::Valid(Box::new(ValidToken {
        valid: true,
        payload: passed.payload,
        renewed: passed.renewed,
        expires_at: passed.expires_at.unix_timestamp(),
        session_id: passed.id,
        cnf: passed.cnf,
        api_key_id: passed.api_key,
        service_id,
        roles: held.map_or_else(Vec::new, |held| held.roles.clone()),
        permissions: held.map_or_else(Vec::new, |held| held.permissions.clone()),
        valid_until: held.and_then(Effective::valid_until),
        claims: held.and_then(|held| held.claims.clone()),
    }))
}

fn invalid(error: &'static str) -> TokenAnswer {
    TokenAnswer::Invalid(InvalidToken { valid: false, error })
}
