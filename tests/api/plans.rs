//! No statement walks through a table that grows with the people: each is explained on a world large enough for Postgres
//! to prefer an index wherever there is one, once for any parameters and once for likely ones.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use time::OffsetDateTime;

use crate::support::{Data, TestDatabase};

#[path = "../../benches/world/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the figures need more of it")]
mod world;

const PEOPLE: i32 = 20_000;

/// The tables that grow with the people.
const BIG: &[&str] = &[
    "access_tokens",
    "api_key_scopes",
    "api_keys",
    "audit_events",
    "audit_seals",
    "authorization_refresh_tokens",
    "authorizations",
    "changes",
    "consents",
    "group_members",
    "group_people",
    "group_people_services",
    "login_attempts",
    "pending_logins",
    "recovery_codes",
    "totp_factors",
    "trusted_devices",
    "person",
    "person_devices",
    "passkey_users",
    "passkeys",
    "person_service_role",
    "refresh_families",
    "refresh_tokens",
    "role",
    "role_permission",
    "service_roles",
    "service_uses",
    "tokens_cache",
];

/// What says who holds what: Postgres writes these into the statement that asks, or plans it blindly.
const WRITTEN_IN: &[&str] = &[
    "lasts",
    "carried_at",
    "roles_at",
    "roles_given_at",
    "roles_by_groups_at",
    "roles_on_resources_at",
    "held_on_resources_at",
    "held_at",
    "held_given_at",
    "held_by_groups_at",
    "acting_key",
    "acting_key_owner",
    "key_allows",
    "held_where",
    "held_in",
    "ways_by_groups",
    "ways_to_roles",
    "groups_at",
    "ways_in",
];

/// What the statements of checks say of a batch, so that Postgres plans them once.
const ALL_OF_A_BATCH: &str = "place between 1 and cardinality($1)";

/// All that is read to answer a check, be there one grant or a million.
const READ_FOR_CHECKS: &[&str] = &[
    "Function Scan asked",
    "Index Scan access_tokens_pkey",
    "Index Scan api_keys_key_hash_key",
    "Index Only Scan api_key_scopes_pkey",
    "Index Scan authorizations_pkey",
    "Index Scan clients_pkey",
    "Index Scan person_pkey",
    "Index Only Scan client_audience_pkey",
    "Bitmap Heap Scan client_audience",
    "Bitmap Index Scan client_audience_pkey",
    "Index Scan access_tokens_pkey",
    // No client has many.
    "Index Scan client_secrets_client_idx",
    "Index Scan clients_client_id_key",
    "Index Scan clients_pkey",
    "Index Scan person_client_key",
    "Index Scan person_pkey",
    // By what tokens of other issuers call people.
    "Index Scan person_username_key",
    "Bitmap Heap Scan person",
    "Bitmap Index Scan person_email_key",
    // Few, like this.
    "Seq Scan services",
    "Index Scan trusted_issuers_issuer_key",
    "Index Scan trusted_issuers_pkey",
    "Index Scan service_keys_key_hash_key",
    "Index Only Scan person_service_role_pkey",
    "Index Only Scan group_people_pkey",
    "Index Only Scan group_people_services_pkey",
    "Bitmap Heap Scan group_people_services",
    "Bitmap Index Scan group_people_services_pkey",
    "Index Only Scan group_people_group_idx",
    "Bitmap Heap Scan group_people",
    "Bitmap Index Scan group_people_pkey",
    "Index Only Scan group_service_role_pkey",
    "Index Only Scan role_permission_pkey",
    "Index Scan role_direct_key",
    "Index Scan tokens_cache_pkey",
    "Seq Scan vocabulary",
    // Decisions name their subjects.
    "Bitmap Heap Scan person",
    "Bitmap Index Scan person_email_key",
    "Index Scan person_username_key",
    "Index Scan groups_pkey",
    "Index Only Scan person_service_role_offer_idx",
    "Seq Scan policy_settings",
    // What is held on a resource, and above it.
    "Index Scan resources_key",
    "Index Scan resources_pkey",
    "Index Only Scan resource_ancestors_pkey",
    "Index Only Scan resource_roles_person_key",
    "Index Only Scan resource_roles_group_key",
    "Index Only Scan resource_roles_group_idx",
    "Subquery Scan *SELECT* 1",
    "Subquery Scan *SELECT* 2",
    "Subquery Scan rr_1",
];

