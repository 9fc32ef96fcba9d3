//! A server of a test's own, without a socket: requests go through the same router as in real life.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::response::Parts;
use http_body_util::BodyExt;
use portero::access::{grants, keys};
use portero::app::changes::FeedTimings;
use portero::app::config::Config;
use portero::app::database::Database;
use portero::app::{self, App, build};
use portero::base::id::{PersonId, RoleId, ServiceId};
use portero::base::opaque::token::Token;
use portero::gate::{self, audit::Origin};
use portero::identity::factors::RequireMfa;
use portero::identity::people;
use portero::identity::sessions::store::{BegunSession, insert_all};
use portero::identity::sessions::{BeginRules, Entrant, Proof};
use portero::platform::metrics::Hashing;
use portero::platform::passwords::{Hasher, HashingPlace, Password, PasswordHash};
use portero::platform::shares::Asker;
use tower::ServiceExt;
use tracing::subscriber::DefaultGuard;

use super::caller::{Caller, Response};
use super::cluster::{self, Data, TestDatabase};
use super::log::Log;
use super::secrets::Secrets;
use super::stream::Stream;
use super::{CONNECTIONS, beside_the_pool};

/// Everybody's password, unless a test gives them another.
pub const PASSWORD: &str = "correct horse battery staple";

/// Its hash, made once.
pub static PASSWORD_HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    let hash = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let password = Password::try_from(PASSWORD.to_owned()).expect("a password");
        runtime
            .block_on(
                Hasher::start(1, HashingPlace::Here, Hashing::default())
                    .expect("a hasher")
                    .hash(&Asker::ourselves("tests"), password),
            )
            .expect("a hash")
    };
    std::thread::spawn(hash).join().expect("a hash")
});

/// What callers speak to.
#[derive(Clone, Debug)]
pub struct Instance {
    pub app: App,
    router: Router,
    pub secrets: Secrets,
}

impl Instance {
    pub async fn begin_to_answer(&self, request: Request<Body>) -> (Parts, Body) {
        self.router.clone().oneshot(request).await.expect("the router is infallible").into_parts()
    }

    pub async fn answer(&self, request: Request<Body>) -> Response {
        let (head, body) = self.begin_to_answer(request).await;
        if head.headers.get("content-type").is_some_and(|media| media == "text/event-stream") {
            let first = Stream::new(body, self.secrets.clone()).event().await;
            return Response::new(head, first.name);
        }
        let body = body.collect().await.expect("the whole body").to_bytes();
        Response::new(head, String::from_utf8(body.to_vec()).expect("answers are UTF-8"))
    }
}

/// A server and its database. When it is dropped, its log is searched for every secret of the test.
#[derive(Debug)]
pub struct Server {
    pub app: App,
    pub log: Log,
    pub secrets: Secrets,
    instance: Arc<Instance>,
    database: Option<Arc<TestDatabase>>,
    _listening: Option<DefaultGuard>,
}

impl Server {
    /// Nobody is registered, nothing exists but Portero's own rows.
    pub async fn on_a_fresh_database() -> Self {
        Self::with(Data::Fresh, &[], FeedTimings::default()).await
    }

    /// The world of `db/demo_data.sql`.
    pub async fn on_the_demo_data() -> Self {
        Self::with(Data::Demo, &[], FeedTimings::default()).await
    }

    /// A fresh database and settings of the test's own.
    pub async fn configured(settings: &[(&str, &str)]) -> Self {
        Self::with(Data::Fresh, settings, FeedTimings::default()).await
    }

    /// A fresh database, and streams of another pace.
    pub async fn paced(pace: FeedTimings) -> Self {
        Self::with(Data::Fresh, &[], pace).await
    }

    async fn with(data: Data, settings: &[(&str, &str)], pace: FeedTimings) -> Self {
        let log = Log::default();
        let listening = log.listen();
        let own = settings.iter().find(|(name, _)| *name == "MAX_CONNECTIONS");
        let own = own.map_or(CONNECTIONS, |(_, value)| value.parse().expect("a number"));
        // And those of another instance, of both's lanes and of both's readers.
        let database = TestDatabase::with(data, own + CONNECTIONS + 2 * beside_the_pool()).await;
        Self::on(database, settings, pace, log, listening).await
    }

    /// A database that was made in a way of its own.
    pub async fn on_database(database: TestDatabase, settings: &[(&str, &str)]) -> Self {
        let log = Log::default();
        let listening = log.listen();
        Self::on(database, settings, FeedTimings::default(), log, listening).await
    }

