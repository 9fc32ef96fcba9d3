//! Nonces (RFC 9449 section 8): what a proof has in it was told by us, not long ago. None is stored: each says when it was told,
//! and a code under the master key says that it was by us, so that every instance takes those of all.

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use base64ct::{Base64UrlUnpadded, Encoding};
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};

use crate::base::error::Result;
use crate::oauth::OAuth;

/// Where the next nonce is told.
const HEADER: HeaderName = HeaderName::from_static("dpop-nonce");

/// For so long the same one is told to everybody.
const EACH: Duration = Duration::minutes(1);

/// And for so long it is taken.
const GOOD: Duration = Duration::minutes(5);

/// What codes of nonces are codes of.
const WHAT: &str = "DPoP nonce";

/// The parts of a nonce in bytes: when it was told, and the code of that.
const MOMENT: usize = 8;
const CODE: usize = 16;

/// The one that is told at `now`.
pub async fn current(oauth: &OAuth, now: OffsetDateTime) -> Result<String> {
    of_moment(oauth, begin_of(now)).await
}

/// Whether this is one that was told not long before `now`, here or by another instance, whose clock may be ahead of ours.
pub async fn is_good(oauth: &OAuth, nonce: &str, now: OffsetDateTime) -> Result<bool> {
    let mut bytes = [0; MOMENT + CODE];
    let decoded = Base64UrlUnpadded::decode(nonce, &mut bytes).ok();
    let moment = decoded.filter(|decoded| decoded.len() == MOMENT + CODE).and_then(|decoded| decoded.first_chunk());
    let Some(moment) = moment.copied().map(i64::from_be_bytes) else { return Ok(false) };
    let told = of_moment(oauth, moment).await?;
    let is_ours: bool = told.as_bytes().ct_eq(nonce.as_bytes()).into();
    let age = now.unix_timestamp().saturating_sub(moment);
    Ok(is_ours && (-EACH.whole_seconds()..=GOOD.whole_seconds()).contains(&age))
}

/// The same answer, which tells the nonce of now.
pub async fn with_nonce(oauth: &OAuth, mut answer: Response) -> Response {
    match current(oauth, oauth.clock.now()).await {
        Ok(nonce) => {
            if let Ok(nonce) = HeaderValue::from_str(&nonce) {
                answer.headers_mut().insert(HEADER, nonce);
            }
        }
        // Without one it is as good an answer; whoever needs one asks again.
        Err(error) => tracing::debug!(%error, "no nonce can be told"),
    }
    answer
}

fn begin_of(now: OffsetDateTime) -> i64 {
    let (now, each) = (now.unix_timestamp(), EACH.whole_seconds());
    now - now.rem_euclid(each)
}

async fn of_moment(oauth: &OAuth, moment: i64) -> Result<String> {
    let moment = moment.to_be_bytes();
    let code = oauth.keys.code_of(&oauth.db, WHAT, &moment).await?;
    Ok(Base64UrlUnpadded::encode_string(&[&moment[..], &code[..CODE]].concat()))
}
