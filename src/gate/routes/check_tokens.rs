use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::{FromRef, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::base::error::{Error, Result};
use crate::base::id::{PersonId, ServiceId, SessionId};
use crate::base::opaque::token::TokenHash;
use crate::gate::Gate;
use crate::gate::check::{Checked, Verdict, check_many};
use crate::gate::sessions::Payload;
use crate::gate::{Backend, Effective};
use crate::platform::http::{Deadline, Json, Route, Routes};

/// How many tokens one request may ask about.
const MAX_TOKENS: usize = 1000;

/// The largest body: room for all of them, written widely.
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
/// never come from a cache, and sessions near their end are renewed.
#[utoipa::path(post, path = "/check-tokens", tag = "backends", request_body = Tokens,
    responses((status = 200, body = Vec<TokenAnswer>)),
    security(("service_key" = []), ("service_key_bearer" = [])))]
async fn check_tokens(
    State(gate): State<Gate>,
    backend: Backend,
    Json(Tokens { tokens }): Json<Tokens, MAX_BODY>,
) -> Result<Json<Vec<TokenAnswer>>> {
    if !(1..=MAX_TOKENS).contains(&tokens.len()) {
        return Err(Error::invalid_field("tokens", "send 1 to 1000 tokens"));
    }
    let hashes: Vec<Option<TokenHash>> = tokens.iter().map(|token| TokenHash::of(token)).collect();
    let asked: Vec<TokenHash> = hashes.iter().copied().flatten().collect();
    let verdicts = check_many(&gate, &asked).await?;
    let people: BTreeSet<PersonId> = verdicts
        .iter()
        .filter_map(|verdict| match verdict {
            Verdict::Valid(checked) => Some(checked.session.person),
            Verdict::Expired | Verdict::Unknown => None,
        })
        .collect();
    let there: Vec<_> = people.iter().map(|person| (*person, backend.service)).collect();
    let now = gate.clock.now();
    let held = gate.rights.of_all(&mut *gate.db.read().await?, &there, now).await?;
    let effective: HashMap<PersonId, Effective> = people.into_iter().zip(held).collect();
    for (person, _) in effective.iter().filter(|(_, held)| !held.roles.is_empty()) {
        gate.uses.note(*person, backend.service, now);
    }

    let mut verdicts = verdicts.into_iter();
    // What can't be a token of ours was not asked about.
    let answers = hashes.into_iter().map(|hash| match hash.and_then(|token| Some((token, verdicts.next()?))) {
        Some((token, Verdict::Valid(checked))) => valid(token, *checked, backend.service, &effective),
        Some((_, Verdict::Expired)) => invalid("expired_token"),
        Some((_, Verdict::Unknown)) | None => invalid("invalid_token"),
    });
    Ok(Json(answers.collect()))
}

fn valid(
    token: TokenHash,
    checked: Checked,
    service_id: ServiceId,
    effective: &HashMap<PersonId, Effective>,
) -> TokenAnswer {
    let held = effective.get(&checked.session.person);
    TokenAnswer::Valid(Box::new(ValidToken {
        valid: true,
        payload: checked.session.payload,
        renewed: checked.renewed,
        expires_at: checked.expires_at.unix_timestamp(),
        session_id: token.session_id(),
        service_id,
        roles: held.map_or_else(Vec::new, |held| held.roles.clone()),
        permissions: held.map_or_else(Vec::new, |held| held.permissions.clone()),
        valid_until: held.and_then(Effective::valid_until),
    }))
}

fn invalid(error: &'static str) -> TokenAnswer {
    TokenAnswer::Invalid(InvalidToken { valid: false, error })
}
