//! Claims that are asked for one by one (OpenID Connect Core section 5.5).

use serde_json::{Map, Value};

use super::acr::WantedAcr;
use crate::oauth::claims::scope_of;

/// The parameter `claims` has no more bytes.
const LONGEST: usize = 4 * 1024;

/// Where claims are asked for.
const PLACES: [&str; 2] = ["userinfo", "id_token"];

/// The parameter `claims`, of the right shape.
#[derive(Clone, Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("claims is longer than 4 KiB");
        }
        // Postgres keeps no NUL.
        if text.contains("\\u0000") {
            return Err("claims has a NUL in it");
        }
        let Ok(Value::Object(claims)) = serde_json::from_str(text) else { return Err("claims is no JSON object") };
        let is_request = |request: &Value| request.is_null() || request.is_object();
        let is_place = |name: &str| match claims.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::Object(requests)) => requests.values().all(is_request),
            Some(_) => false,
        };
        if !is_place("userinfo") || !is_place("id_token") {
            return Err("claims: userinfo and id_token are objects of null or objects");
        }
        Ok(Self(claims))
    }

    /// Who is asked for as `sub`.
    pub fn sub(&self) -> Option<String> {
        self.of_id_token("sub")?.get("value")?.as_str().map(str::to_owned)
    }

    /// How strong a login is asked for (section 5.5.1.1).
    ///
    /// # Errors
    /// None of the essential ones is known here.
    pub fn acr(&self) -> Result<WantedAcr, &'static str> {
        let Some(acr) = self.of_id_token("acr") else { return Ok(WantedAcr::Any) };
        let wanted = acr.get("values").and_then(Value::as_array).cloned();
        let wanted = wanted.or_else(|| acr.get("value").map(|value| vec![value.clone()])).unwrap_or_default();
        // What is no text is no `acr` of anybody.
        let values = wanted.iter().map(|value| value.as_str().unwrap_or_default());
        WantedAcr::read(values, acr.get("essential") == Some(&Value::Bool(true)))
    }

    /// Without what is of scopes that the client may not ask for: it is not told of that claim by claim either.
    #[must_use]
    pub fn allowed(mut self, scopes: &[String]) -> Self {
        let is_allowed = |name: &str| scope_of(name).is_none_or(|scope| scopes.iter().any(|own| own == scope));
        for place in PLACES {
            if let Some(Value::Object(requests)) = self.0.get_mut(place) {
                requests.retain(|name, _| is_allowed(name));
            }
        }
        self
    }

    /// The scopes of what is asked for.
    pub fn scopes(&self) -> Vec<String> {
        let requests = PLACES.iter().filter_map(|place| self.0.get(*place)?.as_object());
        let mut scopes: Vec<&str> =
            requests.flat_map(|requests| requests.keys()).filter_map(|name| scope_of(name)).collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes.into_iter().map(str::to_owned).collect()
    }

    /// As it is stored.
    pub fn into_json(self) -> Value {
        Value::Object(self.0)
    }

    fn of_id_token(&self, name: &str) -> Option<&Value> {
        self.0.get("id_token")?.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_right_shape_is_read() {
        for good in ["{}", r#"{"userinfo":{"name":{"essential":true},"email":null}}"#, r#"{"id_token":null,"other":5}"#]
        {
            assert!(Claims::read(good).is_ok(), "{good}");
        }
        let long = format!(r#"{{"userinfo":{{"{}":null}}}}"#, "a".repeat(LONGEST));
        let deep = format!(r#"{{"userinfo":{{"a":{}}}}}"#, "[".repeat(2000));
        for bad in ["", "[]", "5", r#"{"userinfo":[]}"#, r#"{"id_token":{"acr":"1"}}"#, long.as_str(), deep.as_str()] {
            assert!(Claims::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_of_a_scope_that_the_client_may_not_ask_for_is_left_out() {
        let text = r#"{"userinfo":{"name":null,"phone_number":null},"id_token":{"acr":null,"address":null,"x":null}}"#;
        let claims = Claims::read(text).expect("claims").allowed(&["openid".to_owned(), "profile".to_owned()]);
        assert_eq!(claims.scopes(), ["profile"]);
        let left = serde_json::json!({"userinfo": {"name": null}, "id_token": {"acr": null, "x": null}});
        assert_eq!(claims.into_json(), left);
    }

    #[test]
    fn an_essential_acr_is_met_or_refused() {
        let wanted = |acr: &str| Claims::read(&format!(r#"{{"id_token":{{"acr":{acr}}}}}"#)).expect("claims").acr();
        for met in ["null", r#"{"essential":true}"#, r#"{"essential":true,"values":["2","1"]}"#, r#"{"value":"9"}"#] {
            assert_eq!(wanted(met), Ok(WantedAcr::Any), "{met}");
        }
        assert_eq!(wanted(r#"{"essential":true,"value":"2"}"#), Ok(WantedAcr::SecondFactorOnly));
        assert_eq!(wanted(r#"{"values":["2"]}"#), Ok(WantedAcr::SecondFactor));
        assert!(wanted(r#"{"essential":true,"value":"3"}"#).is_err());
        assert!(wanted(r#"{"essential":true,"value":2}"#).is_err());
    }
}
