//! What the house asks of its source (`ARCHITECTURE.md`) and no compiler keeps: which floor and which room may use which,
//! where SQL and HTTP may stand, how long files and functions may be.
//!
//! What does not keep to it yet is listed with a reason. The lists may only shrink: an entry that is not needed fails, too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The floors from the lowest up, each with its rooms: one may use those listed before it. A floor's own `mod.rs` holds its
/// state: it knows all its rooms, and they know it.
const FLOORS: &[(&str, &[&str])] = &[
    (
        "base",
        &[
            "amr",
            "request_id",
            "no_primary",
            "error",
            "secret",
            "masked",
            "clock",
            "names",
            "id",
            "moment",
            "opaque",
            "network",
            "locale",
            "made",
            "patch",
            "object",
            "email",
            "person",
            "attributes",
        ],
    ),
    (
        "platform",
        &[
            "files",
            "memory",
            "cores",
            "spreadsheet",
            "ownership",
            "traces",
            "log",
            "vault",
            "tls",
            "outbound",
            "jwks",
            "metrics",
            "database",
            "shares",
            "passwords",
            "mail",
            "http",
        ],
    ),
    (
        "gate",
        &[
            "permission",
            "vault",
            "sessions",
            "keys",
            "effective",
            "store",
            "warnings",
            "uses",
            "people",
            "checks",
            "access_tokens",
            "api_keys",
            "check",
            "idempotency",
            "audit",
            "actor",
            "backend",
            "presented",
            "foreign",
            "caller",
            "principal",
            "can",
            "begin",
            "routes",
        ],
    ),
    (
        "identity",
        &[
            "devices",
            "attempts",
            "mail",
            "people",
            "factors",
            "sessions",
            "passkeys",
            "login",
            "accounts",
            "api_keys",
            "robots",
            "providers",
        ],
    ),
    (
        "access",
        &[
            "services",
            "permissions",
            "roles",
            "grants",
            "groups",
            "keys",
            "issuers",
            "administrators",
            "keeper",
            "policies",
            "resources",
            "authzen",
            "explanations",
        ],
    ),
    (
        "oauth",
        &[
            "error",
            "form",
            "parameters",
            "issuer",
            "keys",
            "scopes",
            "audience",
            "claims",
            "clients",
            "dpop",
            "tokens",
            "backchannel_logout",
            "consents",
            "authorizations",
            "device",
            "token",
            "introspection",
            "revocation",
            "userinfo",
            "logout",
            "registration",
            "discovery",
            "predecessor",
        ],
    ),
    (
        "pages",
        &[
            "words",
            "brand",
            "told",
            "place",
            "visit",
            "page",
            "sent",
            "files",
            "home",
            "device_query",
            "purpose",
            "doors",
            "second_step",
            "login",
            "field",
            "member",
            "new_password",
            "account",
            "register",
            "forgot_password",
            "reset_password",
            "verify_email",
            "done",
            "providers",
            "come_back",
            "consent",
            "authorize",
            "device",
            "logout",
            "unknown",
        ],
    ),
    ("app", &["config", "database", "openapi", "changes", "trail", "docs", "health", "build", "plan", "serve", "cli"]),
];

/// A room that uses one listed after it.
const BACKWARDS: &[(&str, &str, &str)] = &[
    ("access/roles", "grants", "a role that grows looks at who holds it; wants the look in a room of its own"),
    ("access/grants", "keys", "the sweep of what has expired takes keys, too; wants a room above both"),
];

/// Files with SQL that are no stores.
const SQL_ELSEWHERE: &[(&str, &str)] = &[
    ("app/cli/import/predecessor/source.rs", "another system's tables, which no migration of ours describes"),
    ("app/database.rs", "databases and migrations, not tables"),
    ("platform/http/total.rs", "counts the rows of whatever query a list has"),
];