/// Statements that may walk through all of a big table. This list should only ever shrink.
const EXCEPTIONS: &[Exception] = &[
    Exception { statement: "setval('auth.person_id_seq'", walks: ANY, _reason: "an import, once, at its end" },
    Exception {
        statement: "jsonb_object_keys(attributes)",
        walks: ANY,
        _reason: "an export, once, before it walks through everybody anyway",
    },
    Exception {
        statement: "where r.owner_id is not null",
        walks: "person by person_owner_idx",
        _reason: "that index has robots alone",
    },
    Exception {
        statement: "position('xn--' in",
        walks: "person by person_email_domain_idx",
        _reason: "that index has the few domains beyond ASCII alone, and is read when Portero starts",
    },
    Exception {
        statement: "where not exists (select from auth.audit_seals",
        walks: ANY,
        _reason: "the whole trail is verified",
    },
    Exception {
        statement: "left join auth.audit_seals seal",
        walks: "audit_events",
        _reason: "it is planned anew each time",
    },
    Exception {
        statement: "from auth.audit_seals order by position desc limit 1",
        walks: "audit_seals by audit_seals_pkey",
        _reason: "it stops at the first",
    },
    Exception {
        statement: "from auth.totp_factors order by sealed_by",
        walks: "totp_factors by totp_factors_sealed_by_idx",
        _reason: "it stops at the first, and at the last",
    },
    Exception {
        statement: "from auth.vocabulary",
        walks: "role by role_listed_idx",
        _reason: "the vocabulary is loaded whole, and that index has no roles of direct grants",
    },
    Exception { statement: "offered.managed", walks: ANY, _reason: "what stands here is read for a file, all of it" },
    Exception { statement: "r.managed,", walks: ANY, _reason: "likewise" },
    Exception { statement: "m.managed", walks: ANY, _reason: "likewise, of people only when they are asked for" },
    Exception { statement: "held.managed", walks: ANY, _reason: "likewise, of people only when they are asked for" },
];

/// Whatever Postgres prefers at the time.
const ANY: &str = "";

struct Exception {
    /// What the statement contains.
    statement: &'static str,
    /// Through which table, or through all of which index of it.
    walks: &'static str,
    /// Why it may.
    _reason: &'static str,
}

impl Exception {
    fn is_about(&self, sql: &str, walks: &str) -> bool {
        sql.contains(self.statement) && [walks, ANY].contains(&self.walks)
    }
}

