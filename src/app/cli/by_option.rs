//! What is wrong with a request, told by the option that it was typed in.

use crate::base::error::Error;

/// Says of a refusal which option it is about. Of `options` each is a field of the request, or the code of a refusal, with its option.
pub(super) fn by_option(error: Error, options: &[(&str, &str)]) -> anyhow::Error {
    let Error::Refused(refusal) = &error else { return error.into() };
    let (code, detail) = (refusal.code, &refusal.detail);
    let is_about = |name: &str| code == name || detail.starts_with(&format!("`{name}`: "));
    match options.iter().find(|(name, _)| is_about(name)) {
        None => error.into(),
        Some((name, option)) if code == *name => anyhow::Error::from(error).context(format!("`{option}`")),
        Some((_, option)) => error.of_field(option).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::error::causes;

    #[test]
    fn a_refusal_names_the_option() {
        let options = &[("scopes", "--scope"), ("group_not_found", "--group")];
        let told = |error| causes(&by_option(error, options));
        assert_eq!(told(Error::invalid_field("scopes", "at most 20")), "`--scope`: at most 20");
        assert_eq!(told(Error::not_found("group_not_found", "no such group")), "`--group`: no such group");
        assert_eq!(told(Error::invalid_field("scope", "none")), "`scope`: none");
    }
}