/// Paths of routes that stand elsewhere than at their handlers.
const PATHS_ELSEWHERE: &[(&str, &str)] = &[
    ("app/docs.rs /openapi.json", "what the page of the reference loads"),
    ("identity/accounts/me_routes.rs /people/{id}/services", "a link to the next page"),
    ("oauth/audience.rs /services/{id}", "the name of a resource (RFC 8707)"),
    ("oauth/authorizations/pushed_routes.rs /oauth/par", "proofs are for it"),
    ("oauth/clients/assertion.rs /oauth/", "assertions name what is below it as their audience"),
    ("oauth/discovery/authzen.rs /.well-known/authzen-configuration", "it is elsewhere for an issuer with a path"),
    ("oauth/discovery/authzen.rs /access/v1/evaluation", "the metadata tells where it is"),
    ("oauth/discovery/authzen.rs /access/v1/evaluations", "the metadata tells where it is"),
    ("oauth/discovery/authzen.rs /access/v1/search/action", "the metadata tells where it is"),
    ("oauth/discovery/authzen.rs /access/v1/search/resource", "the metadata tells where it is"),
    ("oauth/discovery/authzen.rs /access/v1/search/subject", "the metadata tells where it is"),
    ("access/policies/predecessor_routes.rs /auth_policies", "a link to the next page"),
    ("oauth/discovery.rs /.well-known/jwks.json", "the metadata tells where it is"),
    ("oauth/discovery.rs /.well-known/oauth-authorization-server", "the metadata tells where it is"),
    ("oauth/discovery.rs /.well-known/openid-configuration", "the metadata tells where it is"),
    ("oauth/discovery.rs /oauth/authorize", "the metadata tells where it is"),
    ("oauth/device/routes.rs /device", "devices tell where their code is typed"),
    ("oauth/discovery.rs /oauth/device_authorization", "the metadata tells where it is"),
    ("oauth/discovery.rs /oauth/introspect", "the metadata tells where it is"),
    ("oauth/discovery.rs /oauth/logout", "the metadata tells where it is"),
    ("oauth/discovery.rs /oauth/par", "the metadata tells where it is"),
    ("oauth/discovery.rs /oauth/register", "the metadata tells where it is"),
    ("oauth/discovery.rs /oauth/revoke", "the metadata tells where it is"),
    ("oauth/discovery.rs /oauth/token", "the metadata tells where it is"),
    ("oauth/discovery.rs /oauth/userinfo", "the metadata tells where it is"),
    ("oauth/predecessor/token_routes.rs /api/v1/token", "proofs are for it"),
    ("oauth/token/routes.rs /oauth/token", "proofs are for it"),
    ("oauth/userinfo/routes.rs /oauth/userinfo", "proofs are for it"),
    ("pages/device_query.rs /device", "logins for a device go on there"),
    ("oauth/registration/routes.rs /oauth/register/{client_id}", "clients are told where it is"),
    ("pages/purpose.rs /login", "logins begin anew there"),
    ("pages/place.rs /account", "the menu leads there"),
    ("pages/place.rs /account/profile", "the menu leads there"),
    ("pages/place.rs /account/password", "the menu leads there"),
    ("pages/place.rs /account/factors", "the menu leads there"),
    ("pages/place.rs /account/passkeys", "the menu leads there"),
    ("pages/place.rs /account/providers", "the menu leads there"),
    ("pages/place.rs /account/keys", "the menu leads there"),
    ("pages/place.rs /account/email", "the menu leads there"),
    ("pages/place.rs /account/sessions", "the menu leads there"),
    ("pages/place.rs /account/activity", "the menu leads there"),
    ("pages/place.rs /account/applications", "the menu leads there"),
    ("pages/place.rs /account/language", "the menu leads there"),
    ("pages/told.rs /done", "forms of who is not logged in lead there"),
    ("app/config/fields.rs /register", "mails lead there"),
    ("app/config/fields.rs /reset-password", "mails lead there"),
    ("app/config/fields.rs /verify-email", "mails lead there"),
    ("pages/brand.rs /pages/logo", "every page links to it"),
    ("pages/brand.rs /pages/passkey.js", "pages that ask for passkeys link to it"),
    ("pages/brand.rs /pages/style.css", "every page links to it"),
    ("pages/forgot_password.rs /forgot-password", "where the link of a mail that is over leads"),
];

/// Longer functions than [`LONGEST_FUNCTION`].
const LONG_FUNCTIONS: &[(&str, &str)] = &[
    ("access/grants/store/gains.rs planted_for_newcomers", "one statement"),
    ("access/grants/store/lists.rs list", "one statement"),
    ("access/grants/store/pre_hijacking.rs planted_for_holders", "one statement"),
    ("access/grants/store/review.rs confirm", "one statement"),
    ("access/grants/store/review.rs review", "one statement"),
    ("access/groups/store/members.rs list", "one statement"),
    ("access/policies/store/subjects.rs find_all", "one statement"),
    ("access/policies/store/walk.rs next", "one statement"),
    ("access/resources/store/roles.rs list", "one statement"),
    ("app/config/mod.rs examine", "a line a setting"),
    ("app/openapi/related.rs relate_fields", "a line a field"),
    ("gate/store/takeover.rs held_beyond", "one statement"),
    ("identity/mail/texts/english.rs say", "a mail an arm"),
    ("identity/mail/texts/spanish.rs say", "a mail an arm"),
    ("identity/sessions/store/begin.rs insert", "one statement"),
];

