//! Which addresses others may name. They are compared to the letter later, and so are kept as they were written.

use url::Url;

/// How long an address may be.
const LONGEST: usize = 2000;

/// Refuses what Portero could not call, or not without telling others.
pub fn must_be_for_calls(text: &str) -> Result<(), String> {
    let url = read_uri(text)?;
    if url.scheme() != "https" {
        return Err("must begin with https://: Portero calls nothing else".into());
    }
    if url.host().is_none() { Err("names no host".into()) } else { Ok(()) }
}

/// Reads an absolute URI without a wildcard, a fragment or credentials in it.
pub fn read_uri(text: &str) -> Result<Url, String> {
    if text.len() > LONGEST {
        return Err(format!("too long: at most {LONGEST} characters"));
    }
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '\\' | '"' | '<' | '>' | '`')) {
        return Err(format!("must have no `{}` in it: percent-encode that in a URI", odd.escape_debug()));
    }
    if text.contains('*') {
        return Err("must have no wildcard: it is compared to the letter; name each address".into());
    }
    if text.contains('#') {
        return Err("must have no fragment: leave out `#` and what follows".into());
    }
    let url =
        Url::parse(text).map_err(|_| "must be an absolute URI, such as https://app.example/callback".to_owned())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has credentials in it".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_is_https() {
        assert_eq!(must_be_for_calls("https://app.example/logout"), Ok(()));
        for bad in [
            "http://127.0.0.1:9000/logout",
            "http://app.example/logout",
            "com.example.app:/x",
            "ftp://app.example/",
            "https://a.example/#x",
        ] {
            assert!(must_be_for_calls(bad).is_err(), "{bad}");
        }
    }
}
