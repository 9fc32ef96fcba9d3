//! What the claims of a token say, once its signature is good: whom it means, for whom it is, and when.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::trust::{PersonBy, Trust};
use crate::base::error::Error;
use crate::base::id::PersonId;
use crate::gate::Confirmation;
use crate::platform::http::credential;

/// The longest name of somebody, in bytes.
const LONGEST_NAME: usize = 1200;

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its time is over.
    Expired,
    /// For this reason, which is for the log.
    Refused(&'static str),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Expired => credential::expired_elsewhere(),
            Fault::Refused(_) => credential::invalid_elsewhere(),
        }
    }
}

/// Whom a token means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Id(PersonId),
    Username(String),
    /// Verified by the issuer.
    Email(String),
}

impl Subject {
    pub(super) fn id(&self) -> Option<i32> {
        if let Self::Id(id) = self { Some(id.0) } else { None }
    }

    pub(super) fn username(&self) -> Option<&str> {
        if let Self::Username(name) = self { Some(name) } else { None }
    }

    pub(super) fn email(&self) -> Option<&str> {
        if let Self::Email(address) = self { Some(address) } else { None }
    }
}

/// What a good token says.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    pub subject: Subject,
    pub expires_at: OffsetDateTime,
    pub cnf: Option<Confirmation>,
}

impl Claims {
    /// Reads the claims of a token that its issuer has signed.
    pub(super) fn read(
        trust: &Trust,
        issuer: &str,
        claims: &Map<String, Value>,
        now: OffsetDateTime,
    ) -> Result<Self, Fault> {
        // The same bytes were read before; twice the same member must not mean two things.
        if claims.get("iss").map_or(Some(""), Value::as_str) != Some(issuer) {
            return Err(Fault::Refused("iss is another"));
        }
        if !trust.audiences.is_empty() && !is_for_one_of(&trust.audiences, claims.get("aud")) {
            return Err(Fault::Refused("aud names none of the audiences that are taken"));
        }
        let expires_at = moment(claims.get("exp"))?.ok_or(Fault::Refused("it has no exp"))?;
        if expires_at <= now {
            return Err(Fault::Expired);
        }
        for begins in ["nbf", "iat"] {
            if moment(claims.get(begins))?.is_some_and(|at| at > now + trust.leeway) {
                return Err(Fault::Refused("nbf or iat is to come"));
            }
        }
        let (subject, cnf) = (subject(trust, claims)?, confirmation(claims.get("cnf"))?);
        Ok(Self { subject, expires_at, cnf })
    }
}

fn is_for_one_of(audiences: &[String], claim: Option<&Value>) -> bool {
    let is_taken = |name: &Value| name.as_str().is_some_and(|name| audiences.iter().any(|taken| taken == name));
    match claim {
        Some(Value::Array(names)) => names.iter().any(is_taken),
        Some(name) => is_taken(name),
        None => false,
    }
}

/// A NumericDate (RFC 7519 section 2), which may have a fraction.
fn moment(claim: Option<&Value>) -> Result<Option<OffsetDateTime>, Fault> {
    let Some(claim) = claim else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "what is past all calendars is refused below")]
    let seconds = claim.as_i64().or_else(|| claim.as_f64().map(|seconds| seconds.floor() as i64));
    let moment = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    moment.map(Some).ok_or(Fault::Refused("exp, nbf or iat is not a time"))
}

fn subject(trust: &Trust, claims: &Map<String, Value>) -> Result<Subject, Fault> {
    let nobody = Fault::Refused("the claim that names the person is missing, or names nobody");
    let claim = claims.get(&trust.claim).ok_or(nobody)?;
    match trust.by {
        PersonBy::Id => id(claim).map(Subject::Id).ok_or(nobody),
        PersonBy::Username => name(claim).map(Subject::Username).ok_or(nobody),
        PersonBy::Email if claims.get("email_verified") != Some(&Value::Bool(true)) => {
            Err(Fault::Refused("email_verified is not true"))
        }
        PersonBy::Email => name(claim).map(Subject::Email).ok_or(nobody),
    }
}

/// A number, or a text of its digits as one writes it.
fn id(claim: &Value) -> Option<PersonId> {
    let id = match claim {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.parse().ok().filter(|id: &i64| id.to_string() == *text)?,
        _ => return None,
    };
    i32::try_from(id).ok().filter(|id| *id > 0).map(PersonId)
}

fn name(claim: &Value) -> Option<String> {
    let text = claim.as_str()?;
    let is_one = (1..=LONGEST_NAME).contains(&text.len()) && !text.contains(char::is_control);
    is_one.then(|| text.to_owned())
}