/// Longer files than [`LONGEST_FILE`].
const LONG_FILES: &[(&str, &str)] = &[];

const LONGEST_FUNCTION: usize = 60;
const LONGEST_FILE: usize = 350;

/// A file of `src/`.
struct Source {
    /// Below `src/`.
    path: String,
    /// The floor and the room that it is in; no room for the floor's own `mod.rs`.
    place: (String, String),
    text: String,
}

impl Source {
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut sources = Vec::new();
        let mut directories = vec![root.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let below = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
                    sources.push(Self::read(below, &fs::read_to_string(&path).expect("a text")));
                }
            }
        }
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        sources
    }

    /// Without comments, and without the tests at its end, which may use what they like.
    fn read(path: String, text: &str) -> Self {
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let code = text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
        let text = code.collect::<Vec<_>>().join("\n");
        let module = module_of(&path);
        let part = |n: usize| module.get(n).cloned().unwrap_or_default();
        Self { place: (part(0), part(1)), path, text }
    }

    fn is_store(&self) -> bool {
        self.path.ends_with("/store.rs") || self.path.contains("/store/")
    }

    /// Every path in it that begins with `crate` or `super`, as one from the root.
    fn uses(&self) -> BTreeSet<Vec<String>> {
        let module = module_of(&self.path);
        let mut uses = BTreeSet::new();
        for (at, _) in self.text.match_indices("crate::") {
            if !self.text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                uses.extend(paths(&self.text[at + "crate::".len()..]));
            }
        }
        for (at, _) in self.text.match_indices("super::") {
            let (mut rest, mut up) = (&self.text[at..], 0);
            if self.text[..at].ends_with("super::") {
                continue;
            }
            while let Some(inner) = rest.strip_prefix("super::") {
                (rest, up) = (inner, up + 1);
            }
            let above = module.len().saturating_sub(up);
            uses.extend(paths(rest).into_iter().map(|path| [&module[..above], &path].concat()));
        }
        uses
    }
}

fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// The paths that a text begins with: `a::b`, or all of `a::{b, c::d}`.
fn paths(text: &str) -> Vec<Vec<String>> {
    if let Some(inner) = text.strip_prefix('{') {
        let mut found = Vec::new();
        let (mut depth, mut start) = (0, 0);
        for (at, c) in inner.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    found.extend(paths(inner[start..at].trim()));
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.extend(paths(inner[start..at].trim()));
                    start = at + 1;
                }
                _ => {}
            }
        }
        return found;
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Vec::new();
    }
    match rest.strip_prefix("::") {
        Some(rest) => {
            let deeper = paths(rest).into_iter().map(|path| [vec![name.to_owned()], path].concat()).collect::<Vec<_>>();
            if deeper.is_empty() { vec![vec![name.to_owned()]] } else { deeper }
        }
        None => vec![vec![name.to_owned()]],
    }
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|(floor, _)| *floor == name)
}

fn room(floor: usize, name: &str) -> Option<usize> {
    FLOORS[floor].1.iter().position(|room| *room == name)
}

/// What is found must be what is listed, no more and no less.
fn assert_listed<'a>(rule: &str, found: &BTreeSet<String>, listed: impl IntoIterator<Item = &'a str>) {
    let listed: BTreeSet<String> = listed.into_iter().map(str::to_owned).collect();
    let new: Vec<_> = found.difference(&listed).collect();
    assert!(new.is_empty(), "{rule}: {new:#?}");
    let over: Vec<_> = listed.difference(found).collect();
    assert!(over.is_empty(), "no exceptions from \"{rule}\" any more, take them off the list: {over:#?}");
}

#[test]
fn whatever_uses_something_stands_above_it() {
    let (mut up, mut backwards) = (BTreeSet::new(), BTreeSet::new());
    for source in Source::all() {
        let (Some(ours), here) = (floor(&source.place.0), &source.place.1) else { continue };
        if !here.is_empty() {
            assert!(room(ours, here).is_some(), "{}: name the room in FLOORS, where it belongs", source.path);
        }
        for path in source.uses() {
            let Some(theirs) = floor(&path[0]) else { continue };
            if theirs > ours {
                up.insert(format!("{} uses {}", source.path, path.join("::")));
            }
            let there = path.get(1).and_then(|name| room(theirs, name));
            if let (true, Some(from), Some(to)) = (theirs == ours, room(ours, here), there)
                && to > from
            {
                backwards.insert(format!("{}/{here} uses {}", source.place.0, FLOORS[theirs].1[to]));
            }
        }
    }
    assert_listed("no floor uses one above it", &up, []);
    let excused: Vec<String> = BACKWARDS.iter().map(|(from, to, _)| format!("{from} uses {to}")).collect();
    assert_listed("a room uses those listed before it", &backwards, excused.iter().map(String::as_str));
}

