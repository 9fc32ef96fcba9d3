//! What is one and what is two does not depend on the locale of the database, nor on when it was made.

use portero::app::config::Config;
use portero::app::database::{Database, MIGRATIONS};
use portero::base::names::fold;
use serde_json::json;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};

use crate::reset::arriving;
use crate::support::{CONNECTIONS, Mailbox, PASSWORD_HASH, Server, TestDatabase, beside_the_pool};

/// The last migration by which what is one depended on the locale.
const BEFORE: i64 = 20;

/// In Turkish `i` is not the small letter of `I`; by the locale C there are no letters beyond ASCII.
const LOCALES: [&str; 3] =
    ["locale_provider icu icu_locale 'tr-TR' locale 'C.UTF-8'", "locale 'C'", "lc_collate 'C' lc_ctype 'C.UTF-8'"];

async fn database(locale: &str) -> Option<(TestDatabase, PgConnection)> {
    let database = TestDatabase::made(locale, CONNECTIONS + 2 * beside_the_pool()).await?;
    let conn = PgConnection::connect(&database.url).await.expect("Postgres is there");
    Some((database, conn))
}

async fn server_in(locale: &str) -> Option<(Server, Mailbox)> {
    let (database, mut conn) = database(locale).await?;
    MIGRATIONS.run(&mut conn).await.expect("the migrations run");
    let mailbox = Mailbox::open().await;
    mailbox.answer("EHLO", Some("250-tests\r\n250 SMTPUTF8"));
    let settings = [("SMTP_URL", mailbox.url.as_str()), ("MAIL_FROM", "portero@example.com")];
    Some((Server::on_database(database, &settings).await, mailbox))
}

#[tokio::test]
async fn an_address_is_one_persons_whatever_its_case_in_every_locale() {
    for locale in LOCALES {
        let Some((server, mailbox)) = server_in(locale).await else { continue };
        let root = server.administrator().await;
        let person = async |username: &str, email: &str| {
            let new = json!({"username": username, "password": "zanahorias con limón", "name": username, "email": email,
                             "person_type": "N", "document_type": "DNI", "document_number": username});
            root.post("/users", new).await
        };
        for (one, same) in [
            ("info@example.org", "INFO@example.org"),
            ("ñandú@example.org", "ÑANDÚ@EXAMPLE.ORG"),
            ("ada@münchen.example", "Ada@xn--mnchen-3ya.example"),
            ("kim@example.org", "KİM@example.org"),
        ] {
            let name = one.split('@').next().expect("a name");
            assert_eq!(person(name, one).await.status, 201, "{locale}: {one}");
            assert_eq!(person("another", same).await.refusal(), (409, "email_taken"), "{locale}: {same}");
            server.anonymous().post("/auth/forgot-password", json!({"email": same})).await.ok();
            let mails = arriving(&server, &mailbox).await;
            assert_eq!(mails.len(), 1, "{locale}: {same}");
        }
    }
}

#[tokio::test]
async fn lists_are_searched_alike_in_every_locale() {
    for locale in LOCALES {
        let Some((server, _)) = server_in(locale).await else { continue };
        let root = server.administrator().await;
        for (username, name) in [("turk", "İsmail"), ("indian", "Indira"), ("bird", "Ñandú"), ("street", "Weiß")] {
            let person = server.person_with(username, &[]).await;
            root.patch(&format!("/users/{}", person.id), json!({ "name": name })).await.ok();
        }
        for (q, found) in [("is", "turk"), ("İS", "turk"), ("IN", "indian"), ("ñA", "bird"), ("WEISS", "street")] {
            let q = percent_encoding::utf8_percent_encode(q, percent_encoding::NON_ALPHANUMERIC);
            let people = root.get(&format!("/users?q={q}")).await.ok();
            assert_eq!(people.column("username"), [found], "{locale}: {q}");
        }
    }
}

#[tokio::test]
async fn postgres_folds_every_letter_as_portero_does() {
    let all: Vec<String> = (1..=0x10_ffff).filter_map(char::from_u32).map(String::from).collect();
    let all: Vec<String> = all.into_iter().filter(|c| unicode_normalization::is_nfc(c)).collect();
    for locale in LOCALES {
        let Some((_database, mut conn)) = database(locale).await else { continue };
        MIGRATIONS.run(&mut conn).await.expect("the migrations run");
        let folded: Vec<String> = sqlx::query_scalar("select auth.fold(c) from unnest($1::text[]) c")
            .bind(&all)
            .fetch_all(&mut conn)
            .await
            .expect("folded");
        let otherwise = all.iter().zip(&folded).find(|(c, folded)| fold(c) != **folded);
        assert_eq!(otherwise, None, "{locale}");
        let text = "İSMAİL ılık Weiß ΟΔΥΣΣΕΥΣ ÑANDÚ i\u{307}";
        let folded: String =
            sqlx::query_scalar("select auth.fold($1)").bind(text).fetch_one(&mut conn).await.expect("folded");
        assert_eq!(folded, fold(text), "{locale}");
    }
}

