//! Scopes name services and permissions. Where these get other names, what was granted stays what it was.

use serde_json::json;

use crate::support::oauth::{Client, NewAuthorization, NewClient};
use crate::support::{Beside, Caller, Response, Server};

/// Admin in UI Store (4): read, write, update, delete.
const ADM2: i32 = 8;

const ASKED: &[&str] = &["openid", "offline_access", "UI Store:read"];

/// What somebody and a client have who may do more in UI Store, and asked for `read` alone.
struct Narrowed {
    client: Client,
    access: Caller,
    refresh: String,
    own: Caller,
}

impl Narrowed {
    async fn new(server: &Server, audience: &[i32]) -> Self {
        let client = server.client(NewClient { audience, roles: &[(4, 1)], ..NewClient::default() }).await;
        let new = NewAuthorization { scopes: ASKED, services: audience, ..NewAuthorization::default() };
        let code = server.authorize(&client, ADM2, new).await;
        let answer = client.redeem(&code).await.ok();
        let own = server.anonymous().with_token(&client.of_itself().await);
        Self { client, access: access(server, &answer), refresh: text(&answer, "refresh_token"), own }
    }

    /// Those from before, and new ones.
    async fn all(&self, server: &Server) -> [Caller; 4] {
        let refreshed = access(server, &self.client.refresh(&self.refresh).await.ok());
        let own = server.anonymous().with_token(&self.client.of_itself().await);
        [self.access.clone(), self.own.clone(), refreshed, own]
    }
}

fn text(answer: &Response, member: &str) -> String {
    answer.body[member].as_str().unwrap_or_else(|| panic!("{member} in {answer:?}")).to_owned()
}

fn access(server: &Server, answer: &Response) -> Caller {
    server.anonymous().with_token(&text(answer, "access_token"))
}

async fn may(access: &Caller, permission: &str) -> bool {
    let answer = access.post("/check-token", json!({"service_id": 4, "permission": permission})).await.ok();
    answer.body["allowed"] == true
}

#[tokio::test]
async fn a_token_for_one_permission_stays_so_whatever_its_service_is_called() {
    let server = Server::on_the_demo_data().await;
    let narrowed = Narrowed::new(&server, &[4]).await;
    let root = server.demo("adm1").await;
    root.patch("/services/4", json!({"name": "Shop"})).await.ok();
    for (n, access) in narrowed.all(&server).await.iter().enumerate() {
        assert!(!may(access, "write").await, "{n}: nobody asked for that");
        assert!(may(access, "read").await, "{n}: it was granted");
        let introspected = narrowed.client.introspect(access.token()).await;
        assert!(introspected["scope"].as_str().is_some_and(|scope| scope.contains("Shop:read")), "{introspected}");
    }
    let client = root.get("/clients/app").await.ok();
    assert!(client.body["scope"].as_str().is_some_and(|scope| scope.ends_with(" Shop:read")), "{client:?}");
}

#[tokio::test]
async fn a_token_for_one_permission_stays_so_whatever_that_is_called() {
    let server = Server::on_the_demo_data().await;
    let narrowed = Narrowed::new(&server, &[4]).await;
    let root = server.demo("adm1").await;
    root.patch("/permissions/1", json!({"name": "look"})).await.ok();
    // Another one takes its name.
    let read = root.post("/permissions", json!({"name": "read"})).await.ok().id();
    root.post("/role-permissions", json!({"role_id": 1, "permission_id": read})).await.ok();
    for (n, access) in narrowed.all(&server).await.iter().enumerate() {
        assert!(may(access, "look").await, "{n}: it was granted");
        for more in ["read", "write"] {
            assert!(!may(access, more).await, "{n}: nobody asked for {more}");
        }
    }
}