/// A direct grant for everybody, so that their roles are as many as the people, and much that has changed.
const MORE: &str = "
    insert into auth.role (name, direct_person_id, direct_service_id)
    select format('direct:%s:200', id), id, 200 from auth.person;
    insert into auth.service_roles (service_id, role_id)
    select 200, id from auth.role where direct_service_id = 200;
    insert into auth.role_permission (role_id, permission_id)
    select id, 1 + id % 500 from auth.role where direct_service_id = 200;
    insert into auth.person_service_role (person_id, service_id, role_id)
    select direct_person_id, 200, id from auth.role where direct_service_id = 200;
    insert into auth.resources (service_id, type, key) select 1 + n % 199, 'folder', 'f' || n from generate_series(1, 3000) n;
    insert into auth.resources (service_id, type, key, parent_id)
    select service_id, 'letter', 'l' || id, id from auth.resources;
    insert into auth.resource_roles (service_id, resource_id, role_id, person_id)
    select r.service_id, r.id, offer.role_id, 1 + r.id
    from auth.resources r
    join auth.service_roles offer on offer.service_id = r.service_id and offer.role_id > 0
    where r.type = 'folder';
    insert into auth.groups (name) select format('group%s', n) from generate_series(1, 2000) n;
    insert into auth.group_members (group_id, person_id)
    select 1 + (id + n) % 2000, id from auth.person, generate_series(1, 2) n;
    insert into auth.group_nestings (group_id, member_id) select n, n + 1000 from generate_series(1, 500) n;
    insert into auth.group_service_role (group_id, service_id, role_id)
    select g.id, offer.service_id, offer.role_id
    from auth.groups g
    join auth.service_roles offer on offer.service_id = 1 + g.id % 199 and offer.role_id > 0;
    insert into auth.resource_roles (service_id, resource_id, role_id, group_id)
    select r.service_id, r.id, offer.role_id, 1 + r.id % 2000
    from auth.resources r
    join auth.service_roles offer on offer.service_id = r.service_id and offer.role_id > 0
    where r.type = 'letter';
    update auth.person set email = username || '@example.com', attributes = jsonb_build_object('department', 'd' || id % 100);
    update auth.services set claims = '{department}' where id between 1 and 100;
    insert into auth.service_uses (person_id, service_id, last_used_on)
    select distinct person_id, service_id, current_date from auth.person_service_role;
    insert into auth.changes (position, placed_at, kind, service_id, person_id)
    select n, now(), 'grants-changed', 1 + n % 200, 1 + n % 20000 from generate_series(1, 50000) n;
    insert into auth.login_attempts (key, person_id, failures, forgotten_at, wait_until, last_failed_at, kept_until)
    select 'person:' || id, id, 1, now(), now(), now(), null from auth.person
    union all select 'name:' || n, null, 1, now(), now(), now(), now() from generate_series(1, 20000) n;
    insert into auth.person_devices (person_id, network, device, first_seen_at, last_seen_at)
    select id, '192.0.2.1', sha256(int4send(id + n)), now(), now() from auth.person, generate_series(1, 3) n;
    insert into auth.totp_factors (person_id, name, secret, sealed_by, created_at, confirmed_at, last_step, last_used_at)
    select id, 'Phone', 'sealed', 'a key', now(), now(), 1, now() from auth.person;
    insert into auth.recovery_codes (person_id, selector, code_hash, created_at)
    select id, '000' || n, 'a hash', now() from auth.person, generate_series(1, 3) n;
    insert into auth.pending_logins (token, person_id, amr, refresh, enrols, created_at, expires_at)
    select sha256(int4send(id)), id, '{pwd}', false, false, now(), now() + interval '1 second' * id from auth.person;
    insert into auth.trusted_devices (token, person_id, created_at, last_used_at, expires_at)
    select sha256(int4send(id)), id, now(), now(), now() + interval '1 hour' * id from auth.person;
    insert into auth.passkey_users (person_id, user_handle)
    select id, sha256(int4send(id)) || sha256(int4send(-id)) from auth.person;
    insert into auth.passkeys (person_id, name, credential_id, verifier, is_backup_eligible, is_backed_up)
    select id, 'Phone', sha256(int4send(id + 100000 * n)), 'a key', true, true from auth.person, generate_series(1, 2) n;
    insert into auth.audit_events (at, action, actor, actor_id, subject_id, service_id)
    select now() - interval '1 minute' * (50000 - n), 'action.' || n % 30, 'person', 1 + n % 20000, 1 + n % 19000,
           1 + n % 200
    from generate_series(1, 50000) n;
    insert into auth.audit_seals (position, event_id, hash, sealed_at)
    select id, id, sha256('a hash'), now() from auth.audit_events;
    delete from auth.audit_unsealed where event_id < 49990;
    insert into auth.refresh_families (public_id, person_id, created_at, rotated_at, generation)
    select md5(id::text), id, now(), now(), 3 from auth.person;
    insert into auth.refresh_tokens (token, family_id, generation)
    select sha256(id::text::bytea || int4send(n)), id, n from auth.refresh_families, generate_series(1, 3) n;
    insert into auth.tokens_cache (token, person_id, payload, created_at, modified_at, family_id)
    select sha256(id::text::bytea), person_id, '{}', now(), now(), id from auth.refresh_families;
    insert into auth.clients (client_id, name, service_id, auth_method, grant_types, created_at)
    select 'client-' || n, 'Client', n, 'client_secret_basic', array['authorization_code', 'refresh_token'], now()
    from generate_series(1, 200) n;
    insert into auth.client_secrets (client_id, secret, created_at)
    select id, sha256(id::text::bytea || int4send(n)), now() from auth.clients, generate_series(1, 2) n;
    insert into auth.client_audience (client_id, service_id)
    select id, 1 + (id + n) % 200 from auth.clients, generate_series(1, 2) n;
    insert into auth.service_keys (service_id, key_hash, name)
    select id, sha256(id::text::bytea || int4send(n)), 'key' from auth.services, generate_series(1, 20) n where id > 0;
    insert into auth.authorizations (client_id, person_id, session, scopes, services, auth_time, acr, amr, code,
        code_expires_at, created_at, refreshed_at, expires_at)
    select 1 + id % 200, id, sha256(id::text::bytea), array['openid'], array[1 + id % 200], now(), '1', array['pwd'],
           sha256('code' || id::text::bytea), now(), now(), now(), now() + interval '1 minute' * (id % 1000)
    from auth.person;
    insert into auth.access_tokens (token, authorization_id, client_id, person_id, scopes, services, issued_at, expires_at)
    select sha256(id::text::bytea || int4send(n)), id, client_id, person_id, scopes, services, now(), expires_at
    from auth.authorizations, generate_series(1, 2) n;
    insert into auth.authorization_refresh_tokens (token, authorization_id, created_at)
    select sha256(id::text::bytea || int4send(n)), id, now() from auth.authorizations, generate_series(1, 3) n;
    insert into auth.trusted_issuers (service_id, issuer, person_claim, person_by, jwks_uri)
    select id, 'https://' || n, 'sub', 'id', 'https://a.example' from auth.services, generate_series(1, 10) n where id > 0;
    insert into auth.api_keys (person_id, key_hash, name, created_at, expires_at)
    select id, sha256(id::text::bytea || int4send(n)), 'key', now(), now() + interval '1 minute' * (1 + id)
    from auth.person, generate_series(1, 2) n;
    insert into auth.api_key_scopes (key_id, service_id, permission_id)
    select id, 1 + (id + n) % 199, 1 + id % 500 from auth.api_keys, generate_series(1, 3) n;
    insert into auth.consents (person_id, client_id, scopes, created_at, updated_at)
    select person_id, client_id, scopes, now(), now() from auth.authorizations;
    -- Every row, not some by chance: the plans are the same each time.
    set default_statistics_target = 1000;
    analyze;
