//! Two instances on one Postgres behave as one, also when a transaction pooler stands between.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portero::base::opaque::token::Token;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use time::OffsetDateTime;

use crate::process::{Directory, Portero, free_port};

/// Two instances, and a way around both.
struct Two {
    a: Portero,
    b: Portero,
    psql: PgConnection,
    client: reqwest::Client,
    admin: String,
    _pooler: Option<Pooler>,
    _first: Portero,
    _directory: Directory,
}

/// PgBouncer in a process of its own.
pub struct Pooler {
    child: Child,
    pub url: String,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pooler {
    /// `None` on a machine that has none.
    pub async fn to(directory: &Directory, database: &str, target: &str) -> Option<Self> {
        let binary = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"]
            .into_iter()
            .find(|path| Path::new(path).exists())?;
        let port = free_port();
        let settings = format!(
            "[databases]\n{database} = {target}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 6\nmax_client_conn = 200\n\
             ignore_startup_parameters = extra_float_digits\n"
        );
        let file = directory.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(binary);
        if nix::unistd::Uid::current().is_root() {
            // It refuses to be root; the socket is open to whom Postgres runs as.
            command.args(["-u", "postgres"]);
        }
        let child = command.arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pooler = Self { child, url: format!("postgres://portero@127.0.0.1:{port}/{database}") };
        let start = Instant::now();
        while PgConnection::connect(&pooler.url).await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "PgBouncer does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(pooler)
    }
}

impl Two {
    async fn start(pooled: bool) -> Option<Self> {
        let directory = Directory::new();
        // It brings Postgres and the data; the two are others.
        let first = Portero::start(&directory, "demo", &[]).await;
        let socket = directory.path().join("run");
        let direct = format!("postgres://portero@localhost/portero_demo?host={}", socket.display());
        let target = format!("host={} user=portero", socket.display());
        let bouncer = if pooled { Some(Pooler::to(&directory, "portero_demo", &target).await?) } else { None };
        let url = bouncer.as_ref().map_or(direct.clone(), |bouncer| bouncer.url.clone());
        let own = |name: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (a, b) = (own("a"), own("b"));
        let master_key = directory.path().join("master.key");
        let master_key = master_key.to_str().unwrap();
        let vars = |directory| {
            [("AUTH_DATABASE_URL", url.as_str()), ("PORTERO_DATA_DIR", directory), ("MASTER_KEY_FILE", master_key)]
        };
        let a = Portero::start(&directory, "serve", &vars(&a)).await;
        let b = Portero::start(&directory, "serve", &vars(&b)).await;
        let admin = first.log_in("adm1", "adm1-hash").await;
        let psql = PgConnection::connect(&direct).await.unwrap();
        let client = reqwest::Client::new();
        Some(Self { a, b, psql, client, admin, _pooler: bouncer, _first: first, _directory: directory })
    }

    /// Each of the two once as the one where something is done, and once as the one that is asked.
    fn order(&self, round: usize) -> (String, String) {
        let (a, b) = (self.a.url.clone(), self.b.url.clone());
        if round.is_multiple_of(2) { (a, b) } else { (b, a) }
    }

    /// A session that was last renewed so long ago.
    async fn session(&mut self, person: i32, age: time::Duration) -> String {
        let now = OffsetDateTime::now_utc();
        let mut random = [0; 32];
        getrandom::fill(&mut random).unwrap();
        let token = Token::generate(b"of a test", &random, now);
        sqlx::query(
            "insert into auth.tokens_cache (token, person_id, payload, created_at, modified_at)
            select $1, id, jsonb_build_object('user_id', id, 'username', username, 'name', name), $3, $3
            from auth.person where id = $2",
        )
        .bind(token.hash().as_bytes())
        .bind(person)
        .bind(now - age)
        .execute(&mut self.psql)
        .await
        .unwrap();
        token.reveal().to_owned()
    }

    /// Somebody new.
    async fn person(&mut self) -> i32 {
        sqlx::query_scalar(
            "insert into auth.person (username, name, password_hash)
            select 'somebody' || nextval(pg_get_serial_sequence('auth.person', 'id')), 'Somebody', password_hash
            from auth.person where id = 1 returning id",
        )
        .fetch_one(&mut self.psql)
        .await
        .unwrap()
    }

