//! Values as they may be shown: in the audit trail, in a complaint, in a log.

/// What takes the place of a secret.
pub const HIDDEN: &str = "***";

/// Parameters whose names say so, or have this in them, have a secret for a value.
const SECRETIVE: [&str; 9] = ["pass", "pwd", "secret", "token", "key", "sig", "auth", "cred", "code"];

/// Where our own token goes, which is not there yet.
const PLACE_OF_TOKEN: &str = "{token}";

/// The same without user and password, and without the values of parameters that sound like secrets. What looks only
/// remotely like a URL is taken for one: rather is too much hidden than too little.
pub fn without_secrets(value: &str) -> String {
    // A password may have an `@` that is not encoded, or a `?`, a `/` or a `#`.
    let users_end = value.rfind('@').filter(|at| value[..*at].contains(':'));
    let (start, rest) = match users_end {
        Some(at) => {
            let scheme = value[..at].find("://").map_or("", |colon| &value[..colon + 3]);
            (format!("{scheme}{HIDDEN}@"), &value[at + 1..])
        }
        None => (String::new(), value),
    };
    let (place, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    start + place + &with_quiet_parameters(query)
}

fn with_quiet_parameters(query: &str) -> String {
    let mut shown = String::with_capacity(query.len());
    for part in query.split_inclusive(['?', '&', '#', ';', ',', ' ']) {
        let end = part.len() - usize::from(part.ends_with(['?', '&', '#', ';', ',', ' ']));
        let (pair, separator) = part.split_at(end);
        match pair.split_once('=') {
            Some((name, value)) if !value.is_empty() && value != PLACE_OF_TOKEN && is_secretive(name) => {
                shown.extend([name, "=", HIDDEN]);
            }
            _ => shown.push_str(pair),
        }
        shown.push_str(separator);
    }
    shown
}

fn is_secretive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETIVE.iter().any(|secretive| name.contains(secretive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_password_are_not_shown() {
        for value in [
            "http://user:hunter2@127.0.0.1:1",
            "https://hunter2:@collector.example",
            "postgres://me:hunter2@h1:5432,h2:5433/portero",
            "postgres://me:hun?ter2@h1/portero",
            "postgres://me:hunter2@x@h1/portero",
            "postgres://me:/hunter2@h1/portero",
            "user:hunter2@mail.example.com",
            "https://app.example.com,https://u:hunter2@b.example.com",
            "https://app.example.com/reset?user=a&password=hunter2",
            "postgres://h/db?sslmode=require&sslpassword=hunter2&user=me",
            "https://app.example.com/#access_token=hunter2",
            "https://app.example.com/?API-KEY=hunter2",
            "https://app.example.com/?a=b&X-Signature=hunter2#x",
        ] {
            let shown = without_secrets(value);
            assert!(!shown.contains("hunter2") && !shown.contains("ter2") && shown.contains("***"), "{value}: {shown}");
        }
        assert_eq!(without_secrets("http://user:hunter2@127.0.0.1:1/a?b=c"), "http://***@127.0.0.1:1/a?b=c");
    }

    #[test]
    fn all_else_is_shown_as_it_is() {
        for value in [
            "300",
            "https://app.example.com,http://localhost:5173",
            "https://app.example.com/reset?token={token}&lang=es",
            "https://app.example.com/#/join/{token}",
            "'Example <portero@example.com>'",
            "info,portero::access=warn",
            "10.0.0.0/8,127.0.0.1",
            "parentbased_traceidratio",
            "content-type,authorization,token",
            "0.0.0.0:7878",
        ] {
            assert_eq!(without_secrets(value), value);
        }
    }
}
