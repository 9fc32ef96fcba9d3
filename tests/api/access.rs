//! Who may call what. The first two tests walk the document, so that tomorrow's operation is covered, too; their lists
//! of exceptions should only ever shrink. The third compares the whole matrix with `access_matrix.txt`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::{env, fs};

use axum::http::request::Builder;
use serde_json::json;

use crate::matrix::{CALLERS, World};
use crate::passkeys;
use crate::support::document::{Operation, operations};
use crate::support::{Caller, PASSWORD, Server, schema};

/// Operations that anyone may call.
const PUBLIC: &[&str] = &[
    "answer_device",
    "ask_for_new_password",
    "ask_for_passkey",
    "ask_for_passkey_at_login",
    "authorize",
    "authorize_by_post",
    "authzen_configuration",
    "backchannel_logout",
    "change_email",
    "change_factors",
    "change_passkeys",
    "change_password_on_page",
    "change_profile",
    "choose_language",
    "client_logo_by_digest",
    "come_back_from_provider",
    "consent",
    "end_sessions_on_page",
    "enrol_at_login",
    "enter_device",
    "finish_login",
    "forgot_password",
    "go_to_provider",
    "healthz",
    "home",
    "jwks",
    "link_at_provider",
    "log_in",
    "log_in_with_passkey",
    "log_out",
    "log_out_for_client",
    "log_out_for_client_by_post",
    "login",
    "logo",
    "oauth_authorization_server",
    "openapi",
    "openid_configuration",
    "passkey_script",
    "password_strength",
    "prove_on_page",
    "readyz",
    "refresh",
    "register",
    "register_on_page",
    "related_origins",
    "reset_password",
    "reset_password_on_page",
    "revoke_application_on_page",
    "change_keys",
    "set_up",
    "show_account",
    "show_activity",
    "show_applications",
    "show_device",
    "show_done",
    "show_email",
    "show_factors",
    "show_forgot_password",
    "show_keys",
    "show_language",
    "show_linked_accounts",
    "show_login",
    "show_passkeys",
    "show_password",
    "show_profile",
    "show_proof",
    "show_register",
    "show_reset_password",
    "show_sessions",
    "show_verify_email",
    "stylesheet",
    "take_second_step",
    "unlink_account_on_page",
    "verify_email",
    "verify_email_on_page",
];

/// Operations that anyone may call who is logged in.
const ANYONE: &[&str] = &[
    "add_passkey",
    "ask_for_new_passkey",
    "ask_for_passkey_anew",
    "begin_factor",
    "change_own_key",
    "change_password",
    "check_token",
    "check_token_by_delete",
    "check_token_by_get",
    "check_token_by_patch",
    "check_token_by_put",
    "confirm_factor",
    "count_recovery_codes",
    "distrust_device",
    "distrust_devices",
    "create_own_key",
    "end_other_sessions",
    "end_session",
    "get_me",
    "get_own_key",
    "list_applications",
    "list_factors",
    "list_linked_accounts",
    "list_own_activity",
    "list_own_keys",
    "list_own_robots",
    "list_own_sessions",
    "list_passkeys",
    "list_trusted_devices",
    "logout",
    "make_recovery_codes",
    "profile",
    "remove_passkey",
    "rename_passkey",
    "prove_anew",
    "remove_factor",
    "rename_factor",
    "revoke_application",
    "revoke_own_key",
    "send_verification",
    "turn_password_off",
    "turn_password_on",
    "unlink_account",
    "update_me",
];

/// Those of them that want a second factor, a device, or a linked account: the stories of these walk them.
const WITH_A_FACTOR: &[&str] =
    &["confirm_factor", "distrust_device", "make_recovery_codes", "remove_factor", "rename_factor", "unlink_account"];

fn example_body(operation: &Operation) -> String {
    let example = operation.request_schema().and_then(schema::example);
    example.map(|example| example.to_string()).unwrap_or_default()
}

