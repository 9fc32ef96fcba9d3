//! Claims that are asked for one by one (OpenID Connect Core section 5.5).

use serde_json::{Map, Value};

use super::ACR;

/// The parameter `claims` has no more bytes.
const LONGEST: usize = 4 * 1024;

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

    /// Whether the one `acr` that there is will do (section 5.5.1.1).
    pub fn is_content_with_acr(&self) -> bool {
        let Some(acr) = self.of_id_token("acr") else { return true };
        let wanted = acr.get("values").and_then(Value::as_array).cloned();
        let wanted = wanted.or_else(|| acr.get("value").map(|value| vec![value.clone()])).unwrap_or_default();
        acr.get("essential") != Some(&Value::Bool(true)) || wanted.is_empty() || wanted.contains(&ACR.into())
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
    fn an_essential_acr_is_met_or_refused() {
        let is_content = |acr: &str| {
            Claims::read(&format!(r#"{{"id_token":{{"acr":{acr}}}}}"#)).expect("claims").is_content_with_acr()
        };
        for met in ["null", r#"{"essential":true}"#, r#"{"essential":true,"values":["2","1"]}"#, r#"{"value":"9"}"#] {
            assert!(is_content(met), "{met}");
        }
        assert!(!is_content(r#"{"essential":true,"value":"2"}"#));
        assert!(!is_content(r#"{"essential":true,"values":["2"]}"#));
    }
}