    async fn on(
        database: TestDatabase,
        settings: &[(&str, &str)],
        pace: FeedTimings,
        log: Log,
        listening: DefaultGuard,
    ) -> Self {
        let instance = instance(&database.url, settings, pace, Secrets::default()).await;
        Self {
            app: instance.app.clone(),
            log,
            secrets: instance.secrets.clone(),
            instance: Arc::new(instance),
            database: Some(Arc::new(database)),
            _listening: Some(listening),
        }
    }

    /// A server whose Postgres is not there.
    pub async fn without_postgres(settings: &[(&str, &str)]) -> Self {
        let log = Log::default();
        let listening = log.listen();
        let instance =
            instance("postgres://nobody@127.0.0.1:1/none", settings, FeedTimings::default(), Secrets::default()).await;
        Self {
            app: instance.app.clone(),
            log,
            secrets: instance.secrets.clone(),
            instance: Arc::new(instance),
            database: None,
            _listening: Some(listening),
        }
    }

    /// Another server on the same database, with the same clock.
    pub async fn another_instance(&self) -> Self {
        self.another_instance_with(&[]).await
    }

    /// Likewise, with settings of its own.
    pub async fn another_instance_with(&self, settings: &[(&str, &str)]) -> Self {
        let database = self.database.clone().expect("a database");
        let mut other = instance(&database.url, settings, FeedTimings::default(), self.secrets.clone()).await;
        other.app = other.app.with_clock(self.app.clock.clone());
        other.router = app::router(&other.app);
        Self {
            app: other.app.clone(),
            log: self.log.clone(),
            secrets: self.secrets.clone(),
            instance: Arc::new(other),
            database: Some(database),
            _listening: None,
        }
    }

    /// Its database, as `AUTH_DATABASE_URL` takes it.
    pub fn url(&self) -> &str {
        &self.database.as_ref().expect("a database").url
    }

    /// Somebody without a token.
    pub fn anonymous(&self) -> Caller {
        Caller::new(Arc::clone(&self.instance), 0, String::new(), None)
    }

    /// Somebody who holds Portero's own role Administrator in Portero itself.
    pub async fn administrator(&self) -> Caller {
        self.person_with("root", &[(0, 0)]).await
    }

    /// Somebody who is logged in, and nothing else.
    pub async fn powerless(&self) -> Caller {
        self.person_with("nobody", &[]).await
    }

    /// A backend of this service, with a new key.
    pub async fn backend(&self, service: i32) -> Caller {
        let now = self.app.clock.now();
        let key = self.app.new_service_key(now).expect("a key");
        self.secrets.add(key.reveal());
        let mut tx = self.app.db.begin().await.expect("a transaction");
        let name = "tests".parse().expect("a name");
        let made = keys::store::insert(&mut tx, ServiceId(service), &name, key.hash(), None, (now, None));
        let made = made.await.expect("a new key");
        tx.commit().await.expect("a commit");
        Caller::new(Arc::clone(&self.instance), made.id.0, String::new(), Some(key.reveal().to_owned()))
    }

    /// Somebody new, logged in, with these roles: pairs of a service's and a role's id.
    pub async fn person_with(&self, username: &str, roles: &[(i32, i32)]) -> Caller {
        let mut tx = self.app.db.begin().await.expect("a transaction");
        let new = people::store::NewRow {
            username: &username.parse().expect("a username"),
            name: &format!("{username} by name").parse().expect("a name"),
            password_hash: Some(&PASSWORD_HASH),
            person_type: None,
            document: None,
            email: None,
            locale: None,
            attributes: None,
        };
        let person = people::store::insert(&mut tx, &new).await.expect("an answer").expect("a new person").id;
        let terms = grants::RequestedTerms {
            end: grants::RequestedEnd::AsItIs,
            why: grants::RequestedReason::AsItIs,
            by: None,
            now: self.app.clock.now(),
        };
        for (service, role) in roles {
            grants::store::grant(&mut tx, person, ServiceId(*service), RoleId(*role), &terms).await.expect("a grant");
        }
        tx.commit().await.expect("a commit");
        self.secrets.add(PASSWORD);
        self.session_of(person.0).await
    }

