//! One act, many doors: whichever it comes in by, it leaves the same rows, audit events, mails and changes behind, but for
//! what is meant to differ.

mod grants;
mod people;

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::reset::with_mail_and;
use crate::support::{Caller, Mailbox, PASSWORD, Server};

const NEW_PASSWORD: &str = "a passphrase of their own";

/// A server that sends mail and lets anybody register, and its administrator.
struct House {
    server: Server,
    mailbox: Mailbox,
    root: Caller,
}

/// Where the logs stood.
struct Mark {
    audit: i64,
    mails: i64,
    changes: i64,
    failures: i64,
}

impl House {
    async fn new() -> Self {
        let (server, mailbox) = with_mail_and(&[("REGISTRATION", "open")]).await;
        let root = server.administrator().await;
        Self { server, mailbox, root }
    }

    /// Somebody reachable, with four sessions, one of them with a refresh token, and a failed login.
    async fn somebody(&self, username: &str) -> Caller {
        let person = crate::reset::reachable(&self.server, username).await;
        self.server.session_of(person.id).await;
        self.root.log_in(username, PASSWORD).await.ok();
        let refreshing = json!({"username": username, "password": PASSWORD, "refresh": true});
        self.root.post("/auth/login", refreshing).await.ok();
        self.root.log_in(username, "not their password").await;
        person
    }

    /// Runs `portero`, which must succeed; what it makes up is a secret from then on.
    fn portero(&self, args: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portero"));
        command.args(args).arg("--json").env_clear().stdin(Stdio::null());
        for inherited in ["PATH", "PG_BINDIR", "HOME"] {
            command.envs(std::env::var_os(inherited).map(|value| (inherited, value)));
        }
        command.env("AUTH_DATABASE_URL", self.server.url()).env("PORTERO_DATA_DIR", "/nonexistent");
        command.env("SMTP_URL", &self.mailbox.url).env("MAIL_FROM", "Portero <portero@example.com>");
        let ended = command.output().expect("the binary runs");
        assert!(ended.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }

    async fn mark(&self) -> Mark {
        let last = async |sql| self.server.number(sql).await;
        Mark {
            audit: last("select coalesce(max(id), 0) from auth.audit_events").await,
            mails: last("select coalesce(max(id), 0) from auth.mails").await,
            changes: last("select coalesce(max(id), 0) from auth.changes").await,
            failures: last("select count(*) from auth.login_attempts").await,
        }
    }

    /// What has been left behind since: of a person's own number and name only whether they are theirs.
    async fn left(&self, person: i32, since: &Mark) -> Value {
        let left: Value = sqlx::query_scalar(
            r"
            select jsonb_build_object(
                'person', (
                    select jsonb_build_object(
                        'removed', removed_at is not null, 'disabled', disabled_at is not null,
                        'password', password_hash is not null, 'email', email is not null,
                        'proved', email_verified_at is not null, 'password_by', password_set_by, 'email_by', email_given_by
                    )
                    from auth.person where id = $1
                ),
                'sessions', (select count(*) from auth.tokens_cache where person_id = $1),
                'families', (select count(*) from auth.refresh_families where person_id = $1),
                'failures', (select count(*) from auth.login_attempts) - $5,
                'grants', (
                    select coalesce(jsonb_agg(jsonb_build_object(
                        'service', g.service_id, 'direct', r.direct_person_id is not null, 'ends', g.expires_at is not null,
                        'carries', (select count(*) from auth.role_permission c where c.role_id = r.id)
                    ) order by g.service_id, r.direct_person_id is not null, r.id), '[]')
                    from auth.person_service_role g join auth.role r on r.id = g.role_id
                    where g.person_id = $1
                ),
                'told', (
                    select coalesce(jsonb_agg(jsonb_build_object(
                        'action', action, 'theirs', subject_id is not distinct from $1, 'service', service_id,
                        'before', (select jsonb_agg(k order by k) from jsonb_object_keys(before) k),
                        'after', (select jsonb_agg(k order by k) from jsonb_object_keys(after) k)
                    ) order by id), '[]')
                    from auth.audit_events where id > $2
                ),
                'mails', (
                    select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'theirs', person_id = $1) order by id), '[]')
                    from auth.mails where id > $3
                ),
                'changes', (
                    select coalesce(jsonb_agg(distinct jsonb_build_object(
                        'kind', kind, 'theirs', person_id is not distinct from $1, 'service', service_id
                    )), '[]')
                    from auth.changes where id > $4
                )
            )
            ",
        )
        .bind(person)
        .bind(since.audit)
        .bind(since.mails)
        .bind(since.changes)
        .bind(since.failures)
        .fetch_one(self.server.app.db.pool())
        .await
        .expect("what was left");
        left
    }

    async fn id(&self, username: &str) -> i32 {
        sqlx::query_scalar("select id from auth.person where username = $1 and removed_at is null")
            .bind(username)
            .fetch_one(self.server.app.db.pool())
            .await
            .expect("somebody of that name")
    }
}

/// That each door left what the first did.
#[track_caller]
fn assert_alike(left: &[(&str, Value)]) {
    let (first, expected) = &left[0];
    for (door, left) in &left[1..] {
        assert_eq!(left, expected, "{door} (left), {first} (right)");
    }
}

/// What an audit trail tells, by action.
fn told(left: &Value) -> Vec<&str> {
    let told = left["told"].as_array().expect("events");
    told.iter().map(|event| event["action"].as_str().expect("an action")).collect()
}