/// The document's example, but for what is known to nobody else.
async fn of_ones_own(operation: &Operation, caller: &Caller) -> (String, String) {
    let (mut path, mut body) = (operation.example_path(), example_body(operation));
    match operation.id() {
        "end_session" => {
            let id = caller.get("/auth/sessions").await.body[0]["id"].as_str().expect("an id").to_owned();
            path = format!("/auth/sessions/{id}");
        }
        "revoke_application" => {
            crate::authorize::agreed(caller, "web-shop").await;
        }
        id if passkeys::ARE_OF_PASSKEYS.contains(&id) => {
            (path, body) = passkeys::example(id, caller, (path, body)).await;
        }
        "create_own_key" | "get_own_key" | "change_own_key" | "revoke_own_key" => {
            sqlx::query("insert into auth.person_service_role values ($1, 4, 4) on conflict do nothing")
                .bind(caller.id)
                .execute(caller.pool())
                .await
                .expect("a grant");
            let new = json!({"name": "key", "scopes": ["UI Store:read"]});
            let made = caller.post("/auth/me/keys", new.clone()).await.ok();
            if operation.id() == "create_own_key" {
                body = new.to_string();
            } else {
                path = format!("/auth/me/keys/{}", made.id());
            }
        }
        "prove_anew" => body = json!({"password": PASSWORD}).to_string(),
        "change_password" => body = json!({"current_password": PASSWORD, "new_password": PASSWORD}).to_string(),
        _ => {}
    }
    (path, body)
}

/// The document's example, but for what a backend must have made before.
async fn of_its_own(operation: &Operation, backend: &Caller, path: String) -> (String, String) {
    match operation.id() {
        "update_auth_policy" | "delete_auth_policy" => {
            let new = json!({"table_name": "order", "action": operation.id(), "expression": ""});
            let made = backend.post("/auth_policies", new).await.ok();
            (format!("{path}?id={}", made.id()), json!({"expression": "true"}).to_string())
        }
        "get_resource" | "put_resource" | "delete_resource" => {
            backend.put(&path, json!({})).await.ok();
            (path, json!({}).to_string())
        }
        "put_resources" | "delete_resources" => (path, json!({"type": "folder", "id": "7"}).to_string()),
        _ => (path, example_body(operation)),
    }
}

#[tokio::test]
async fn every_operation_but_the_public_ones_turns_strangers_away() {
    let server = Server::on_the_demo_data().await;
    let (anonymous, forger) = (server.anonymous(), server.anonymous().with_token("ptk_made_up"));
    for operation in operations().iter().filter(|operation| !PUBLIC.contains(&operation.id())) {
        for body in [example_body(operation), String::new(), "not JSON".to_owned()] {
            let (method, path) = (&operation.method, operation.example_path());
            let answer = anonymous.send(method.clone(), &path, &body).await;
            assert_eq!(answer.refusal(), (401, "missing_token_header"), "{operation}");
            let answer = forger.send(method.clone(), &path, &body).await;
            assert_eq!(answer.refusal(), (401, "invalid_token"), "{operation}");
        }
    }
}

#[tokio::test]
async fn every_operation_but_a_few_turns_the_powerless_away() {
    let (server, with_passkeys) = (Server::on_the_demo_data().await, passkeys::server().await);
    let nobody = server.powerless().await;
    for operation in operations() {
        if PUBLIC.contains(&operation.id()) || ANYONE.contains(&operation.id()) {
            continue;
        }
        for body in [example_body(operation), String::new(), "not JSON".to_owned()] {
            let answer = nobody.send(operation.method.clone(), &operation.example_path(), &body).await;
            assert_eq!(answer.status, 403, "{operation}: {answer:?}");
        }
    }
    for operation in operations().iter().filter(|operation| ANYONE.contains(&operation.id())) {
        if WITH_A_FACTOR.contains(&operation.id()) {
            continue;
        }
        let nobody = if passkeys::ARE_OF_PASSKEYS.contains(&operation.id()) {
            with_passkeys.person_with(operation.id(), &[]).await
        } else {
            server.session_of(nobody.id).await
        };
        let (path, body) = of_ones_own(operation, &nobody).await;
        let answer = nobody.send(operation.method.clone(), &path, &body).await;
        assert!([200, 201].contains(&answer.status), "{operation}: {answer:?}");
    }
}