#[tokio::test]
async fn twins_of_before_stay_and_log_in_and_no_upgrade_fails_for_them() {
    let twins = "
        insert into auth.person (username, name, password_hash, email) values
            ('juan', 'One', $1, 'info@example.org'), ('JUAN', 'Two', $1, 'INFO@example.org'),
            ('Juan ' || chr(8203), 'Three', $1, 'mike@example.org' || chr(8203)), ('sólo', 'Four', $1, null);
        insert into auth.role (name) values ('Cashier'), ('CASHIER'), ('cashier');
        insert into auth.permission (name) values ('read'), ('READ');
        insert into auth.services (name) values ('shop'), ('SHOP');
    ";
    // In these two locales the two addresses were two.
    for locale in [LOCALES[0], LOCALES[1]] {
        let Some((database, mut conn)) = database(locale).await else { continue };
        let before = MIGRATIONS.iter().filter(|migration| migration.version <= BEFORE).cloned().collect();
        Migrator::with_migrations(before).run(&mut conn).await.expect("the older migrations run");
        let twins = twins.replace("$1", &format!("'{}'", PASSWORD_HASH.as_str()));
        let twins = if locale == LOCALES[1] { twins.replace("'INFO@", "'other@") } else { twins };
        sqlx::raw_sql(sqlx::AssertSqlSafe(twins)).execute(&mut conn).await.expect("twins");
        MIGRATIONS.run(&mut conn).await.unwrap_or_else(|error| panic!("{locale}: {error}"));

        let mailbox = Mailbox::open().await;
        let settings = [("SMTP_URL", mailbox.url.as_str()), ("MAIL_FROM", "portero@example.com")];
        let server = Server::on_database(database, &settings).await;
        server.secrets.add(crate::support::PASSWORD);
        let anonymous = server.anonymous();
        for (typed, name) in [("juan", Some("One")), ("JUAN", Some("Two")), ("Juan", None), ("SÓLO", Some("Four"))] {
            let answer = anonymous.log_in(typed, crate::support::PASSWORD).await;
            assert_eq!(answer.body["payload"]["name"].as_str(), name, "{locale}: {typed}");
        }
        let hidden = anonymous.log_in("Juan \u{200b}", crate::support::PASSWORD).await;
        assert_eq!(hidden.status, 200, "{locale}: a name that would not be made any more");
        let root = server.administrator().await;
        let people = root.get("/users?q=JUAN").await.ok();
        assert_eq!(people.column("name"), ["One", "Two", "Three"], "{locale}");
        for (path, name) in [("/roles", "CaShIeR"), ("/permissions", "Read"), ("/services", "Shop")] {
            assert_eq!(root.post(path, json!({ "name": name })).await.status, 409, "{locale}: {path}");
        }
        for (path, name) in [("/roles", "cashier"), ("/permissions", "READ"), ("/services", "shop")] {
            assert_eq!(root.post(path, json!({ "name": name })).await.status, 200, "{locale}: {path} stands");
        }
        let (one, two) = (people.body[0]["id"].as_i64().expect("an id"), people.body[1]["id"].as_i64().expect("an id"));
        assert_eq!(root.patch(&format!("/users/{one}"), json!({"username": "JuAn"})).await.status, 200, "{locale}");
        assert_eq!(root.patch(&format!("/users/{two}"), json!({"username": "pepe"})).await.status, 200, "{locale}");
        assert_eq!(
            root.patch(&format!("/users/{two}"), json!({"username": "JUAN"})).await.refusal(),
            (409, "user_exists")
        );
        assert_eq!(anonymous.log_in("Juan", crate::support::PASSWORD).await.body["payload"]["name"], "One", "{locale}");
        for id in [one, two] {
            root.delete(&format!("/users/{id}")).await.ok();
        }
    }
}

#[tokio::test]
async fn domains_of_before_are_written_in_one_way_and_each_keeps_theirs() {
    let Some((database, mut conn)) = database(LOCALES[2]).await else { return };
    MIGRATIONS.run(&mut conn).await.expect("the migrations run");
    let old = "
        insert into auth.person (username, name, password_hash, email) values
            ('one', 'One', '', 'ada@münchen.example'), ('two', 'Two', '', 'Ada@xn--mnchen-3ya.example'),
            ('three', 'Three', '', 'eva@MÜNCHEN.example'), ('four', 'Four', '', 'mike@example.org' || chr(8203)),
            ('five', 'Five', '', 'ñandú@Example.org')";
    sqlx::raw_sql(old).execute(&mut conn).await.expect("people");
    let url = [("AUTH_DATABASE_URL".to_owned(), database.url.clone())];
    let config = Config::from_vars(url).expect("settings");
    for _ in 0..2 {
        Database::to_serve(&config).await.expect("a database").migrate().await.expect("twice is safe");
        let emails: Vec<String> =
            sqlx::query_scalar("select email from auth.person order by id").fetch_all(&mut conn).await.expect("people");
        let hidden = "mike@example.org\u{200b}";
        let one_way =
            ["ada@münchen.example", "Ada@münchen.example", "eva@münchen.example", hidden, "ñandú@example.org"];
        assert_eq!(emails, one_way);
    }
    let twin =
        sqlx::query("insert into auth.person (username, name, password_hash, email) values ('six', 'Six', '', $1)");
    twin.bind("EVA@münchen.example").execute(&mut conn).await.expect_err("an address belongs to one person");
}