";

#[tokio::test]
async fn no_statement_walks_through_a_big_table() {
    let database = TestDatabase::with(Data::Fresh, 1).await;
    let mut conn = PgConnection::connect(&database.url).await.expect("Postgres is there");
    world::fill(&mut conn, world::World { people: PEOPLE }, OffsetDateTime::now_utc()).await.expect("a world");

    sqlx::raw_sql(MORE).execute(&mut conn).await.expect("more");

    let mut faults = BTreeSet::new();
    let mut needed = BTreeSet::new();
    let mut checks = 0;
    for statement in statements() {
        let mut costs = Vec::new();
        for mode in ["generic", "custom"] {
            let plan = explain(&mut conn, &statement, mode).await;
            faults.extend(
                calls(&plan).map(|called| format!("{called} is called, by a {mode} plan of\n{}", statement.sql)),
            );
            if statement.sql.contains(ALL_OF_A_BATCH) {
                let mut read = BTreeSet::new();
                find_scans(&plan, &mut read);
                let more = read.iter().filter(|read| !READ_FOR_CHECKS.contains(&read.as_str()));
                faults.extend(more.map(|more| format!("{more}, by a {mode} plan of\n{}", statement.sql)));
                costs.push(plan[0]["Plan"]["Total Cost"].as_f64().expect("a cost"));
                checks += 1;
            }
            let mut walks = BTreeSet::new();
            find_walks(&plan, &mut walks);
            for walk in walks {
                match EXCEPTIONS.iter().position(|exception| exception.is_about(&statement.sql, &walk)) {
                    Some(exception) => drop(needed.insert(exception)),
                    None => drop(faults.insert(format!("all of {walk}, by a {mode} plan of\n{}", statement.sql))),
                }
            }
        }
        if let [generic, custom] = costs[..]
            && generic > custom + 1.0
        {
            faults.insert(format!("planned anew each time, which costs more than to run it:\n{}", statement.sql));
        }
    }

    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n\n"));
    assert_eq!(
        checks, 28,
        "two plans each of sessions, of these, of access tokens, of API keys and of foreign ones with what is held, of the logins that access tokens came of, \
         of that alone, of clients, of trusted issuers, of keys, of whom backends ask about, of names, of subjects and of what they hold on resources"
    );
    let unneeded: Vec<&str> = EXCEPTIONS
        .iter()
        .enumerate()
        .filter(|(place, _)| !needed.contains(place))
        .map(|(_, exception)| exception.statement)
        .collect();
    assert!(unneeded.is_empty(), "exceptions that are not needed any more: {unneeded:?}");
}