#[tokio::test]
async fn a_services_key_opens_what_is_for_backends_and_nothing_else() {
    let server = Server::on_the_demo_data().await;
    let backend = server.backend(4).await;
    for operation in operations().iter().filter(|operation| !PUBLIC.contains(&operation.id())) {
        let (method, path) = (&operation.method, operation.example_path());
        if operation.takes_keys() {
            let (path, body) = of_its_own(operation, &backend, path).await;
            let answer = match operation.id() {
                "put_resources" | "delete_resources" => {
                    let lines = |request: Builder| request.header("content-type", "application/x-ndjson");
                    backend.send_with(method.clone(), &path, &body, lines).await
                }
                _ => backend.send(method.clone(), &path, &body).await,
            };
            assert_eq!(answer.status, 200, "{operation}: {answer:?}");
            continue;
        }
        for body in [example_body(operation), String::new(), "not JSON".to_owned()] {
            let answer = backend.send(method.clone(), &path, &body).await;
            assert_eq!(answer.refusal(), (403, "service_key_not_allowed"), "{operation}");
        }
    }
}

#[tokio::test]
async fn a_dead_key_opens_nothing() {
    let server = Server::on_the_demo_data().await;
    let (adm1, revoked, of_a_removed_service) =
        (server.demo("adm1").await, server.backend(4).await, server.backend(5).await);
    let unknown = server.app.new_service_key(server.app.clock.now()).expect("a key");
    let unknown = server.anonymous().with_token(unknown.reveal());
    adm1.delete(&format!("/services/4/keys/{}", revoked.id)).await.ok();
    adm1.delete("/services/5").await.ok();
    for operation in operations().iter().filter(|operation| !PUBLIC.contains(&operation.id())) {
        for key in [&revoked, &of_a_removed_service, &unknown] {
            let (method, path) = (&operation.method, operation.example_path());
            let answer = key.send(method.clone(), &path, &example_body(operation)).await;
            assert_eq!(answer.refusal(), (401, "invalid_token"), "{operation}");
        }
    }
}

#[tokio::test]
async fn what_is_for_backends_turns_people_away_whoever_they_are() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for operation in operations().iter().filter(|operation| !operation.takes_tokens() && !operation.is_public()) {
        for body in [example_body(operation), String::new(), "not JSON".to_owned()] {
            let answer = adm1.send(operation.method.clone(), &operation.example_path(), &body).await;
            assert_eq!(answer.refusal(), (403, "service_key_required"), "{operation}");
        }
    }
}

#[test]
fn the_document_says_which_operations_are_public() {
    let said: BTreeSet<_> = operations().iter().filter(|operation| operation.is_public()).map(Operation::id).collect();
    assert_eq!(said, PUBLIC.iter().copied().collect());
}

#[tokio::test]
async fn role_by_operation_the_answers_are_those_of_the_golden_file() {
    let server = Server::on_a_fresh_database().await;
    let rows = World::new(0).cells();
    let width = rows.iter().map(|cell| cell.name().len()).max().unwrap_or_default();
    let mut lines: Vec<String> = rows.iter().map(|cell| format!("{:width$}", cell.name())).collect();
    let mut numbers = 1..;
    let mut head = format!("{:width$}", "");
    for column in CALLERS {
        let _ = write!(head, "  {}", column.name);
        let worlds: Vec<World> = numbers.by_ref().take(rows.len()).map(World::new).collect();
        let callers = World::build(&server, column, &worlds).await;
        for (row, (world, caller)) in worlds.iter().zip(callers).enumerate() {
            let cell = world.cells().swap_remove(row);
            let answer = caller.send(cell.method.clone(), &cell.path, &cell.body).await;
            let why = || server.log.lines(" WARN ").join("\n");
            assert!(answer.status < 500, "{} as {}: {answer:?}\n{}", cell.name(), column.name, why());
            let _ = write!(lines[row], "  {:<1$}", answer.status, column.name.len());
        }
    }
    let lines = std::iter::once(&head).chain(&lines).map(|line| format!("{}\n", line.trim_end()));
    let table: String = lines.collect();

    let covered: BTreeSet<_> = rows.iter().map(|cell| cell.operation).collect();
    let all: BTreeSet<_> = operations().iter().map(Operation::id).collect();
    assert_eq!(covered, all, "the matrix has every operation: add the missing ones in tests/api/matrix.rs");
    compare(&table);
}

fn compare(table: &str) {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/access_matrix.txt");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(golden, table).expect("the golden file is writable");
        return;
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    let differing: Vec<_> = table.lines().filter(|line| !expected.lines().any(|known| known == *line)).collect();
    assert!(
        table == expected,
        "who may do what has changed:\n{}\n\nIf that is meant, UPDATE_GOLDEN=1 cargo test --test api golden writes it to \
         {golden}: read the diff before you commit it.",
        differing.join("\n"),
    );
}
