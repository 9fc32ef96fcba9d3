//! What a provider has signed: ID tokens (OpenID Connect Core section 3.1.3.7) and logout tokens (Back-Channel Logout section 2.6).

use jsonwebtoken::Header;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::account::Fault;
use crate::platform::jwks::signed_by_one_of;

/// By so much a provider's clock may differ.
const LEEWAY: Duration = Duration::minutes(1);

/// An ID token is no older when it comes.
const OLDEST: Duration = Duration::minutes(10);

/// The longest token.
const LONGEST: usize = 32 * 1024;

/// The event that a logout token tells.
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// From whom a token must be, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub issuer: &'a str,
    /// What the provider calls Portero.
    pub client_id: &'a str,
    pub now: OffsetDateTime,
}

/// The header of a token, which names the key.
///
/// # Errors
/// Where it can't be read, has `alg: none`, or changes how the token is to be read.
pub fn header(text: &str, types: &[&str]) -> Result<Header, Fault> {
    if text.len() > LONGEST {
        return Err(Fault::because("a token is too long"));
    }
    let header =
        jsonwebtoken::decode_header(text).map_err(|_| Fault::because("the header of a token can't be read"))?;
    if header.crit.is_some() {
        return Err(Fault::because("the header of a token has crit"));
    }
    let typ = header.typ.as_deref().map(str::to_ascii_lowercase);
    let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    if typ.is_some_and(|typ| !types.contains(&typ)) {
        return Err(Fault::because("the typ of a token is another"));
    }
    Ok(header)
}

/// What an ID token may call itself, and a logout token.
pub const ID_TOKEN: &[&str] = &["jwt"];
pub const LOGOUT_TOKEN: &[&str] = &["jwt", "logout+jwt"];

/// The claims of an ID token that answers the request with this nonce.
///
/// # Errors
/// For whatever is not as it must be.
pub fn read_id_token(
    (keys, header, text): (&JwkSet, &Header, &str),
    expected: &Expected<'_>,
    nonce: &str,
) -> Result<Map<String, Value>, Fault> {
    let claims = signed(keys, header, text)?;
    must_be_ours(&claims, expected)?;
    must_be_of_now(&claims, expected.now)?;
    if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
        return Err(Fault::because("its nonce is another, or missing"));
    }
    Ok(claims)
}

/// What a logout token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    pub subject: Option<String>,
    pub sid: Option<String>,
    pub jti: String,
    /// When it could come again no more.
    pub expires_at: OffsetDateTime,
}

/// Reads a logout token.
///
/// # Errors
/// For whatever is not as it must be.
pub fn read_logout_token(
    (keys, header, text): (&JwkSet, &Header, &str),
    expected: &Expected<'_>,
) -> Result<Logout, Fault> {
    let claims = signed(keys, header, text)?;
    must_be_ours(&claims, expected)?;
    let issued_at = moment(&claims, "iat")?.ok_or_else(|| Fault::because("it has no iat"))?;
    must_be_recent(issued_at, expected.now)?;
    // Older drafts have no exp.
    if moment(&claims, "exp")?.is_some_and(|at| at + LEEWAY <= expected.now) {
        return Err(Fault::because("it is over"));
    }
    if claims.contains_key("nonce") {
        return Err(Fault::because("it has a nonce: an ID token is no logout token"));
    }
    let events = claims.get("events").and_then(Value::as_object);
    if !events.and_then(|events| events.get(LOGOUT)).is_some_and(Value::is_object) {
        return Err(Fault::because("its events don't tell of a logout"));
    }
    let text =
        |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.contains('\0')).map(str::to_owned);
    let (subject, sid) = (text("sub"), text("sid"));
    if subject.is_none() && sid.is_none() {
        return Err(Fault::because("it has neither sub nor sid"));
    }
    let jti = text("jti").filter(|jti| !jti.is_empty()).ok_or_else(|| Fault::because("it has no jti"))?;
    Ok(Logout { subject, sid, jti, expires_at: issued_at + OLDEST + LEEWAY })
}

fn signed(keys: &JwkSet, header: &Header, text: &str) -> Result<Map<String, Value>, Fault> {
    let claims = signed_by_one_of(keys, header, text);
    claims.ok_or_else(|| Fault::because("no key of the provider has signed it (kid, alg)"))
}

fn must_be_ours(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), Fault> {
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(Fault::because("its iss is another"));
    }
    let is_us = |name: &Value| name.as_str() == Some(expected.client_id);
    let (is_for_us, has_others) = match claims.get("aud") {
        Some(Value::Array(names)) => (names.iter().any(is_us), names.len() > 1),
        Some(name) => (is_us(name), false),
        None => (false, false),
    };
    if !is_for_us {
        return Err(Fault::because("its aud is another"));
    }
    match claims.get("azp") {
        None if has_others => Err(Fault::because("it is for others, too, and has no azp")),
        Some(azp) if !is_us(azp) => Err(Fault::because("its azp is another")),
        _ => Ok(()),
    }
}