/// How often the index of attributes was asked, and how often all people were gone through.
async fn scans(conn: &mut PgConnection) -> (i64, i64) {
    sqlx::query_as(
        "select pg_stat_get_xact_numscans('auth.person_attributes_idx'::regclass),
                pg_stat_get_xact_numscans('auth.person'::regclass)",
    )
    .fetch_one(conn)
    .await
    .expect("statistics")
}

/// A function plans what it asks by itself: so this looks at what is read.
#[tokio::test]
async fn people_are_found_by_their_attributes_through_the_index() {
    let database = TestDatabase::with(Data::Fresh, 1).await;
    let mut conn = PgConnection::connect(&database.url).await.expect("Postgres is there");
    let people = "insert into auth.person (username, name, attributes)
                  select 'p' || n, 'P', jsonb_build_object('department', 'd' || n % 5000, 'level', n % 3, 'sites', array[n % 7])
                  from generate_series(1, 20000) n;
                  analyze auth.person";
    sqlx::raw_sql(people).execute(&mut conn).await.expect("people");
    for (path, found) in [
        (r#"($."department" == "d7")"#, 4),
        (r#"($."level" == "2" || $."level" == 2)"#, 2001),
        (r#"($."level" == "2" || $."level" == 2) && ($."sites" == "6" || $."sites" == 6)"#, 952),
        (r#"($."department" == "nowhere")"#, 0),
    ] {
        let mut tx = conn.begin().await.expect("a transaction");
        let before = scans(&mut tx).await;
        let people: i32 = sqlx::query_scalar("select cardinality(auth.people_with($1::text::jsonpath, 2001))")
            .bind(path)
            .fetch_one(&mut *tx)
            .await
            .expect("people");
        assert_eq!(people, found, "{path}");
        let after = scans(&mut tx).await;
        assert_eq!((after.0 - before.0, after.1 - before.1), (1, 0), "scans of the index and of the table, for {path}");
    }
}

/// Of what a plan that was run has read of groups: how, and how often.
fn find_looks(plan: &Value, looks: &mut Vec<(String, f64)>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| find_looks(part, looks)),
        Value::Object(node) => {
            let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default();
            if text("Relation Name").starts_with("group_") {
                let often = node.get("Actual Loops").and_then(Value::as_f64).unwrap_or_default();
                looks.push((format!("{} {}", text("Node Type"), text("Index Name")), often));
            }
            node.values().for_each(|part| find_looks(part, looks));
        }
        _ => {}
    }
}

#[tokio::test]
async fn a_check_costs_one_look_into_an_index_more_for_groups_however_many_hold_nothing_there() {
    let database = TestDatabase::with(Data::Fresh, 1).await;
    let mut conn = PgConnection::connect(&database.url).await.expect("Postgres is there");
    let world = "
        insert into auth.person (username, name) select 'p' || n, 'P' from generate_series(1, 2000) n;
        insert into auth.services (name) values ('Shop');
        insert into auth.role (name) values ('Clerk');
        insert into auth.service_roles (service_id, role_id) values (1, 1);
        insert into auth.person_service_role (person_id, service_id, role_id) select id, 1, 1 from auth.person;
        insert into auth.groups (name) select 'g' || n from generate_series(1, 5000) n;
        insert into auth.group_members (group_id, person_id) select 1 + id % 5000, id from auth.person where id > 2;
        insert into auth.group_members (group_id, person_id) select id, 2 from auth.groups where id <= 8;
        insert into auth.group_service_role (group_id, service_id, role_id) select id, 1, 1 from auth.groups where id > 8;
        insert into auth.group_members (group_id, person_id) select id, 3 from auth.groups where id in (1, 2, 3, 9);
        analyze;";
    sqlx::raw_sql(world).execute(&mut conn).await.expect("a world");
    // In none, in eight that hold nothing there, in five, one of which does.
    for (person, expected) in [(1, [1.0, 0.0, 0.0]), (2, [1.0, 0.0, 0.0]), (3, [1.0, 1.0, 1.0])] {
        let sql = format!(
            "explain (analyze, format json) select held.*
             from unnest(array[{person}], array[1]) with ordinality as asked (person_id, service_id, place)
             cross join lateral auth.held_in(asked.person_id, asked.service_id, now()) held where place between 1 and 1"
        );
        let plan: Value = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut conn).await.expect("a plan");
        let mut looks = Vec::new();
        find_looks(&plan, &mut looks);
        let (how, often): (Vec<String>, Vec<f64>) = looks.into_iter().unzip();
        let expected_looks = [
            "Index Only Scan group_people_services_pkey",
            "Index Only Scan group_people_group_idx",
            "Index Only Scan group_service_role_pkey",
        ];
        assert_eq!(how, expected_looks, "{plan}");
        assert_eq!(often, expected, "{plan}");
    }
}

#[tokio::test]
async fn the_world_of_the_figures_holds_together() {
    let database = TestDatabase::with(Data::Fresh, 1).await;
    let mut conn = PgConnection::connect(&database.url).await.expect("Postgres is there");
    world::fill(&mut conn, world::World { people: 500 }, OffsetDateTime::now_utc()).await.expect("a world");

    // It was filled without asking the foreign keys: now they are asked, one by one.
    let keys: Vec<(String, String, String)> = sqlx::query_as(
        "select conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) from pg_constraint where contype = 'f'",
    )
    .fetch_all(&mut conn)
    .await
    .expect("foreign keys");
    assert!(!keys.is_empty());
    for (table, name, definition) in keys {
        let again = format!("alter table {table} drop constraint {name}, add constraint {name} {definition}");
        conn.execute(AssertSqlSafe(again)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

struct Statement {
    sql: String,
    kinds: Vec<String>,
}

/// All that the macros have checked.
fn statements() -> Vec<Statement> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = fs::read_dir(directory).expect("the offline query data").map(|entry| entry.expect("an entry").path());
    let statements = files.map(|path| statement(&fs::read(path).expect("a file")));
    // A lock of a whole table has no plan.
    let statements: Vec<Statement> = statements.filter(|statement| !statement.sql.starts_with("lock table")).collect();
    assert!(statements.len() > 50);
    statements
}

fn statement(file: &[u8]) -> Statement {
    let file: Value = serde_json::from_slice(file).expect("JSON");
    let parameters = file["describe"]["parameters"]["Left"].as_array().expect("parameters");
    Statement {
        sql: file["query"].as_str().expect("a query").to_owned(),
        kinds: parameters
            .iter()
            .map(|kind| kind.as_str().or(kind["Custom"]["name"].as_str()).expect("a type").to_owned())
            .collect(),
    }
}

/// A likely value of a type.
fn sample(kind: &str) -> &'static str {
    match kind {
        "Int4" => "777",
        "Int8" => "101",
        "Int4Array" => "array[777, 778]",
        "Text" => "'ba'",
        "TextArray" => "array['ba', 'be']",
        "Bytea" => "sha256('a token')",
        "ByteaArray" => "array[sha256('a token'), sha256('another')]",
        "DateArray" => "array['2026-11-22', '2026-11-23']::date[]",
        "Timestamptz" => "now() - interval '1 hour'",
        "Bool" => "true",
        _ => "null",
    }
}

async fn explain(conn: &mut PgConnection, statement: &Statement, mode: &str) -> Value {
    let Statement { sql, kinds } = statement;
    let list = |items: Vec<String>| if items.is_empty() { String::new() } else { format!("({})", items.join(", ")) };
    let types = kinds.iter().map(|kind| kind.strip_suffix("Array").map_or(kind.clone(), |of| format!("{of}[]")));
    // What is sent as text and read as something else.
    let is_read = |n: usize| ["text", "text[]"].iter().any(|text| sql.contains(&format!("${n}::{text}::")));
    let values = kinds
        .iter()
        .zip(1..)
        .map(|(kind, n)| if mode == "custom" && !is_read(n) { sample(kind) } else { "null" }.to_owned());
    let prepare = format!("prepare one{} as {sql}", list(types.collect()));
    let explain = format!("explain (format json) execute one{}", list(values.collect()));

    conn.execute(AssertSqlSafe(format!("set plan_cache_mode = force_{mode}_plan"))).await.expect("a setting");
    conn.execute(AssertSqlSafe(prepare)).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    let plan = sqlx::query_scalar(AssertSqlSafe(explain)).persistent(false).fetch_one(&mut *conn).await;
    conn.execute("deallocate one").await.expect("it was prepared");
    plan.unwrap_or_else(|error| panic!("{error}: {sql}"))
}

/// Those of [`WRITTEN_IN`] that a plan calls after all.
fn calls(plan: &Value) -> impl Iterator<Item = &'static str> {
    let text = plan.to_string();
    let is_called = move |name: &&str| {
        text.contains(&format!("\"Function Name\":\"{name}\"")) || text.contains(&format!("{name}("))
    };
    WRITTEN_IN.iter().copied().filter(is_called)
}

/// What is read, and how.
fn find_scans(plan: &Value, scans: &mut BTreeSet<String>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| find_scans(part, scans)),
        Value::Object(node) => {
            let kind = node.get("Node Type").and_then(Value::as_str).unwrap_or_default();
            let of = ["Index Name", "Relation Name", "Alias"].iter().find_map(|key| node.get(*key)?.as_str());
            if kind.ends_with("Scan") {
                scans.insert(format!("{kind} {}", of.unwrap_or_default()));
            }
            node.values().for_each(|part| find_scans(part, scans));
        }
        _ => {}
    }
}