#[test]
fn sql_stands_in_stores() {
    let sources = Source::all();
    let asks = |source: &&Source| {
        ["sqlx::query", "query!(", "query_as!(", "query_scalar!("].iter().any(|sql| source.text.contains(sql))
    };
    let elsewhere =
        sources.iter().filter(|source| !source.is_store() && !source.path.starts_with("platform/database/"));
    let found = elsewhere.filter(asks).map(|source| source.path.clone()).collect();
    assert_listed("SQL stands in stores", &found, SQL_ELSEWHERE.iter().map(|(path, _)| *path));
}

#[test]
fn stores_and_the_command_line_know_nothing_of_http() {
    let sources = Source::all();
    let without = |source: &&Source| source.is_store() || source.path.starts_with("app/cli/");
    let knows = |source: &&Source| ["axum", "StatusCode", ".status()"].iter().any(|http| source.text.contains(http));
    let found = sources.iter().filter(without).filter(knows).map(|source| source.path.clone()).collect();
    assert_listed("stores and the command line know nothing of HTTP", &found, []);
}

/// Where a layer or the document needs to know more of a route, its registration says so (`Facts`).
#[test]
fn paths_stand_at_their_handlers() {
    let document = portero::app::document();
    // Whatever their parameters are called.
    let plain = |path: &str| {
        path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
    };
    let paths: BTreeSet<String> = document.paths.paths.keys().map(|path| plain(path)).collect();
    let is_of_routes = |text: &str| {
        let begins_some = text.ends_with('/') && text.len() > 1 && paths.iter().any(|path| path.starts_with(text));
        text.len() > 1 && (paths.contains(&plain(text)) || begins_some)
    };
    let mut found = BTreeSet::new();
    for source in Source::all() {
        let literals = source.text.split('"').collect::<Vec<_>>();
        for pair in literals.windows(2) {
            if is_of_routes(pair[1]) && !pair[0].ends_with("path = ") {
                found.insert(format!("{} {}", source.path, pair[1]));
            }
        }
    }
    assert_listed("paths stand at their handlers", &found, PATHS_ELSEWHERE.iter().map(|(path, _)| *path));
}

#[test]
fn files_and_functions_can_be_taken_in() {
    let (mut files, mut functions) = (BTreeSet::new(), BTreeSet::new());
    for source in Source::all() {
        if source.text.lines().count() > LONGEST_FILE {
            files.insert(source.path.clone());
        }
        let lines: Vec<&str> = source.text.lines().collect();
        for (first, line) in lines.iter().enumerate() {
            let Some(name) = function(line) else { continue };
            let indent = line.len() - line.trim_start().len();
            let is_end = |line: &&str| line.len() == indent + 1 && line.trim_start() == "}";
            let length = lines[first..].iter().position(is_end).map_or(1, |last| last + 1);
            if length > LONGEST_FUNCTION && !line.ends_with('}') && !line.ends_with(';') {
                functions.insert(format!("{} {name}", source.path));
            }
        }
    }
    assert_listed("no file is longer than a reader's patience", &files, LONG_FILES.iter().map(|(path, _)| *path));
    let excused = LONG_FUNCTIONS.iter().map(|(function, _)| *function);
    assert_listed("no function is longer than a screen", &functions, excused);
}

/// In `ARCHITECTURE.md`: whatever stands between backticks and looks like a path, from the root or within a floor.
#[test]
fn the_map_names_only_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the map");
    let is_path = |text: &&str| {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c));
        let ends = [".rs", ".sql", ".md", "/"].iter().any(|end| text.ends_with(end));
        plain && ends && !text.starts_with('/')
    };
    let places: Vec<_> =
        [root.to_owned()].into_iter().chain(FLOORS.iter().map(|(floor, _)| root.join("src").join(floor))).collect();
    // What is common to many rooms is named without one.
    let of_any_room = ["mod.rs", "routes.rs", "store.rs", "store/"];
    let gone: Vec<&str> = map
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(is_path)
        .filter(|path| !of_any_room.contains(path) && !places.iter().any(|place| place.join(path).exists()))
        .collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names what is not there: {gone:?}");
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_head = before
        .split_whitespace()
        .all(|word| word.starts_with("pub") || ["async", "const", "unsafe"].contains(&word) || word.ends_with(')'));
    is_head.then(|| after.split(['(', '<']).next().unwrap_or_default())
}