    /// A caller with a new session of a person who is there, begun without the price of a login.
    pub async fn session_of(&self, person: i32) -> Caller {
        let hash: String = sqlx::query_scalar("select password_hash from auth.person where id = $1")
            .bind(person)
            .fetch_one(self.app.db.pool())
            .await
            .expect("a person");
        let hash = PasswordHash::import(&hash).expect("a hash");
        let rules = BeginRules { require_mfa: RequireMfa::Off, ..self.begin_rules() };
        let begun = self.begin_session(rules, person, Proof::Registration, &Origin::default()).await;
        let (token, begun) = begun.expect("a session");
        self.secrets.add(token.reveal());
        self.secrets.add(hash.as_str());
        Caller::new(Arc::clone(&self.instance), person, begun.payload.username, Some(token.reveal().to_owned()))
    }

    /// By what rules sessions begin here.
    pub fn begin_rules(&self) -> BeginRules {
        BeginRules::of(&self.app.settings, self.app.sessions)
    }

    /// A session that begins by a proof, if it does.
    pub async fn begin_session(
        &self,
        rules: BeginRules,
        person: i32,
        proof: Proof<'_>,
        origin: &Origin,
    ) -> Option<(Token, BegunSession)> {
        let now = self.app.clock.now();
        let token = self.app.new_token(now).expect("a token");
        let entrant = Entrant { person: PersonId(person), proof, origin, user_agent: None, refresh: false, now };
        let mut tx = self.app.db.pool().begin().await.expect("a transaction");
        gate::store::people::lock(&mut tx, entrant.person).await.expect("Postgres answers");
        let begun = insert_all(&mut tx, rules, &[entrant.session(token.hash())]).await.expect("Postgres answers");
        tx.commit().await.expect("a commit");
        Some(token).zip(begun.into_iter().flatten().next())
    }

    /// Likewise for many at once, whose usernames nobody asks for.
    pub async fn sessions_of(&self, people: &[i32]) -> Vec<Caller> {
        let now = self.app.clock.now();
        let tokens: Vec<_> = people.iter().map(|_| self.app.new_token(now).expect("a token")).collect();
        let hashes: Vec<Vec<u8>> = tokens.iter().map(|token| token.hash().as_bytes().to_vec()).collect();
        sqlx::query(
            "insert into auth.tokens_cache (token, person_id, payload, created_at, modified_at)
             select token, id, jsonb_build_object('user_id', id, 'username', username, 'name', name), $3, $3
             from unnest($1::bytea[], $2::int[]) session (token, person) join auth.person on id = person",
        )
        .bind(hashes)
        .bind(people)
        .bind(now)
        .execute(self.app.db.pool())
        .await
        .expect("sessions");
        let callers = people.iter().zip(tokens).map(|(person, token)| {
            self.secrets.add(token.reveal());
            Caller::new(Arc::clone(&self.instance), *person, String::new(), Some(token.reveal().to_owned()))
        });
        callers.collect()
    }

    /// Somebody of the demo data, logged in.
    pub async fn demo(&self, username: &str) -> Caller {
        let id = sqlx::query_scalar("select id from auth.person where username = $1 and removed_at is null")
            .bind(username)
            .fetch_one(self.app.db.pool())
            .await
            .expect("somebody of the demo data");
        self.secrets.add(&format!("{username}-hash"));
        self.session_of(id).await
    }

    /// The first column of the first row.
    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.app.db.pool()).await.expect("a number")
    }

    /// The hash that stands for somebody's password.
    pub async fn stored_hash(&self, username: &str) -> String {
        sqlx::query_scalar("select password_hash from auth.person where username = $1 and removed_at is null")
            .bind(username)
            .fetch_one(self.app.db.pool())
            .await
            .expect("a hash")
    }

    /// Something that the API has no route for.
    pub async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(self.app.db.pool()).await.expect("valid SQL");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking()
            && let Some(secret) = self.secrets.shown_in(&self.log.text())
        {
            panic!("the log shows the secret {secret}: {:#?}", self.log.lines(&secret));
        }
    }
}

async fn instance(url: &str, settings: &[(&str, &str)], pace: FeedTimings, secrets: Secrets) -> Instance {
    let (connections, data) = (CONNECTIONS.to_string(), cluster::directory());
    let always = [
        ("AUTH_DATABASE_URL", url),
        ("PORTERO_DATA_DIR", data.to_str().expect("a path")),
        ("PASSWORD_HASH_THREADS", "1"),
        ("CHECK_LANES", "1"),
        ("MAX_CONNECTIONS", connections.as_str()),
    ];
    let variables = always.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config = Config::from_vars(variables).expect("settings");
    let database = Database::to_serve(&config).await.expect("a database");
    let app = build::build_at(&database, config, HashingPlace::Here, pace).expect("an app");
    Instance { router: app::router(&app), app, secrets }
}
