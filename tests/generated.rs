//! Files that are made from the code and committed all the same, because people and scripts read them, and because
//! their diffs show what a change does to the database and to callers.
//!
//! Make them anew: `UPDATE_GENERATED=1 cargo test --test generated`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use portero::app::database::MIGRATIONS;

#[test]
fn the_schema_is_that_of_the_migrations() {
    check("db/schema.sql", &schema());
}

#[test]
fn the_openapi_document_is_that_of_the_code() {
    let document = portero::app::document();
    let json = document.to_pretty_json().expect("the document is JSON");
    check("docs/openapi.json", &format!("{json}\n"));
}

/// Of two schemas with one name the document has only one, whichever comes first.
#[test]
fn every_schema_of_the_openapi_document_is_one_type() {
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, source) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let (mut has_schema, mut renamed) = (false, None);
        for line in source.lines().map(str::trim) {
            has_schema |= line.starts_with("#[derive") && line.contains("ToSchema");
            if let Some((_, name)) = line.split_once("schema(as = ") {
                renamed = name.split([')', ',']).next().map(str::to_owned);
            }
            let item = line.split("struct ").nth(1).or_else(|| line.split("enum ").nth(1));
            let is_item = !line.starts_with("//") && !line.starts_with('#');
            if let Some(name) = item.filter(|_| is_item) {
                let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                // Macros name theirs where they are used.
                if std::mem::take(&mut has_schema) && !name.is_empty() {
                    types.entry(renamed.take().unwrap_or_else(|| name.to_owned())).or_default().push(path.clone());
                }
            }
        }
    }
    assert!(types.len() > 150, "{types:?}");
    types.retain(|_, places| places.len() > 1);
    assert!(types.is_empty(), "give one of them another name, or `#[schema(as = …)]`: {types:?}");
}

/// All files of a folder, with their paths.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap_or_default()));
        }
    }
    found
}

#[test]
fn every_test_that_the_security_claims_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_of_names =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/".contains(&b));
    for (page, least) in [("docs/asvs.md", 100), ("docs/oauth.md", 30)] {
        let claims = fs::read_to_string(root.join(page)).expect("the claims");
        let quoted = claims.split('`').skip(1).step_by(2);
        let named: BTreeSet<(&str, &str)> = quoted
            .filter_map(|word| word.split_once("::"))
            .filter(|(file, test)| is_of_names(file) && is_of_names(test))
            .collect();
        assert!(named.len() > least, "{page}: {named:?}");
        for (file, test) in named {
            let source = fs::read_to_string(root.join(format!("tests/api/{file}.rs"))).unwrap_or_default();
            assert!(source.contains(&format!("fn {test}()")), "{page} names {file}::{test}, which is not there");
        }
    }
}

#[test]
fn every_action_of_the_audit_trail_is_explained() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.md")).expect("the page");
    for action in portero::gate::audit::Action::ALL {
        assert!(page.contains(&format!("| `{}` |", action.as_str())), "docs/audit.md lacks {}", action.as_str());
    }
}

/// Compares, or writes when asked to.
fn check(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&file, expected).expect("it can be written");
        return;
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    let differs = committed.lines().zip(expected.lines()).position(|(is, should)| is != should);
    assert!(
        committed == expected,
        "{path} is out of date from line {}: run `UPDATE_GENERATED=1 cargo test --test generated` and commit it",
        differs.unwrap_or_else(|| committed.lines().count().min(expected.lines().count())) + 1,
    );
}

/// All migrations in order, and the notes about them that sqlx keeps, so that the server does not run them again.
fn schema() -> String {
    let mut sql = String::from(
        "-- The whole schema, for `db/run_all.sql` and for reading.\n\
         -- Generated from migrations/: don't edit. `UPDATE_GENERATED=1 cargo test --test generated` makes it anew.\n",
    );
    for migration in MIGRATIONS.iter() {
        let _ = write!(sql, "\n\n-- migrations/{:04}: {}\n\n", migration.version, migration.description);
        sql.push_str(migration.sql.as_str().trim_end());
        sql.push('\n');
    }
    sql.push_str(
        "\n\n-- What the server reads at its start: which migrations have been run, and that they were these (SHA-384).\n\n\
         create table _sqlx_migrations (\n    \
             version        bigint primary key,\n    \
             description    text not null,\n    \
             installed_on   timestamptz not null default now(),\n    \
             success        boolean not null,\n    \
             checksum       bytea not null,\n    \
             execution_time bigint not null\n\
         );\n\n\
         insert into _sqlx_migrations (version, description, success, checksum, execution_time)\n\
         values",
    );
    for (n, migration) in MIGRATIONS.iter().enumerate() {
        let _ = write!(
            sql,
            "{}\n    ({}, '{}', true,\n     '\\x{}', 0)",
            if n == 0 { "" } else { "," },
            migration.version,
            migration.description.replace('\'', "''"),
            hex::encode(&*migration.checksum),
        );
    }
    sql.push_str(";\n");
    sql
}

/// What any path may answer, known or not, or none: no operation of the OpenAPI document lists these.
const ANYWHERE: [&str; 5] =
    ["https_required", "internal_error", "method_not_allowed", "route_not_found", "too_many_connections"];

#[test]
fn the_list_of_errors_is_that_of_the_openapi_document() {
    let page = include_str!("../docs/errors.md");
    let listed: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(code, _)| code).collect();

    let document = portero::app::document();
    let document = serde_json::to_value(document).expect("the document is JSON");
    let operations = document["paths"].as_object().into_iter().flatten().filter_map(|(_, item)| item.as_object());
    let responses = operations.flatten().filter_map(|(_, operation)| operation["responses"].as_object()).flatten();
    let documented: BTreeSet<String> = responses
        .filter_map(|(_, response)| response["content"]["application/problem+json"]["examples"].as_object())
        .flat_map(|examples| examples.keys().cloned())
        .chain(ANYWHERE.map(str::to_owned))
        .collect();

    assert_eq!(listed, documented.iter().map(String::as_str).collect());
}