    async fn ask(&self, method: &str, url: String, token: &str, body: Value) -> (u16, Value) {
        ask(&self.client, method, url, token, body).await
    }
}

async fn ask(client: &reqwest::Client, method: &str, url: String, token: &str, body: Value) -> (u16, Value) {
    let request = client.request(method.parse().unwrap(), url).header("token", token).body(body.to_string());
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

const FRESH: time::Duration = time::Duration::ZERO;

async fn what_ends_on_one_has_ended_on_the_other(two: &mut Two, rounds: usize) {
    for round in 0..rounds {
        let (here, there) = two.order(round);
        let token = two.session(7, FRESH).await;
        assert_eq!(two.ask("POST", format!("{there}/check-token"), &token, json!({})).await.0, 200);
        assert_eq!(two.ask("POST", format!("{here}/auth/logout"), &token, json!({})).await.0, 200);
        let (status, body) = two.ask("POST", format!("{there}/check-token"), &token, json!({})).await;
        assert_eq!((status, &body["error"]), (401, &json!("invalid_token")), "round {round}");
    }
    for round in 0..rounds / 10 {
        let (here, there) = two.order(round);
        let person = two.person().await;
        let token = two.session(person, FRESH).await;
        let (path, admin) = (format!("{here}/users/{person}"), two.admin.clone());
        if round % 5 == 0 {
            let change = json!({"password": format!("a new passphrase {round}")});
            assert_eq!(two.ask("PUT", path.clone(), &admin, change).await.0, 200);
            assert_eq!(two.ask("GET", format!("{there}/auth/profile"), &token, json!({})).await.0, 401);
        }
        let token = two.session(person, FRESH).await;
        assert_eq!(two.ask("GET", format!("{there}/auth/profile"), &token, json!({})).await.0, 200);
        assert_eq!(two.ask("DELETE", path, &admin, json!({})).await.0, 200);
        assert_eq!(two.ask("GET", format!("{there}/auth/profile"), &token, json!({})).await.0, 401, "round {round}");
    }
}

async fn what_is_granted_or_taken_on_one_is_so_on_the_other(two: &mut Two, rounds: usize) {
    let token = two.session(7, FRESH).await;
    let admin = two.admin.clone();
    let grant = json!({"person_id": 7, "service_id": 4, "role_id": "Editor"});
    let direct = json!({"person_id": 7, "service_id": 4, "permission_name": "share"});
    let carried = json!({"role_id": "Viewer", "permission_id": "delete"});
    for round in 0..rounds {
        let (here, there) = two.order(round);
        let (path, change, permission) = [
            ("/person-service-roles", &grant, "update"),
            ("/person-service-permissions", &direct, "share"),
            ("/role-permissions", &carried, "delete"),
        ][round / 2 % 3];
        let may = async |two: &Two| {
            let question = json!({"service_id": "UI Store", "permission": permission});
            let (status, body) = two.ask("POST", format!("{there}/check-token"), &token, question).await;
            let (_, in_service) = two.ask("GET", format!("{there}/people/juan/services/4"), &token, json!({})).await;
            assert_eq!(status, 200, "{body}");
            assert_eq!(body["permissions"], in_service["permissions"]);
            body["allowed"] == true
        };
        assert!(!may(two).await, "before round {round}");
        assert_eq!(two.ask("POST", format!("{here}{path}"), &admin, change.clone()).await.0, 200);
        assert!(may(two).await, "granted in round {round}");
        assert_eq!(two.ask("DELETE", format!("{here}{path}"), &admin, change.clone()).await.0, 200);
        assert!(!may(two).await, "taken in round {round}");
    }
}

async fn of_many_checks_on_both_one_renews(two: &mut Two, rounds: usize) {
    for round in 0..rounds {
        let token = two.session(7, time::Duration::seconds(280)).await;
        let checks = (0..24).map(|n| {
            let (url, client, token) = (two.order(n).0, two.client.clone(), token.clone());
            tokio::spawn(async move { ask(&client, "POST", format!("{url}/check-token"), &token, json!({})).await })
        });
        let mut renewed = 0;
        for check in checks.collect::<Vec<_>>() {
            let (status, body) = check.await.unwrap();
            assert_eq!(status, 200, "{body}");
            renewed += usize::from(body["renewed"] == true);
        }
        assert_eq!(renewed, 1, "round {round}");
    }
}

async fn what_ends_on_one_is_told_by_the_other(two: &mut Two) {
    let (status, made) =
        two.ask("POST", format!("{}/services/4/keys", two.a.url), &two.admin, json!({"name": "till"})).await;
    assert_eq!(status, 201, "{made}");
    let request = two.client.get(format!("{}/changes", two.b.url)).header("token", made["key"].as_str().unwrap());
    let mut stream = request.send().await.unwrap();
    let mut heard = String::new();
    let mut until = async |event: &str| {
        while !heard.contains(event) {
            let chunk = tokio::time::timeout(Duration::from_secs(30), stream.chunk()).await;
            heard += &String::from_utf8_lossy(&chunk.expect("something is told").unwrap().expect("the stream goes on"));
        }
    };
    until("event: ready").await;
    let token = two.session(7, FRESH).await;
    assert_eq!(two.ask("POST", format!("{}/auth/logout", two.a.url), &token, json!({})).await.0, 200);
    until("event: session-revoked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_are_as_one() {
    let mut two = Two::start(false).await.unwrap();
    what_ends_on_one_has_ended_on_the_other(&mut two, 1500).await;
    what_is_granted_or_taken_on_one_is_so_on_the_other(&mut two, 600).await;
    of_many_checks_on_both_one_renews(&mut two, 60).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_behind_a_transaction_pooler_are_as_one() {
    let Some(mut two) = Two::start(true).await else {
        eprintln!("not tried: there is no pgbouncer on this machine");
        return;
    };
    what_ends_on_one_has_ended_on_the_other(&mut two, 300).await;
    what_is_granted_or_taken_on_one_is_so_on_the_other(&mut two, 120).await;
    of_many_checks_on_both_one_renews(&mut two, 20).await;
    what_ends_on_one_is_told_by_the_other(&mut two).await;
}