/// Big tables of which all is read: row by row, or through an index without a condition.
fn find_walks(plan: &Value, walks: &mut BTreeSet<String>) {
    match plan {
        Value::Array(parts) => parts.iter().for_each(|part| find_walks(part, walks)),
        Value::Object(node) => {
            let kind = node.get("Node Type").and_then(Value::as_str).unwrap_or_default();
            let table = node.get("Relation Name").and_then(Value::as_str).unwrap_or_default();
            // A bitmap's own scan says by which index, and under which condition.
            let is_bounded = ["Index Cond", "TID Cond", "Recheck Cond"].iter().any(|cond| node.contains_key(*cond));
            let scans = kind.ends_with("Scan") && !is_bounded;
            if scans && BIG.contains(&table) {
                let index = node.get("Index Name").and_then(Value::as_str);
                walks.insert(index.map_or_else(|| table.to_owned(), |index| format!("{table} by {index}")));
            }
            node.values().for_each(|part| find_walks(part, walks));
        }
        _ => {}
    }
}

/// How many rows of a table a plan that was run has read.
fn rows_read(plan: &Value, table: &str) -> f64 {
    match plan {
        Value::Array(parts) => parts.iter().map(|part| rows_read(part, table)).sum(),
        Value::Object(node) => {
            let number = |key: &str| node.get(key).and_then(Value::as_f64).unwrap_or_default();
            let own = node.get("Relation Name").and_then(Value::as_str) == Some(table);
            let own = if own { number("Actual Rows") * number("Actual Loops") } else { 0.0 };
            own + node.values().map(|part| rows_read(part, table)).sum::<f64>()
        }
        _ => 0.0,
    }
}

