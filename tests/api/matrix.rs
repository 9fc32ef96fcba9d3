//! The rows and columns of the access matrix. Each cell has a world of its own, so that none feels what another did.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{Caller, PASSWORD, PASSWORD_HASH, Server};

/// Where a column's role is held.
#[derive(Clone, Copy, Debug)]
enum Held {
    Nowhere,
    /// In Portero itself, which means everywhere.
    Everywhere(i32),
    /// In the world's service 1.
    InOne(i32),
    /// Not somebody: service 1 itself, with its key.
    ByOne,
}

/// A column.
#[derive(Debug)]
pub struct Column {
    pub name: &'static str,
    held: Option<Held>,
}

/// A picture whose bytes are a text, too.
const WEBP: &str = "RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x3f\0\0\x1f\0\0";

const ADMINISTRATOR: i32 = 0;
const WRITER: i32 = -1;
const READER: i32 = -2;
const AUDITOR: i32 = -3;

/// Roles of the test's own: who looks after people, and who shapes roles, permissions and services; neither may hand out.
const DESK: i32 = 9001;
const SHAPER: i32 = 9002;

pub const CALLERS: &[Column] = &[
    Column { name: "anonymous", held: None },
    Column { name: "powerless", held: Some(Held::Nowhere) },
    Column { name: "Auditor", held: Some(Held::Everywhere(AUDITOR)) },
    Column { name: "Reader", held: Some(Held::Everywhere(READER)) },
    Column { name: "Writer", held: Some(Held::Everywhere(WRITER)) },
    Column { name: "Administrator", held: Some(Held::Everywhere(ADMINISTRATOR)) },
    Column { name: "Desk", held: Some(Held::Everywhere(DESK)) },
    Column { name: "Shaper", held: Some(Held::Everywhere(SHAPER)) },
    Column { name: "Writer-in-1", held: Some(Held::InOne(WRITER)) },
    Column { name: "Administrator-of-1", held: Some(Held::InOne(ADMINISTRATOR)) },
    Column { name: "key-of-1", held: Some(Held::ByOne) },
];

/// A request, and what it is about.
#[derive(Debug)]
pub struct Cell {
    pub operation: &'static str,
    about: String,
    pub method: Method,
    pub path: String,
    pub body: String,
}

impl Cell {
    pub fn name(&self) -> String {
        format!("{} {}", self.operation, self.about)
    }
}

fn cell(operation: &'static str, about: &str, method: Method, path: impl Into<String>) -> Cell {
    Cell { operation, about: about.to_owned(), method, path: path.into(), body: String::new() }
}

fn with_body(operation: &'static str, about: &str, method: Method, path: impl Into<String>, body: &Value) -> Cell {
    Cell { body: body.to_string(), ..cell(operation, about, method, path) }
}

/// One cell's people, services, roles and permission, with ids of their own.
#[derive(Debug)]
pub struct World {
    /// Who calls.
    caller: i32,
    /// Holds `role` in every service, and nothing of Portero's.
    somebody: i32,
    /// Holds nothing.
    idle: i32,
    /// Administrator of Portero.
    chief: i32,
    /// Administrator of service 1 alone.
    keeper: i32,
    one: i32,
    another: i32,
    /// Carries `permission` and nothing of Portero's.
    role: i32,
    /// Carries nothing, and nobody holds it.
    free_role: i32,
    /// Carries `roles:write`, which Writers don't hold.
    mighty: i32,
    permission: i32,
    /// Nobody holds it.
    free_permission: i32,
}

async fn grant_callers(server: &Server, ids: &[i32], role: i32, in_one: bool) {
    let sql =
        "insert into auth.person_service_role select id, case when $3 then id else 0 end, $2 from unnest($1::int[]) id";
    sqlx::query(sql).bind(ids).bind(role).bind(in_one).execute(server.app.db.pool()).await.expect("grants");
}

impl World {
    pub fn new(n: i32) -> Self {
        let id = 10_000 + n * 10;
        Self {
            caller: id,
            somebody: id + 1,
            idle: id + 4,
            chief: id + 2,
            keeper: id + 3,
            one: id,
            another: id + 1,
            role: id,
            free_role: id + 2,
            mighty: id + 1,
            permission: id,
            free_permission: id + 1,
        }
    }

