//! What a tool takes from the server instead of its own environment.

use super::Config;

/// What says how long sessions live.
const OF_SESSIONS: &[&str] = &[
    "TOKEN_TTL_SECONDS",
    "TOKEN_RENEW_THRESHOLD_SECONDS",
    "TOKEN_MAX_AGE_SECONDS",
    "REFRESH_TTL_SECONDS",
    "REFRESH_MAX_AGE_SECONDS",
    "REFRESH_GRACE_SECONDS",
    "SESSIONS_PER_PERSON",
];

impl Config {
    /// The same, but for sessions, which live as the server says that was started with these settings.
    #[must_use]
    pub fn with_sessions_of(self, settings: Vec<(String, String)>) -> Self {
        let of_sessions = settings.into_iter().filter(|(name, _)| OF_SESSIONS.contains(&name.as_str()));
        let (Self { lifetime, families, sessions_per_person, .. }, _) = Self::examine(of_sessions);
        Self { lifetime, families, sessions_per_person, ..self }
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn sessions_live_as_the_server_says_and_all_else_is_the_tools_own() {
        let vars =
            |all: &[(&str, &str)]| all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let own: Vec<(String, String)> = vars(&[("TOKEN_TTL_SECONDS", "60"), ("MAX_CONNECTIONS", "3")]);
        let own = Config::from_vars(own).expect("settings");
        let served = own.with_sessions_of(vars(&[("TOKEN_MAX_AGE_SECONDS", "7200"), ("MAX_CONNECTIONS", "99")]));
        assert_eq!(served.lifetime.sliding, Duration::seconds(300), "by default");
        assert_eq!((served.lifetime.absolute, served.max_connections), (Duration::hours(2), 3));
    }
}
