//! Scopes that stand for a permission in a service: `<service>:<permission>`.

use crate::gate::Effective;

/// What a scope of this service names there: all that follows, whatever colons it has.
pub fn named_in<'a>(scope: &'a str, service: &str) -> Option<&'a str> {
    scope.strip_prefix(service)?.strip_prefix(':')
}

/// Whether a scope may stand for a permission: the standard's own have no colon.
pub fn is_of_a_service(scope: &str) -> bool {
    scope.contains(':')
}

/// What is left of what somebody holds in a service, where these scopes are all that a token may be used for: all of it, if
/// none of them is of this service and the token `is_narrowed` there by none of before. Roles are not told of what is only a
/// part.
pub fn narrowed(effective: &Effective, service: &str, scopes: &[String], is_narrowed: bool) -> Option<Effective> {
    let of_service: Vec<&str> = scopes.iter().filter_map(|scope| named_in(scope, service)).collect();
    if of_service.is_empty() && !is_narrowed {
        return None;
    }
    let permissions = effective.permissions.iter().filter(|held| of_service.contains(&&***held));
    let permissions = permissions.cloned().collect();
    Some(Effective { roles: Vec::new(), permissions, ends_at: effective.ends_at, claims: effective.claims.clone() })
}

/// Those of `scopes` that are of this service.
pub fn of_service<'a>(service: &'a str, scopes: &'a [String]) -> impl Iterator<Item = &'a String> {
    scopes.iter().filter(move |scope| named_in(scope, service).is_some())
}

/// Those of them whose permission is held there.
pub fn held<'a>(effective: &Effective, service: &str, scopes: &'a [String]) -> impl Iterator<Item = &'a String> {
    let held: Vec<String> = effective.permissions.iter().map(|held| format!("{service}:{held}")).collect();
    scopes.iter().filter(move |scope| held.contains(scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(permissions: &[&str]) -> Effective {
        let permissions = permissions.iter().map(|name| (*name).into()).collect();
        Effective { roles: vec!["Viewer".into()], permissions, ..Effective::default() }
    }

    fn scopes(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn left(held: &[&str], service: &str, asked: &[&str]) -> Option<Vec<String>> {
        let left = narrowed(&holds(held), service, &scopes(asked), false)?;
        assert!(left.roles.is_empty());
        Some(left.permissions.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn scopes_of_a_service_narrow_what_is_held_there_and_nowhere_else() {
        assert_eq!(left(&["read", "write"], "UI Store", &["openid"]), None);
        assert_eq!(left(&["read", "write"], "UI Store", &["openid", "Till:read"]), None);
        assert_eq!(left(&["read", "write"], "UI Store", &["UI Store:read"]), Some(scopes(&["read"])));
        assert_eq!(left(&["write"], "UI Store", &["UI Store:read"]), Some(vec![]));
        assert_eq!(left(&["orders:read", "orders"], "Till", &["Till:orders:read"]), Some(scopes(&["orders:read"])));
        assert_eq!(left(&["año: 100 %"], "Till", &["Till:año: 100 %"]), Some(scopes(&["año: 100 %"])));
    }

    #[test]
    fn what_was_narrowed_by_a_name_that_is_gone_is_nothing() {
        let left = narrowed(&holds(&["read"]), "Shop", &scopes(&["openid", "Store:read"]), true);
        assert!(left.is_some_and(|left| left.permissions.is_empty() && left.roles.is_empty()));
    }

    #[test]
    fn a_service_whose_name_has_a_colon_takes_only_its_own() {
        let asked = ["Till:orders:read"];
        assert_eq!(left(&["read"], "Till:orders", &asked), Some(scopes(&["read"])));
        assert_eq!(left(&["read"], "Till", &asked), Some(vec![]), "less rather than more");
    }

    #[test]
    fn of_the_scopes_of_a_service_those_are_held_whose_permission_is() {
        let asked = scopes(&["openid", "Till:read", "Till:write", "Store:read"]);
        assert_eq!(held(&holds(&["read"]), "Till", &asked).collect::<Vec<_>>(), ["Till:read"]);
    }
}