    /// Writes the worlds of a whole column to the database at once; answers each one's caller.
    pub async fn build(server: &Server, column: &Column, worlds: &[World]) -> Vec<Caller> {
        let ids: Vec<i32> = worlds.iter().map(|world| world.caller).collect();
        for sql in [
            "insert into auth.person (id, username, name, password_hash)
                select id + n, who || id, who, $2 from unnest($1::int[]) id,
                (values (0, 'caller'), (1, 'somebody'), (2, 'chief'), (3, 'keeper'), (4, 'idle')) people (n, who)",
            "insert into auth.services (id, name) select id + n, 'service' || id + n
                from unnest($1::int[]) id, (values (0), (1)) services (n) where $2 > ''",
            "insert into auth.role (id, name) select id + n, 'role' || id + n
                from unnest($1::int[]) id, (values (0), (1), (2)) roles (n) where $2 > ''",
            "insert into auth.role (id, name) select id, name from (values (9001, 'Desk'), (9002, 'Shaper')) roles (id, name)
                where $1::int[] is not null and $2 > '' on conflict do nothing",
            "insert into auth.role_permission select role, id from auth.permission
                join (values (9001, 'users:%'), (9002, 'roles:%'), (9002, 'permissions:%'), (9002, 'services:%')) own (role, kind)
                on name like kind where id <= 0 and $1::int[] is not null and $2 > '' on conflict do nothing",
            "insert into auth.service_roles select 0, id from auth.role where id in (9001, 9002) and $1::int[] is not null and $2 > ''
                on conflict do nothing",
            "insert into auth.permission (id, name) select id + n, 'permission' || id + n
                from unnest($1::int[]) id, (values (0), (1)) permissions (n) where $2 > ''",
            "insert into auth.role_permission select id, id from unnest($1::int[]) id where $2 > ''",
            "insert into auth.role_permission select id + 1, -3 from unnest($1::int[]) id where $2 > ''",
            "insert into auth.service_roles select unnest(array[0, id, id + 1]), id from unnest($1::int[]) id where $2 > ''",
            "insert into auth.service_roles select id, unnest(array[0, -1]) from unnest($1::int[]) id where $2 > ''",
            "insert into auth.person_service_role select id + 1, unnest(array[0, id, id + 1]), id
                from unnest($1::int[]) id where $2 > ''",
            "insert into auth.person_service_role select id + 2, 0, 0 from unnest($1::int[]) id where $2 > ''",
            "insert into auth.person_service_role select id + 3, id, 0 from unnest($1::int[]) id where $2 > ''",
            "insert into auth.service_roles select 0, id + 1 from unnest($1::int[]) id where $2 > ''",
            "insert into auth.groups (id, name) select id + n, 'group' || id + n
                from unnest($1::int[]) id, (values (0), (1), (2)) groups (n) where $2 > ''",
            "insert into auth.group_members (group_id, person_id) select id + n, id + 1
                from unnest($1::int[]) id, (values (0), (1)) groups (n) where $2 > ''",
            "insert into auth.group_nestings (group_id, member_id) select id + n, id + 2
                from unnest($1::int[]) id, (values (0), (1)) groups (n) where $2 > ''",
            "insert into auth.group_service_role (group_id, service_id, role_id) select id + 1, 0, id + 1
                from unnest($1::int[]) id where $2 > ''",
            "insert into auth.service_keys (id, service_id, key_hash, name) select id + n, id + n, sha256($2::bytea || int4send(id + n)), 'key'
                from unnest($1::int[]) id, (values (0), (1)) keys (n)",
            "insert into auth.person (id, username, name, owner_id) select 1000000 + id, 'robot' || id, 'robot', id + 1
                from unnest($1::int[]) id where $2 > ''",
            "insert into auth.api_keys (id, person_id, key_hash, name, created_at, expires_at)
                select id + n, id + n, sha256($2::bytea || int4send(id + n)), 'key', now(), now() + interval '1 day'
                from unnest($1::int[]) id, (values (0), (1), (2)) keys (n)",
            "insert into auth.api_keys (id, person_id, key_hash, name, created_at, expires_at)
                select 1000000 + id, 1000000 + id, sha256($2::bytea || int4send(-id)), 'key', now(), now() + interval '1 day'
                from unnest($1::int[]) id",
            "insert into auth.clients (id, client_id, name, service_id, auth_method, grant_types, redirect_uris, created_at)
                select id + n, 'client' || id + n, 'client', id + n, 'client_secret_basic', '{authorization_code}', '{https://a.example/}', now()
                from unnest($1::int[]) id, (values (0), (1)) clients (n) where $2 > ''",
            "insert into auth.client_audience select id + n, id + n from unnest($1::int[]) id, (values (0), (1)) clients (n) where $2 > ''",
            "insert into auth.client_secrets (id, client_id, secret, created_at) select id + n, id + n, sha256(int4send(id + n)), now()
                from unnest($1::int[]) id, (values (0), (1)) clients (n) where $2 > ''",
            "insert into auth.client_logos (client_id, media_type, picture, set_at) select id + n, 'image/png', '', now()
                from unnest($1::int[]) id, (values (0), (1)) clients (n) where $2 > ''",
            "insert into auth.client_registration_tokens (id, service_id, token, name, uses_left, created_at, expires_at)
                select id + n, id + n, sha256($2::bytea || int4send(id + n)), 'token', 1, now(), now() + interval '1 day'
                from unnest($1::int[]) id, (values (0), (1)) tokens (n)",
        ] {
            let insert = sqlx::query(sql).bind(&ids).bind(PASSWORD_HASH.as_str());
            insert.execute(server.app.db.pool()).await.expect("worlds");
        }
        // As Postgres does by itself where not all of it is made in a moment: its plans are for a handful of rows else.
        sqlx::query("analyze").execute(server.app.db.pool()).await.expect("statistics");
        server.secrets.add(PASSWORD);
        match column.held {
            None => return worlds.iter().map(|_| server.anonymous()).collect(),
            Some(Held::Nowhere) => {}
            Some(Held::Everywhere(role)) => grant_callers(server, &ids, role, false).await,
            Some(Held::InOne(role)) => grant_callers(server, &ids, role, true).await,
            Some(Held::ByOne) => {
                let mut backends = Vec::new();
                for world in worlds {
                    backends.push(server.backend(world.one).await);
                }
                return backends;
            }
        }
        server.sessions_of(&ids).await
    }