#[tokio::test]
async fn who_takes_the_name_of_a_service_takes_none_of_its_grants() {
    let server = Server::on_the_demo_data().await;
    let narrowed = Narrowed::new(&server, &[4, 1]).await;
    let root = server.demo("adm1").await;
    root.patch("/services/4", json!({"name": "Shop"})).await.ok();
    root.patch("/services/1", json!({"name": "UI Store"})).await.ok();
    for (n, access) in narrowed.all(&server).await.iter().enumerate() {
        assert!(may(access, "read").await && !may(access, "write").await, "{n}");
        let there = access.post("/check-token", json!({"service_id": 1, "permission": "read"})).await.ok();
        assert_eq!(there.body["allowed"], false, "{n}: they hold nothing there");
    }
    server.give(ADM2, 1, 1).await;
    let there = narrowed.access.post("/check-token", json!({"service_id": 1, "permission": "write"})).await.ok();
    assert_eq!(there.body["allowed"], true, "where no scope was asked for, it is all that they hold, as before");
}

#[tokio::test]
async fn names_with_colons_are_read_as_before() {
    let server = Server::on_the_demo_data().await;
    server
        .execute(
            "insert into auth.services (id, name) values (40, 'UI Store:orders');
             insert into auth.permission (id, name) values (41, 'orders:read');
             insert into auth.service_roles values (40, 1);
             insert into auth.person_service_role (person_id, service_id, role_id) values (8, 40, 1)",
        )
        .await;
    let client = server.client(NewClient {
        audience: &[4, 40],
        scopes: &["openid", "offline_access", "UI Store:read", "UI Store:orders:read"],
        ..NewClient::default()
    });
    let client = client.await;
    let scopes = &["UI Store:orders:read", "UI Store:read"];
    let code =
        server.authorize(&client, ADM2, NewAuthorization { scopes, services: &[4, 40], ..NewAuthorization::default() });
    let answer = client.redeem(&code.await).await.ok();
    server.demo("adm1").await.patch("/services/4", json!({"name": "Shop"})).await.ok();
    let refreshed = client.refresh(&text(&answer, "refresh_token")).await.ok();
    for (n, access) in [access(&server, &answer), access(&server, &refreshed)].iter().enumerate() {
        assert!(may(access, "read").await && !may(access, "write").await, "{n}");
        let there = access.post("/check-token", json!({"service_id": 40})).await.ok();
        assert_eq!(there.body["permissions"], json!(["read"]), "{n}");
    }
}

#[tokio::test]
async fn what_was_asked_for_by_a_name_that_is_gone_opens_nothing() {
    let server = Server::on_the_demo_data().await;
    let narrowed = Narrowed::new(&server, &[4]).await;
    server
        .execute(
            "update auth.access_tokens set scopes = array_replace(scopes, 'UI Store:read', 'Gone:read');
             update auth.authorizations set scopes = array_replace(scopes, 'UI Store:read', 'Gone:read')",
        )
        .await;
    for access in [&narrowed.access, &narrowed.own] {
        assert!(!may(access, "read").await && !may(access, "write").await);
    }
    let refreshed = access(&server, &narrowed.client.refresh(&narrowed.refresh).await.ok());
    let question = json!({"service_id": 4, "permission": "write"});
    assert_eq!(refreshed.post("/check-token", question).await.refusal(), (401, "invalid_token"));
}

#[tokio::test]
async fn what_is_issued_while_a_service_is_renamed_has_its_new_name() {
    let server = Server::on_the_demo_data().await;
    let narrowed = Narrowed::new(&server, &[4]).await;
    let new = NewAuthorization { scopes: ASKED, ..NewAuthorization::default() };
    let code = server.authorize(&narrowed.client, ADM2, new).await;
    let mut rename = Beside::begin(&server).await;
    rename.execute("update auth.services set name = 'Shop' where id = 4").await;
    let client = &narrowed.client;
    let own = [("grant_type", "client_credentials")];
    let (code, refreshed, own, ()) =
        tokio::join!(client.redeem(&code), client.refresh(&narrowed.refresh), client.token(&own), async {
            rename.until_waiting(3).await;
            rename.commit().await;
        });
    for answer in [code, refreshed, own] {
        let answer = answer.ok();
        assert!(text(&answer, "scope").contains("Shop:read"), "{answer:?}");
        let access = access(&server, &answer);
        assert!(may(&access, "read").await && !may(&access, "write").await);
    }
}