#[tokio::test]
async fn whether_there_is_any_more_to_reach_costs_the_same_however_much_there_is() {
    let database = TestDatabase::with(Data::Fresh, 1).await;
    let mut conn = PgConnection::connect(&database.url).await.expect("Postgres is there");
    let world = "
        insert into auth.person (username, name) values ('ada', 'Ada');
        insert into auth.services (name) values ('Shop');
        insert into auth.role (name) values ('Clerk');
        insert into auth.service_roles (service_id, role_id) values (1, 1);
        insert into auth.resources (service_id, type, key) values (1, 'folder', 'f');
        insert into auth.resources (service_id, type, key, parent_id)
        select 1, 'letter', 'l' || n, 1 from generate_series(1, 100000) n;
        insert into auth.resource_roles (service_id, resource_id, role_id, person_id) values (1, 1, 1, 1);
        analyze;";
    sqlx::raw_sql(world).execute(&mut conn).await.expect("a world");
    let reached = statements().into_iter().find(|statement| statement.sql.contains("r.key = any ($5)"));
    let sql = reached.expect("the statement").sql;
    for mode in ["generic", "custom"] {
        for keys in ["array['l7', 'l8', 'none']", "array[]::text[]"] {
            conn.execute(AssertSqlSafe(format!("set plan_cache_mode = force_{mode}_plan"))).await.expect("a setting");
            conn.execute(AssertSqlSafe(format!("prepare one as {sql}"))).await.expect("a statement");
            let explain =
                format!("explain (analyze, format json) execute one (1, 1, 'letter', array[1], {keys}, now())");
            let plan: Value = sqlx::query_scalar(AssertSqlSafe(explain))
                .persistent(false)
                .fetch_one(&mut conn)
                .await
                .expect("a plan");
            conn.execute("deallocate one").await.expect("it was prepared");
            for table in ["resource_ancestors", "resources"] {
                let read = rows_read(&plan, table);
                assert!(read < 20.0, "{read} rows of {table}, by a {mode} plan: {plan}");
            }
        }
    }
}