    /// Every row of the matrix.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = self.open_cells();
        cells.extend(Self::page_cells());
        cells.extend(self.user_cells());
        cells.extend(self.role_cells());
        cells.extend(self.service_cells());
        cells.extend(self.key_cells());
        cells.extend(self.provider_cells());
        cells.extend(self.client_cells());
        cells.extend(self.policy_cells());
        cells.extend(self.resource_cells());
        cells.extend(self.decision_cells());
        cells.extend(self.grant_cells());
        cells.extend(self.group_cells());
        cells.extend(self.people_cells());
        cells
    }

    fn services(&self) -> [(&'static str, i32); 3] {
        [("in 1", self.one), ("in another", self.another), ("in Portero", 0)]
    }

    #[expect(clippy::too_many_lines, reason = "it is one list")]
    fn open_cells(&self) -> Vec<Cell> {
        let login = json!({"username": format!("somebody{}", self.caller), "password": PASSWORD});
        let reset = json!({"token": "pmt_made_up", "password": PASSWORD});
        let passwords = json!({"current_password": PASSWORD, "new_password": PASSWORD});
        let finish = json!({"mfa_token": "pmf_made_up", "method": "totp", "code": "123456"});
        vec![
            cell("home", "", Method::GET, "/"),
            cell("healthz", "", Method::GET, "/healthz"),
            cell("openapi", "", Method::GET, "/openapi.json"),
            cell("jwks", "", Method::GET, "/.well-known/jwks.json"),
            cell("oauth_authorization_server", "", Method::GET, "/.well-known/oauth-authorization-server"),
            cell("openid_configuration", "", Method::GET, "/.well-known/openid-configuration"),
            cell("readyz", "", Method::GET, "/readyz"),
            with_body("login", "", Method::POST, "/auth/login", &login),
            with_body(
                "register",
                "",
                Method::POST,
                "/auth/register",
                &json!({"username": "ada", "password": PASSWORD}),
            ),
            with_body("refresh", "", Method::POST, "/auth/refresh", &json!({"refresh_token": "prt_made_up"})),
            cell("logout", "", Method::POST, "/auth/logout"),
            cell("get_me", "", Method::GET, "/auth/me"),
            with_body("update_me", "", Method::PATCH, "/auth/me", &json!({"name": "New"})),
            with_body("change_password", "", Method::POST, "/auth/change-password", &passwords),
            cell("turn_password_off", "", Method::DELETE, "/auth/me/password"),
            with_body("turn_password_on", "", Method::POST, "/auth/me/password", &json!({"new_password": PASSWORD})),
            cell("list_passkeys", "", Method::GET, "/auth/me/passkeys"),
            cell("ask_for_new_passkey", "", Method::POST, "/auth/me/passkeys/options"),
            with_body("add_passkey", "", Method::POST, "/auth/me/passkeys", &json!({"credential": {}})),
            with_body("rename_passkey", "of nobody", Method::PATCH, "/auth/me/passkeys/9", &json!({"name": "Mine"})),
            cell("remove_passkey", "of nobody", Method::DELETE, "/auth/me/passkeys/9"),
            cell("ask_for_passkey", "", Method::POST, "/auth/passkeys/options"),
            with_body("log_in_with_passkey", "", Method::POST, "/auth/passkeys/login", &json!({"credential": {}})),
            with_body(
                "ask_for_passkey_at_login",
                "",
                Method::POST,
                "/auth/mfa/passkey-options",
                &json!({"mfa_token": "pmf_made_up"}),
            ),
            cell("ask_for_passkey_anew", "", Method::POST, "/auth/reauthenticate/passkey-options"),
            cell("related_origins", "", Method::GET, "/.well-known/webauthn"),
            cell("passkey_script", "", Method::GET, "/pages/passkey.js"),
            cell("list_own_sessions", "", Method::GET, "/auth/sessions"),
            cell("end_session", "of nobody", Method::DELETE, "/auth/sessions/9c2e4d8fe97d881430de4e754b4205b9"),
            cell("end_other_sessions", "", Method::DELETE, "/auth/sessions"),
            with_body("finish_login", "", Method::POST, "/auth/mfa", &finish),
            with_body(
                "enrol_at_login",
                "",
                Method::POST,
                "/auth/mfa/enrol",
                &json!({"mfa_token": "pmf_made_up", "name": "Mine"}),
            ),
            with_body("prove_anew", "", Method::POST, "/auth/reauthenticate", &json!({"password": PASSWORD})),
            cell("list_factors", "", Method::GET, "/auth/me/factors"),
            with_body("begin_factor", "", Method::POST, "/auth/me/factors", &json!({"type": "totp", "name": "Mine"})),
            with_body(
                "confirm_factor",
                "of nobody",
                Method::POST,
                "/auth/me/factors/9/confirm",
                &json!({"codes": ["1", "2"]}),
            ),
            with_body("rename_factor", "of nobody", Method::PATCH, "/auth/me/factors/9", &json!({"name": "Mine"})),
            cell("remove_factor", "of nobody", Method::DELETE, "/auth/me/factors/9"),
            cell("count_recovery_codes", "", Method::GET, "/auth/me/recovery-codes"),
            cell("make_recovery_codes", "", Method::POST, "/auth/me/recovery-codes"),
            cell("list_trusted_devices", "", Method::GET, "/auth/me/trusted-devices"),
            cell("distrust_device", "of nobody", Method::DELETE, "/auth/me/trusted-devices/9"),
            cell("distrust_devices", "", Method::DELETE, "/auth/me/trusted-devices"),
            cell("profile", "", Method::GET, "/auth/profile"),
            cell("list_own_activity", "", Method::GET, "/auth/me/activity"),
            cell("list_audit_events", "", Method::GET, "/audit-events"),
            cell("list_audit_events", "of 1", Method::GET, format!("/audit-events?service={}", self.one)),
            cell("list_audit_events", "of 2", Method::GET, format!("/audit-events?service={}", self.another)),
            cell("export_audit_events", "", Method::GET, "/audit-events/export"),
            cell(
                "export_audit_events",
                "of 1",
                Method::GET,
                format!("/audit-events/export?service={}&format=csv", self.one),
            ),
            with_body("forgot_password", "", Method::POST, "/auth/forgot-password", &json!({"username": "nobody"})),
            with_body("reset_password", "", Method::POST, "/auth/reset-password", &reset),
            with_body("password_strength", "", Method::POST, "/auth/password-strength", &json!({"password": "guess"})),
            with_body("verify_email", "", Method::POST, "/auth/verify-email", &json!({"token": "pmt_made_up"})),
            cell("send_verification", "", Method::POST, "/auth/send-verification"),
            cell("list_own_keys", "", Method::GET, "/auth/me/keys"),
            with_body(
                "create_own_key",
                "of Portero's",
                Method::POST,
                "/auth/me/keys",
                &json!({"name": "key", "scopes": ["portero:users:read"]}),
            ),
            cell("get_own_key", "", Method::GET, format!("/auth/me/keys/{}", self.caller)),
            cell("get_own_key", "of somebody", Method::GET, format!("/auth/me/keys/{}", self.somebody)),
            with_body(
                "change_own_key",
                "",
                Method::PATCH,
                format!("/auth/me/keys/{}", self.caller),
                &json!({"name": "another"}),
            ),
            cell("revoke_own_key", "", Method::DELETE, format!("/auth/me/keys/{}", self.caller)),
            cell("revoke_own_key", "of somebody", Method::DELETE, format!("/auth/me/keys/{}", self.somebody)),
            cell("list_own_robots", "", Method::GET, "/auth/me/robots"),
            cell("check_token", "", Method::POST, "/check-token"),
            cell("check_token_by_get", "", Method::GET, "/check-token"),
            cell("check_token_by_put", "", Method::PUT, "/check-token"),
            cell("check_token_by_patch", "", Method::PATCH, "/check-token"),
            cell("check_token_by_delete", "", Method::DELETE, "/check-token"),
            cell("list_applications", "", Method::GET, "/auth/me/applications"),
            cell("revoke_application", "of nobody", Method::DELETE, "/auth/me/applications/nobody"),
            cell("show_login", "", Method::GET, "/login"),
            cell("log_in", "", Method::POST, "/login"),
            cell("take_second_step", "", Method::POST, "/login/code"),
            cell("consent", "", Method::POST, "/consent"),
            cell("show_device", "", Method::GET, "/device"),
            cell("enter_device", "", Method::POST, "/device"),
            cell("answer_device", "", Method::POST, "/device/answer"),
            cell("log_out", "", Method::POST, "/logout"),
            cell("authzen_configuration", "", Method::GET, "/.well-known/authzen-configuration"),
            cell("set_up", "", Method::POST, "/auth/setup"),
            cell("authorize", "", Method::GET, "/oauth/authorize"),
            cell("authorize_by_post", "", Method::POST, "/oauth/authorize"),
            cell("log_out_for_client", "", Method::GET, "/oauth/logout"),
            cell("log_out_for_client_by_post", "", Method::POST, "/oauth/logout"),
            cell("stylesheet", "", Method::GET, "/pages/style.css"),
            cell("logo", "", Method::GET, "/pages/logo"),
            cell("client_logo_by_digest", "of nobody", Method::GET, "/pages/client-logos/00"),
            with_body("check_token", "in another", Method::POST, "/check-token", &json!({"service_id": self.another})),
        ]
    }

    /// Pages know nobody by a header.
    fn page_cells() -> Vec<Cell> {
        vec![
            cell("show_account", "", Method::GET, "/account"),
            cell("show_profile", "", Method::GET, "/account/profile"),
            cell("change_profile", "", Method::POST, "/account/profile"),
            cell("show_password", "", Method::GET, "/account/password"),
            cell("change_password_on_page", "", Method::POST, "/account/password"),
            cell("show_factors", "", Method::GET, "/account/factors"),
            cell("change_factors", "", Method::POST, "/account/factors"),
            cell("show_passkeys", "", Method::GET, "/account/passkeys"),
            cell("change_passkeys", "", Method::POST, "/account/passkeys"),
            cell("show_proof", "", Method::GET, "/account/prove"),
            cell("prove_on_page", "", Method::POST, "/account/prove"),
            cell("show_email", "", Method::GET, "/account/email"),
            cell("change_email", "", Method::POST, "/account/email"),
            cell("show_sessions", "", Method::GET, "/account/sessions"),
            cell("end_sessions_on_page", "", Method::POST, "/account/sessions"),
            cell("show_activity", "", Method::GET, "/account/activity"),
            cell("show_applications", "", Method::GET, "/account/applications"),
            cell("show_keys", "", Method::GET, "/account/keys"),
            cell("change_keys", "", Method::POST, "/account/keys"),
            cell("show_linked_accounts", "", Method::GET, "/account/providers"),
            cell("unlink_account_on_page", "", Method::POST, "/account/providers"),
            cell("revoke_application_on_page", "", Method::POST, "/account/applications"),
            cell("show_language", "", Method::GET, "/account/language"),
            cell("choose_language", "", Method::POST, "/account/language"),
            cell("show_register", "", Method::GET, "/register"),
            cell("register_on_page", "", Method::POST, "/register"),
            cell("show_forgot_password", "", Method::GET, "/forgot-password"),
            cell("ask_for_new_password", "", Method::POST, "/forgot-password"),
            cell("show_reset_password", "", Method::GET, "/reset-password"),
            cell("reset_password_on_page", "", Method::POST, "/reset-password"),
            cell("show_verify_email", "", Method::GET, "/verify-email"),
            cell("verify_email_on_page", "", Method::POST, "/verify-email"),
            cell("show_done", "", Method::GET, "/done"),
        ]
    }

    fn user_cells(&self) -> Vec<Cell> {
        let new = json!({
            "username": format!("new{}", self.caller), "password_hash": PASSWORD_HASH.as_str(), "name": "New",
            "person_type": "N", "document_type": "DNI", "document_number": self.caller.to_string(),
        });
        let lines =
            format!("username,name,password_hash\nimported{},Imported,\"{}\"", self.caller, PASSWORD_HASH.as_str());
        let mut cells = vec![
            cell("list_users", "", Method::GET, "/users"),
            cell("export_users", "", Method::GET, "/users/export"),
            Cell { body: lines, ..cell("import_users", "", Method::POST, "/users/import?format=csv") },
            with_body("create_user", "", Method::POST, "/users", &new),
            cell("list_invitations", "", Method::GET, "/invitations"),
            with_body("invite", "", Method::POST, "/invitations", &json!({})),
            cell("revoke_invitation", "of nobody", Method::DELETE, "/invitations/1000000"),
        ];
        cells.extend(self.robot_cells());
        for (about, id) in [
            ("oneself", self.caller),
            ("who holds nothing", self.idle),
            ("somebody", self.somebody),
            ("administrator of 1", self.keeper),
            ("administrator", self.chief),
        ] {
            let path = format!("/users/{id}");
            let password = json!({"password_hash": PASSWORD_HASH.as_str()});
            cells.push(cell("get_user", about, Method::GET, path.clone()));
            cells.push(cell("get_user_in_service", about, Method::GET, format!("{path}/services/{}", self.one)));
            cells.push(with_body("update_user", about, Method::PUT, path.clone(), &password));
            let named = format!("{about}, by name");
            cells.push(with_body("update_user", &named, Method::PUT, path.clone(), &json!({"name": "New"})));
            cells.push(cell("send_reset", about, Method::POST, format!("{path}/send-reset")));
            cells.push(cell("disable_user", about, Method::POST, format!("{path}/disable")));
            cells.push(cell("enable_user", about, Method::POST, format!("{path}/enable")));
            cells.push(with_body("patch_user", about, Method::PATCH, path.clone(), &password));
            cells.push(cell("list_sessions", about, Method::GET, format!("{path}/sessions")));
            cells.push(cell("end_sessions", about, Method::DELETE, format!("{path}/sessions")));
            cells.push(cell("list_factors_of_user", about, Method::GET, format!("{path}/factors")));
            cells.push(cell("remove_factors_of_user", about, Method::DELETE, format!("{path}/factors")));
            cells.push(cell("list_keys_of_user", about, Method::GET, format!("{path}/keys")));
            cells.push(cell("revoke_keys_of_user", about, Method::DELETE, format!("{path}/keys")));
            cells.push(cell("revoke_key_of_user", about, Method::DELETE, format!("{path}/keys/{id}")));
            cells.push(cell("delete_user", about, Method::DELETE, path));
            cells.push(with_body("delete_users", about, Method::POST, "/users/delete", &json!({"user_ids": [id]})));
        }
        cells
    }

    fn robot_cells(&self) -> Vec<Cell> {
        let robot = 1_000_000 + self.caller;
        let path = format!("/robots/{robot}");
        let new = json!({"username": format!("newrobot{}", self.caller), "owner": self.somebody});
        let key = json!({"name": "key", "scopes": ["portero:users:read"]});
        let keys = format!("{path}/keys");
        vec![
            cell("list_robots", "", Method::GET, "/robots"),
            with_body("create_robot", "of somebody", Method::POST, "/robots", &new),
            cell("get_robot", "of somebody", Method::GET, path.clone()),
            with_body("change_robot", "to oneself", Method::PATCH, path.clone(), &json!({"owner": self.caller})),
            with_body("change_robot", "by name", Method::PATCH, path, &json!({"name": "New"})),
            cell("list_keys_of_robot", "of somebody", Method::GET, keys.clone()),
            with_body("create_key_of_robot", "which it does not hold", Method::POST, keys.clone(), &key),
            with_body(
                "change_key_of_robot",
                "of somebody",
                Method::PATCH,
                format!("{keys}/{robot}"),
                &json!({"name": "another"}),
            ),
            cell("revoke_key_of_robot", "of somebody", Method::DELETE, format!("{keys}/{robot}")),
        ]
    }

    fn role_cells(&self) -> Vec<Cell> {
        let name = json!({"name": format!("new{}", self.role)});
        let mut cells = vec![
            cell("list_roles", "", Method::GET, "/roles"),
            with_body("create_role", "", Method::POST, "/roles", &name),
            cell("list_permissions", "", Method::GET, "/permissions"),
            with_body("create_permission", "", Method::POST, "/permissions", &name),
        ];
        for (about, id) in [
            ("held", self.role),
            ("held by nobody", self.free_role),
            ("carrying Portero's", self.mighty),
            ("Portero's own", WRITER),
        ] {
            let path = format!("/roles/{id}");
            cells.push(cell("get_role", about, Method::GET, path.clone()));
            cells.push(cell("list_role_permissions", about, Method::GET, format!("{path}/permissions")));
            cells.push(with_body("update_role", about, Method::PUT, path.clone(), &name));
            cells.push(with_body("patch_role", about, Method::PATCH, path.clone(), &name));
            cells.push(cell("delete_role", about, Method::DELETE, path));
            for (also, permission) in [("", self.free_permission), (" + users:write", -1)] {
                let about = format!("{about}{also}");
                let link = json!({"role_id": id, "permission_id": permission});
                cells.push(with_body("add_permission_to_role", &about, Method::POST, "/role-permissions", &link));
                cells.push(with_body(
                    "remove_permission_from_role",
                    &about,
                    Method::DELETE,
                    "/role-permissions",
                    &link,
                ));
                let path = format!("/roles/{id}/permissions/{permission}");
                cells.push(cell("remove_permission_from_role_by_path", &about, Method::DELETE, path));
            }
        }
        for (about, id) in [("held", self.permission), ("held by nobody", self.free_permission), ("Portero's own", -1)]
        {
            let path = format!("/permissions/{id}");
            cells.push(cell("get_permission", about, Method::GET, path.clone()));
            cells.push(with_body("update_permission", about, Method::PUT, path.clone(), &name));
            cells.push(with_body("patch_permission", about, Method::PATCH, path.clone(), &name));
            cells.push(cell("delete_permission", about, Method::DELETE, path));
        }
        cells
    }

    fn service_cells(&self) -> Vec<Cell> {
        let name = json!({"name": format!("new{}", self.one)});
        let mut cells = vec![
            cell("list_services", "", Method::GET, "/services"),
            with_body("create_service", "", Method::POST, "/services", &name),
        ];
        for (about, id) in self.services() {
            let path = format!("/services/{id}");
            cells.push(cell("get_service", about, Method::GET, path.clone()));
            cells.push(with_body("update_service", about, Method::PUT, path.clone(), &name));
            cells.push(with_body("patch_service", about, Method::PATCH, path.clone(), &name));
            cells.push(cell("delete_service", about, Method::DELETE, path.clone()));
            cells.push(cell("list_service_roles", about, Method::GET, format!("{path}/roles")));
            cells.push(cell("list_role_holders", about, Method::GET, format!("{path}/roles/{}/people", self.role)));
            let link = json!({"service_id": id, "role_id": self.role});
            cells.push(with_body("add_role_to_service", about, Method::POST, "/service-roles", &link));
            cells.push(with_body("remove_role_from_service", about, Method::DELETE, "/service-roles", &link));
            let path = format!("{path}/roles/{}", self.role);
            cells.push(cell("remove_role_from_service_by_path", about, Method::DELETE, path));
        }
        let link = json!({"service_id": format!("new{}", self.one), "role_id": self.role});
        cells.push(with_body("add_role_to_service", "in a new one", Method::POST, "/service-roles", &link));
        cells
    }

    fn key_cells(&self) -> Vec<Cell> {
        let tokens = json!({"tokens": ["ptk_made_up"]});
        let mut cells = vec![
            cell("changes", "", Method::GET, "/changes"),
            with_body("check_tokens", "", Method::POST, "/check-tokens", &tokens),
        ];
        for (about, id) in self.services() {
            let path = format!("/services/{id}/keys");
            cells.push(cell("list_keys", about, Method::GET, path.clone()));
            cells.push(with_body("create_key", about, Method::POST, path.clone(), &json!({"name": "new"})));
            cells.push(cell("revoke_key", about, Method::DELETE, format!("{path}/{id}")));
            let path = format!("/services/{id}/issuers");
            cells.push(cell("list_issuers", about, Method::GET, path.clone()));
            let issuer = format!("https://{}.example", self.caller);
            let new = json!({"issuer": issuer, "jwks_uri": "https://a.example/keys", "person_by": "id"});
            cells.push(with_body("add_issuer", about, Method::POST, path.clone(), &new));
            let path = format!("{path}/1000000");
            cells.push(cell("get_issuer", about, Method::GET, path.clone()));
            cells.push(with_body("patch_issuer", about, Method::PATCH, path.clone(), &json!({"leeway_seconds": 10})));
            cells.push(cell("delete_issuer", about, Method::DELETE, path));
            let path = format!("/services/{id}/registration-tokens");
            cells.push(cell("list_registration_tokens", about, Method::GET, path.clone()));
            let new = json!({"name": "new"});
            cells.push(with_body("create_registration_token", about, Method::POST, path.clone(), &new));
            cells.push(cell("revoke_registration_token", about, Method::DELETE, format!("{path}/{id}")));
        }
        cells
    }

    fn provider_cells(&self) -> Vec<Cell> {
        let name = format!("p{}", self.caller);
        let new = json!({"name": name, "issuer": format!("https://{name}.example"), "client_id": "portero"});
        let path = "/providers/1000000";
        vec![
            cell("list_providers", "", Method::GET, "/providers"),
            with_body("add_provider", "", Method::POST, "/providers", &new),
            cell("get_provider", "", Method::GET, path),
            with_body("patch_provider", "", Method::PATCH, path, &json!({"newcomers": "open"})),
            cell("delete_provider", "", Method::DELETE, path),
            cell("list_linked_accounts", "", Method::GET, "/auth/me/providers"),
            cell("unlink_account", "", Method::DELETE, "/auth/me/providers/1000000"),
            cell("go_to_provider", "", Method::GET, "/login/providers/nobody"),
            cell("link_at_provider", "", Method::POST, "/login/providers/nobody"),
            cell("come_back_from_provider", "", Method::GET, "/login/callback/nobody"),
            cell("backchannel_logout", "", Method::POST, "/login/providers/nobody/backchannel-logout"),
        ]
    }

    fn policy_cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        let new = json!({"table_name": format!("table{}", self.caller), "action": "read", "expression": ""});
        for (about, id) in self.services() {
            let path = format!("/services/{id}/policies");
            cells.push(cell("list_policies", about, Method::GET, path.clone()));
            cells.push(with_body("create_policy", about, Method::POST, path.clone(), &new));
            let changes = json!({"policies": [new.clone()]});
            cells.push(with_body("diff_policies", about, Method::POST, format!("{path}/diff"), &changes));
            let path = format!("{path}/1000000");
            cells.push(cell("get_policy", about, Method::GET, path.clone()));
            cells.push(with_body("patch_policy", about, Method::PATCH, path.clone(), &json!({"action": "all"})));
            cells.push(cell("delete_policy", about, Method::DELETE, path));
            let path = format!("/services/{id}/resource-types");
            cells.push(cell("list_resource_types", about, Method::GET, path.clone()));
            let path = format!("{path}/invoice");
            cells.push(cell("get_resource_type", about, Method::GET, path.clone()));
            let columns = json!({"columns": {"id": "integer"}});
            cells.push(with_body("put_resource_type", about, Method::PUT, path.clone(), &columns));
            cells.push(cell("delete_resource_type", about, Method::DELETE, path));
            let path = format!("/services/{id}/policy-settings");
            cells.push(cell("get_policy_settings", about, Method::GET, path.clone()));
            cells.push(with_body(
                "patch_policy_settings",
                about,
                Method::PATCH,
                path,
                &json!({"policies_decide": true}),
            ));
            let path = format!("/auth_policies?service={id}");
            cells.push(cell("list_auth_policies", about, Method::GET, path.clone()));
            cells.push(with_body("create_auth_policy", about, Method::POST, path.clone(), &new));
            let path = format!("{path}&id=1000000");
            cells.push(with_body("update_auth_policy", about, Method::PUT, path.clone(), &json!({"action": "all"})));
            cells.push(cell("delete_auth_policy", about, Method::DELETE, path));
        }
        cells
    }

    fn resource_cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (about, id) in self.services() {
            let path = format!("/services/{id}/resources");
            cells.push(cell("list_resources", about, Method::GET, path.clone()));
            cells.push(cell("put_resources", about, Method::POST, path.clone()));
            cells.push(cell("delete_resources", about, Method::POST, format!("{path}/delete")));
            let path = format!("{path}/folder/nowhere");
            cells.push(cell("get_resource", about, Method::GET, path.clone()));
            cells.push(with_body("put_resource", about, Method::PUT, path.clone(), &json!({})));
            cells.push(cell("delete_resource", about, Method::DELETE, path));
            cells.push(cell("list_resource_roles", about, Method::GET, format!("/resource-roles?service_id={id}")));
            let grant = json!({
                "service_id": id, "type": "folder", "id": "nowhere", "person_id": self.somebody.to_string(), "role_id": self.role,
            });
            cells.push(with_body("grant_resource_role", about, Method::POST, "/resource-roles", &grant));
            cells.push(with_body("revoke_resource_role", about, Method::DELETE, "/resource-roles", &grant));
        }
        cells
    }

    fn decision_cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        let (subject, action) = (json!({"type": "user", "id": self.somebody.to_string()}), json!({"name": "read"}));
        let resource = json!({"type": "invoice", "id": "1"});
        let question = json!({"subject": subject, "action": action, "resource": resource});
        for (about, id) in self.services() {
            for (operation, path) in [
                ("evaluate_access", "evaluation"),
                ("evaluate_accesses", "evaluations"),
                ("search_subjects", "search/subject"),
                ("search_resources", "search/resource"),
                ("search_actions", "search/action"),
                ("filter_rows", "filter"),
                ("explain_access", "explain"),
                ("simulate_access", "simulate"),
                ("find_who_can", "who-can"),
                ("find_what_can", "what-can"),
            ] {
                let path = format!("/access/v1/{path}?service={id}");
                cells.push(with_body(operation, about, Method::POST, path, &question));
            }
        }
        cells
    }

    fn client_cells(&self) -> Vec<Cell> {
        let mut cells = vec![
            cell("list_clients", "", Method::GET, "/clients"),
            cell("get_client", "of nobody", Method::GET, "/clients/nobody"),
            cell("list_clients_by_v1", "", Method::GET, "/api/v1/client"),
            cell("get_client_by_v1", "of nobody", Method::GET, "/api/v1/client/nobody"),
            cell("get_client_by_v1", "of Portero", Method::GET, "/api/v1/client/loopback"),
            cell("get_client_by_v1", "in 1", Method::GET, format!("/api/v1/client/client{}", self.one)),
            cell("get_client_by_v1", "in another", Method::GET, format!("/api/v1/client/client{}", self.another)),
        ];
        for (about, service) in [("of Portero", None), ("in 1", Some(self.one)), ("in another", Some(self.another))] {
            let mut body =
                json!({"client_id": format!("old{}", self.caller), "client_name": "Old", "grants": ["password"]});
            if let Some(service) = service {
                body["service_id"] = service.into();
            }
            cells.push(with_body("create_client_by_v1", about, Method::POST, "/api/v1/client", &body));
        }
        let new = |about: &str, service: i32, more: Value| {
            let mut body = json!({
                "client_id": format!("new{service}"), "client_name": "New", "service_id": service,
                "redirect_uris": ["https://app.example/callback"],
            });
            body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            with_body("create_client", about, Method::POST, "/clients", &body)
        };
        for (about, id) in self.services() {
            cells.push(cell("list_clients", about, Method::GET, format!("/clients?service={id}")));
            cells.push(new(about, id, json!({})));
        }
        cells.push(new("in 1, for another too", self.one, json!({"audience": [self.one, self.another]})));
        for (about, id) in [("in 1", self.one), ("in another", self.another)] {
            let path = format!("/clients/client{id}");
            cells.push(cell("get_client", about, Method::GET, path.clone()));
            cells.push(with_body("patch_client", about, Method::PATCH, path.clone(), &json!({"client_name": "New"})));
            cells.push(cell("delete_client", about, Method::DELETE, path.clone()));
            cells.push(cell("list_client_secrets", about, Method::GET, format!("{path}/secrets")));
            let secrets = format!("{path}/secrets");
            cells.push(with_body("rotate_client_secret", about, Method::POST, secrets, &json!({})));
            cells.push(cell("revoke_client_secret", about, Method::DELETE, format!("{path}/secrets/{id}")));
            cells.push(Cell {
                body: WEBP.into(),
                ..cell("set_client_logo", about, Method::PUT, format!("{path}/logo"))
            });
            cells.push(cell("delete_client_logo", about, Method::DELETE, format!("{path}/logo")));
        }
        let wider = json!({"audience": [self.one, self.another]});
        let path = format!("/clients/client{}", self.one);
        cells.push(with_body("patch_client", "in 1, for another too", Method::PATCH, path, &wider));
        cells
    }

    fn grant_cells(&self) -> Vec<Cell> {
        let mut cells = vec![cell("list_administrators", "", Method::GET, "/administrators")];
        for (about, id) in [("oneself", self.caller), ("somebody", self.somebody), ("administrator", self.chief)] {
            let path = format!("/administrators/{id}");
            cells.push(cell("promote_administrator", about, Method::PUT, path.clone()));
            cells.push(cell("demote_administrator", about, Method::DELETE, path));
        }
        let mut both = |about, person: i32, service: i32, role: i32| {
            let grant = json!({"person_id": person, "service_id": service, "role_id": role});
            cells.push(with_body("grant_role", about, Method::POST, "/person-service-roles", &grant));
            cells.push(with_body("revoke_role", about, Method::DELETE, "/person-service-roles", &grant));
            let path = format!("/people/{person}/services/{service}/roles/{role}");
            cells.push(cell("revoke_role_by_path", about, Method::DELETE, path));
        };
        both("plain in 1", self.somebody, self.one, self.role);
        both("plain in another", self.somebody, self.another, self.role);
        both("plain in Portero", self.somebody, 0, self.role);
        both("plain in 1, oneself", self.caller, self.one, self.role);
        both("roles:write in 1", self.somebody, self.one, self.mighty);
        both("roles:write in another", self.somebody, self.another, self.mighty);
        both("roles:write in Portero", self.somebody, 0, self.mighty);
        both("Writer in 1", self.somebody, self.one, WRITER);
        both("Writer in another", self.somebody, self.another, WRITER);
        both("Writer in Portero", self.somebody, 0, WRITER);
        both("Administrator in 1", self.keeper, self.one, ADMINISTRATOR);
        both("Administrator in 1, oneself", self.caller, self.one, ADMINISTRATOR);
        both("Administrator in another", self.somebody, self.another, ADMINISTRATOR);
        both("Administrator in Portero", self.chief, 0, ADMINISTRATOR);
        both("Administrator in Portero, oneself", self.caller, 0, ADMINISTRATOR);
        both("Auditor in Portero, oneself", self.caller, 0, AUDITOR);

        for (about, service) in self.services() {
            let path = format!("/services/{service}/access-review");
            cells.push(cell("review_access", about, Method::GET, path.clone()));
            for (what, role) in [("plain", self.role), ("roles:write", self.mighty)] {
                let about = format!("{what} {about}");
                let none = json!({"revoke": [{"person_id": self.somebody, "role_id": role}]});
                cells.push(with_body("decide_access", &about, Method::POST, path.clone(), &none));
            }
        }

        let mut both = |about, service: i32, permission: i32| {
            let grant = json!({"person_id": self.somebody, "service_id": service, "permission_id": permission});
            cells.push(with_body("grant_permission", about, Method::POST, "/person-service-permissions", &grant));
            cells.push(with_body("revoke_permission", about, Method::DELETE, "/person-service-permissions", &grant));
            let path = format!("/people/{}/services/{service}/permissions/{permission}", self.somebody);
            cells.push(cell("revoke_permission_by_path", about, Method::DELETE, path));
        };
        both("plain in 1", self.one, self.permission);
        both("plain in another", self.another, self.permission);
        both("plain in Portero", 0, self.permission);
        both("users:write in 1", self.one, -1);
        both("users:write in another", self.another, -1);
        both("users:write in Portero", 0, -1);
        both("roles:write in 1", self.one, -3);
        both("roles:write in Portero", 0, -3);
        cells
    }

    fn group_cells(&self) -> Vec<Cell> {
        let new = json!({"name": format!("new{}", self.caller)});
        let mut cells = vec![
            cell("list_groups", "", Method::GET, "/groups"),
            with_body("create_group", "", Method::POST, "/groups", &new),
        ];
        let nested = self.caller + 2;
        // One that holds nothing, and one by which `roles:write` is held everywhere.
        for (about, group) in [("plain", self.caller), ("roles:write", self.caller + 1)] {
            let path = format!("/groups/{group}");
            cells.push(cell("get_group", about, Method::GET, path.clone()));
            cells.push(with_body("patch_group", about, Method::PATCH, path.clone(), &json!({"description": "new"})));
            cells.push(cell("delete_group", about, Method::DELETE, path.clone()));
            cells.push(cell("list_group_roles", about, Method::GET, format!("{path}/roles")));
            let members = format!("{path}/members");
            cells.push(cell("list_members", about, Method::GET, members.clone()));
            for (what, member) in [("person", json!({"person_id": self.idle})), ("group", json!({"group_id": nested}))]
            {
                let about = format!("{about} {what}");
                cells.push(with_body("add_member", &about, Method::POST, members.clone(), &member));
                cells.push(with_body("remove_member", &about, Method::DELETE, members.clone(), &member));
            }
            let person = format!("{path}/people/{}", self.somebody);
            cells.push(cell("remove_person_by_path", about, Method::DELETE, person));
            cells.push(cell("remove_group_by_path", about, Method::DELETE, format!("{path}/groups/{nested}")));
        }
        for (about, person) in [("oneself", self.caller), ("somebody", self.somebody)] {
            cells.push(cell("list_groups_of_user", about, Method::GET, format!("/users/{person}/groups")));
        }
        let mut both = |about, service: i32, role: i32| {
            let grant = json!({"group_id": format!("group{nested}"), "service_id": service, "role_id": role});
            cells.push(with_body("grant_role_to_group", about, Method::POST, "/group-service-roles", &grant));
            cells.push(with_body("revoke_role_of_group", about, Method::DELETE, "/group-service-roles", &grant));
            let path = format!("/groups/group{nested}/services/{service}/roles/{role}");
            cells.push(cell("revoke_role_of_group_by_path", about, Method::DELETE, path));
        };
        both("plain in 1", self.one, self.role);
        both("plain in another", self.another, self.role);
        both("plain in Portero", 0, self.role);
        both("roles:write in 1", self.one, self.mighty);
        both("roles:write in Portero", 0, self.mighty);
        cells
    }

    fn people_cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (about, person) in [("oneself", self.caller), ("somebody", self.somebody)] {
            cells.push(cell("list_person_services", about, Method::GET, format!("/people/{person}/services")));
        }
        for (who, person) in [("oneself", self.caller), ("somebody", self.somebody)] {
            for (place, service) in self.services() {
                let about = format!("{who} {place}");
                let path = format!("/people/{person}/services/{service}");
                cells.push(cell("get_person_in_service", &about, Method::GET, path.clone()));
                cells.push(cell("list_person_roles", &about, Method::GET, format!("{path}/roles")));
            }
        }
        cells
    }
}