fn must_be_of_now(claims: &Map<String, Value>, now: OffsetDateTime) -> Result<(), Fault> {
    let expires_at = moment(claims, "exp")?.ok_or_else(|| Fault::because("it has no exp"))?;
    if expires_at + LEEWAY <= now {
        return Err(Fault::because("it is over"));
    }
    if moment(claims, "nbf")?.is_some_and(|at| at > now + LEEWAY) {
        return Err(Fault::because("its nbf is to come"));
    }
    must_be_recent(moment(claims, "iat")?.ok_or_else(|| Fault::because("it has no iat"))?, now)
}

fn must_be_recent(issued_at: OffsetDateTime, now: OffsetDateTime) -> Result<(), Fault> {
    if issued_at > now + LEEWAY {
        return Err(Fault::because("its iat is to come"));
    }
    if issued_at + OLDEST + LEEWAY <= now { Err(Fault::because("it is too old")) } else { Ok(()) }
}

/// A NumericDate (RFC 7519 section 2), which may have a fraction.
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<OffsetDateTime>, Fault> {
    let Some(claim) = claims.get(name) else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "what is past all calendars is refused below")]
    let seconds = claim.as_i64().or_else(|| claim.as_f64().map(|seconds| seconds.floor() as i64));
    // What is added to it later must fit as well.
    let moment = seconds.filter(|seconds| seconds.abs() < 200_000_000_000);
    let moment = moment.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    moment.map(Some).ok_or_else(|| Fault(format!("its {name} is not a time")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_305_600;

    fn expected() -> Expected<'static> {
        let now = OffsetDateTime::from_unix_timestamp(NOW).expect("a time");
        Expected { issuer: "https://a.example", client_id: "us", now }
    }

    fn checked(more: &Value) -> Result<(), Fault> {
        let mut claims = json!({"iss": "https://a.example", "aud": "us", "exp": NOW + 300, "iat": NOW});
        claims.as_object_mut().expect("claims").extend(more.as_object().expect("claims").clone());
        claims.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
        let claims = claims.as_object().expect("claims");
        must_be_ours(claims, &expected()).and_then(|()| must_be_of_now(claims, expected().now))
    }

    #[test]
    fn a_token_is_of_its_issuer_for_us_and_of_now() {
        for good in [
            json!({}),
            json!({"aud": ["us"]}),
            json!({"aud": ["us", "them"], "azp": "us"}),
            json!({"azp": "us"}),
            json!({"exp": NOW - 59}),
            json!({"iat": NOW + 60}),
        ] {
            assert_eq!(checked(&good), Ok(()), "{good}");
        }
        for bad in [
            json!({"iss": "https://b.example"}),
            json!({"iss": null}),
            json!({"iss": ["https://a.example"]}),
            json!({"aud": "them"}),
            json!({"aud": []}),
            json!({"aud": null}),
            json!({"aud": ["us", "them"]}),
            json!({"azp": "them"}),
            json!({"aud": ["us", "them"], "azp": "them"}),
            json!({"exp": NOW - 60}),
            json!({"exp": null}),
            json!({"exp": "soon"}),
            json!({"iat": null}),
            json!({"iat": NOW + 61}),
            json!({"iat": NOW - 660}),
            json!({"iat": 1e300}),
            json!({"nbf": NOW + 61}),
        ] {
            assert!(checked(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_without_a_signature_or_of_another_kind_has_no_header_for_us() {
        let of = |header: Value| {
            use base64ct::{Base64UrlUnpadded, Encoding};
            format!("{}.e30.", Base64UrlUnpadded::encode_string(header.to_string().as_bytes()))
        };
        assert!(header(&of(json!({"alg": "ES256", "typ": "JWT"})), ID_TOKEN).is_ok());
        for bad in
            [json!({"alg": "none"}), json!({"alg": "ES256", "typ": "at+jwt"}), json!({"alg": "ES256", "crit": ["x"]})]
        {
            assert!(header(&of(bad.clone()), ID_TOKEN).is_err(), "{bad}");
        }
        assert!(header(&of(json!({"alg": "ES256", "typ": "logout+jwt"})), ID_TOKEN).is_err());
        assert!(header(&of(json!({"alg": "ES256", "typ": "logout+jwt"})), LOGOUT_TOKEN).is_ok());
        assert!(header(&"a".repeat(40_000), ID_TOKEN).is_err());
    }
}
