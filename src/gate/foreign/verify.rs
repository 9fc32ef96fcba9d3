//! Has this issuer signed this token? A key says by which algorithm, never the token.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, Header};
use time::OffsetDateTime;

use super::ForeignToken;
use super::claims::{Claims, Fault};
use super::trust::{Keys, Trust};
use crate::gate::Gate;
use crate::platform::jwks::{signed_by_one_of, signed_with};

/// What a token may call itself (`typ`): others are for other uses.
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// What a token says, if it is one of this issuer's and good at `now`.
pub(super) async fn verify(gate: &Gate, trust: &Trust, token: &ForeignToken) -> Result<Claims, Fault> {
    let now = gate.clock.now();
    let header = jsonwebtoken::decode_header(&*token.text).map_err(|_| Fault::Refused("its header can't be read"))?;
    must_be_plain(&header)?;
    let claims = match &trust.keys {
        Keys::Secret(secret) => signed_with(secret, &[Algorithm::HS256], &token.text),
        Keys::Given(keys) => signed_by_one_of(keys, &header, &token.text),
        Keys::At(uri) => {
            let keys = keys_at(gate, trust, (uri, header.kid.as_deref()), now).await?;
            signed_by_one_of(&keys, &header, &token.text)
        }
    };
    let claims = claims.ok_or(Fault::Refused("no key of the issuer has signed it (kid, alg)"))?;
    Claims::read(trust, &token.issuer, &claims, now)
}

/// Refuses what changes how a token is to be read, or what is not for showing who somebody is.
fn must_be_plain(header: &Header) -> Result<(), Fault> {
    if header.crit.is_some() {
        return Err(Fault::Refused("its header has crit"));
    }
    let is_known = |typ: &String| TYPES.contains(&typ.to_ascii_lowercase().as_str());
    if header.typ.as_ref().is_none_or(is_known) { Ok(()) } else { Err(Fault::Refused("its typ is another")) }
}

async fn keys_at(
    gate: &Gate,
    trust: &Trust,
    (uri, kid): (&str, Option<&str>),
    now: OffsetDateTime,
) -> Result<std::sync::Arc<JwkSet>, Fault> {
    let keys = gate.foreign.0.remote.of(&gate.outbound, (trust.id, uri), kid, now).await;
    keys.ok_or(Fault::Refused("the keys at the issuer's jwks_uri can't be read"))
}