/// The key that a token is bound to. Whoever asks checks the proof, and must hear of it: what they would not is refused.
fn confirmation(claim: Option<&Value>) -> Result<Option<Confirmation>, Fault> {
    let Some(claim) = claim else { return Ok(None) };
    let members = claim.as_object().filter(|members| members.len() == 1);
    let jkt = members.and_then(|members| members.get("jkt")).and_then(Value::as_str);
    let jkt = jkt.filter(|jkt| (1..=100).contains(&jkt.len()));
    jkt.map(|jkt| Some(Confirmation { jkt: jkt.into() })).ok_or(Fault::Refused("cnf names no key by jkt"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::Duration;

    use super::*;
    use crate::base::id::{IssuerId, ServiceId};
    use crate::gate::foreign::trust::Keys;

    const NOW: i64 = 1_800_000_000;

    fn trust(by: PersonBy, audiences: &[&str]) -> Trust {
        Trust {
            id: IssuerId(1),
            version: 1,
            service: ServiceId(4),
            audiences: audiences.iter().map(|name| (*name).to_owned()).collect(),
            leeway: Duration::seconds(60),
            claim: "user_id".to_owned(),
            by,
            keys: Keys::At(String::new()),
        }
    }

    fn read(trust: &Trust, more: &Value) -> Result<Claims, Fault> {
        let mut claims = json!({"iss": "https://a.example", "user_id": 7, "exp": NOW + 60});
        for (name, value) in more.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        let now = OffsetDateTime::from_unix_timestamp(NOW).expect("a time");
        Claims::read(trust, "https://a.example", claims.as_object().expect("claims"), now)
    }

    #[test]
    fn times_are_looked_at_with_leeway_for_what_is_to_come_alone() {
        let trust = trust(PersonBy::Id, &[]);
        for good in [
            json!({}),
            json!({"nbf": NOW + 60}),
            json!({"iat": NOW + 60}),
            json!({"exp": NOW + 1}),
            json!({"exp": 1_800_000_001.5}),
        ] {
            assert!(read(&trust, &good).is_ok(), "{good}");
        }
        for (bad, expired) in [
            (json!({"exp": NOW}), true),
            (json!({"exp": -1}), true),
            (json!({"exp": null}), false),
            (json!({"exp": "1900000000"}), false),
            (json!({"exp": 1e300}), false),
            (json!({"exp": i64::MAX}), false),
            (json!({"nbf": NOW + 61}), false),
            (json!({"iat": NOW + 61}), false),
            (json!({"iat": "now"}), false),
            (json!({"iss": "https://b.example"}), false),
            (json!({"iss": null}), false),
        ] {
            let fault = read(&trust, &bad).expect_err("bad");
            assert_eq!(fault == Fault::Expired, expired, "{bad}: {fault:?}");
        }
    }

    #[test]
    fn an_audience_is_one_of_those_that_are_taken() {
        let trust = trust(PersonBy::Id, &["a", "b"]);
        for (aud, taken) in [
            (json!("a"), true),
            (json!(["x", "b"]), true),
            (json!("A"), false),
            (json!(["ab"]), false),
            (json!([]), false),
            (json!([["a"]]), false),
            (json!({"a": 1}), false),
            (json!(null), false),
        ] {
            assert_eq!(read(&trust, &json!({"aud": aud})).is_ok(), taken, "{aud}");
        }
        assert!(read(&trust, &json!({})).is_err());
    }

    #[test]
    fn a_person_is_named_in_one_way() {
        let id =
            |claim: Value| read(&trust(PersonBy::Id, &[]), &json!({"user_id": claim})).ok().map(|read| read.subject);
        for good in [json!(7), json!("7")] {
            assert_eq!(id(good.clone()), Some(Subject::Id(PersonId(7))), "{good}");
        }
        for bad in [
            json!(0),
            json!(-7),
            json!(7.5),
            json!("07"),
            json!("+7"),
            json!(" 7"),
            json!("juan"),
            json!(1_i64 << 32),
            json!([7]),
            json!(true),
            json!(null),
        ] {
            assert_eq!(id(bad.clone()), None, "{bad}");
        }
        let named = |by, more| read(&trust(by, &[]), &more).ok().map(|read| read.subject);
        let juan = || "juan".to_owned();
        assert_eq!(named(PersonBy::Username, json!({"user_id": "juan"})), Some(Subject::Username(juan())));
        for bad in [json!(7), json!(""), json!("a\u{0}"), json!("a".repeat(1201))] {
            assert_eq!(named(PersonBy::Username, json!({"user_id": bad})), None, "{bad}");
        }
        let by_email = |verified: Value| named(PersonBy::Email, json!({"user_id": "juan", "email_verified": verified}));
        assert_eq!(by_email(json!(true)), Some(Subject::Email(juan())));
        for unproved in [json!(false), json!("true"), json!(1), json!(null)] {
            assert_eq!(by_email(unproved.clone()), None, "{unproved}");
        }
    }

    #[test]
    fn a_key_that_it_is_bound_to_is_told_or_it_is_refused() {
        let trust = trust(PersonBy::Id, &[]);
        let bound = read(&trust, &json!({"cnf": {"jkt": "abc"}})).expect("good");
        assert_eq!(bound.cnf.map(|cnf| cnf.jkt.to_string()).as_deref(), Some("abc"));
        for odd in
            [json!({}), json!({"x5t#S256": "abc"}), json!({"jkt": "abc", "kid": "1"}), json!({"jkt": 7}), json!(null)]
        {
            assert!(read(&trust, &json!({"cnf": odd})).is_err(), "{odd}");
        }
    }
}
