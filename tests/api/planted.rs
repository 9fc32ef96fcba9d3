//! What somebody chose for a person who held little does not work once that person holds something of Portero's own.

use serde_json::{Value, json};

use crate::escalation::holder_of;
use crate::reset::{arriving, reachable, with_mail};
use crate::support::{Caller, Mailbox, PASSWORD, Response, Server};

const NEW: &str = "zanahorias con limón";
const SET_BY_ANOTHER: (u16, &str) = (409, "password_set_by_another");

struct Plot {
    server: Server,
    mailbox: Mailbox,
    root: Caller,
    desk: Caller,
    target: Caller,
}

async fn plot() -> Plot {
    let (server, mailbox) = with_mail().await;
    let root = server.administrator().await;
    let desk = holder_of(&server, &root, "Desk", &["users:read", "users:write"]).await;
    let target = server.person_with("target", &[]).await;
    Plot { server, mailbox, root, desk, target }
}

impl Plot {
    async fn desk_changes(&self, change: Value) {
        self.desk.patch(&format!("/users/{}", self.target.id), change).await.ok();
        arriving(&self.server, &self.mailbox).await;
    }

    async fn promote(&self) -> Response {
        let grant = json!({"person_id": self.target.id, "service_id": 0, "role_id": "Reader"});
        self.root.post("/person-service-roles", grant).await
    }

    /// Asks for a new password and answers the token that comes, if one does.
    async fn forgot(&self) -> Option<String> {
        self.server.app.clock.turn(time::Duration::minutes(2));
        self.server.anonymous().post("/auth/forgot-password", json!({"username": "target"})).await.ok();
        arriving(&self.server, &self.mailbox).await.first().map(crate::support::Mail::token)
    }

    async fn reset(&self, token: &str) -> Response {
        self.server.anonymous().post("/auth/reset-password", json!({"token": token, "password": NEW})).await
    }

    async fn again(&self) -> Caller {
        self.server.session_of(self.target.id).await
    }

    async fn root_again(&mut self) {
        self.root = self.server.session_of(self.root.id).await;
    }
}

fn codes(answer: &Response) -> Vec<Value> {
    let notices = answer.body["notices"].as_array().cloned().unwrap_or_default();
    notices.into_iter().map(|notice| notice["code"].clone()).collect()
}

#[tokio::test]
async fn a_planted_address_gets_no_password_of_somebody_who_was_promoted_since() {
    let plot = plot().await;
    plot.desk_changes(json!({"email": "evil@example.net"})).await;
    assert!(plot.forgot().await.is_some(), "while they hold nothing, people begin so");
    let mut plot = plot;
    plot.root_again().await;
    assert_eq!(codes(&plot.promote().await.ok()), ["email_unproved"]);
    let changed = json!({"current_password": PASSWORD, "new_password": NEW});
    plot.again().await.post("/auth/change-password", changed).await.ok();
    arriving(&plot.server, &plot.mailbox).await;
    assert_eq!(plot.forgot().await, None);
    plot.server.anonymous().post("/auth/forgot-password", json!({"email": "evil@example.net"})).await.ok();
    assert!(arriving(&plot.server, &plot.mailbox).await.is_empty());
}

#[tokio::test]
async fn an_address_that_was_planted_and_proved_by_its_planter_gets_none_either() {
    let mut plot = plot().await;
    plot.desk_changes(json!({"email": "evil@example.net"})).await;
    let token = plot.forgot().await.expect("a token");
    plot.reset(&token).await.ok();
    plot.root_again().await;
    assert_eq!(plot.promote().await.refusal(), SET_BY_ANOTHER, "whoever reads that mail has set the password");
    plot.root.patch(&format!("/users/{}", plot.target.id), json!({"password": "una clave nueva y larga"})).await.ok();
    assert_eq!(codes(&plot.promote().await.ok()), ["email_unproved"]);
    arriving(&plot.server, &plot.mailbox).await;
    assert_eq!(plot.forgot().await, None);

    let target = plot.again().await;
    target.patch("/auth/me", json!({"email": "target@example.com"})).await.ok();
    let mails = arriving(&plot.server, &plot.mailbox).await;
    plot.server.anonymous().post("/auth/verify-email", json!({"token": mails[0].token()})).await.ok();
    arriving(&plot.server, &plot.mailbox).await;
    assert!(plot.forgot().await.is_some(), "an address that is their own does");
}

#[tokio::test]
async fn an_address_that_was_given_is_confirmed_from_a_session_of_ones_own() {
    let mut plot = plot().await;
    plot.desk_changes(json!({"email": "target@example.com"})).await;
    plot.promote().await.ok();
    assert_eq!(plot.forgot().await, None);
    let sent = plot.again().await.post("/auth/send-verification", json!({})).await.ok();
    assert_eq!(sent.body["status"], "verification_sent");
    let mails = arriving(&plot.server, &plot.mailbox).await;
    plot.server.anonymous().post("/auth/verify-email", json!({"token": mails[0].token()})).await.ok();
    let token = plot.forgot().await.expect("a token");
    plot.reset(&token).await.ok();
    plot.root_again().await;
    assert_eq!(codes(&plot.promote().await.ok()), [] as [Value; 0]);
}

#[tokio::test]
async fn what_was_mailed_before_a_promotion_opens_nothing_after_it() {
    for direct in [false, true] {
        let mut plot = plot().await;
        plot.desk_changes(json!({"email": "evil@example.net"})).await;
        let reset = plot.forgot().await.expect("a token");
        let target = plot.again().await;
        target.patch("/auth/me", json!({"email": "other@example.net"})).await.ok();
        let verification = arriving(&plot.server, &plot.mailbox).await[0].token();
        plot.root_again().await;
        if direct {
            let grant = json!({"person_id": target.id, "service_id": 0, "permission_name": "users:read"});
            plot.root.post("/person-service-permissions", grant).await.ok();
        } else {
            plot.promote().await.ok();
        }
        assert_eq!(plot.reset(&reset).await.refusal(), (400, "invalid_reset_token"));
        let verified = plot.server.anonymous().post("/auth/verify-email", json!({"token": verification})).await;
        assert_eq!(verified.refusal(), (400, "invalid_verification_token"));
    }
}

#[tokio::test]
async fn what_was_mailed_before_a_role_grew_opens_nothing_after_it() {
    let mut plot = plot().await;
    let role = plot.root.post("/roles", json!({"name": "Growing"})).await.id();
    let grant = json!({"person_id": plot.target.id, "service_id": 0, "role_id": role});
    plot.root.post("/person-service-roles", grant).await.ok();
    plot.target.patch("/auth/me", json!({"email": "other@example.net"})).await.ok();
    let verification = arriving(&plot.server, &plot.mailbox).await[0].token();
    plot.root_again().await;
    plot.root.post("/role-permissions", json!({"role_id": role, "permission_id": "users:read"})).await.ok();
    let verified = plot.server.anonymous().post("/auth/verify-email", json!({"token": verification})).await;
    assert_eq!(verified.refusal(), (400, "invalid_verification_token"));
}

#[tokio::test]
async fn nobody_is_promoted_whose_password_somebody_lesser_knows() {
    let plot = plot().await;
    plot.desk_changes(json!({"password": "una clave del despacho"})).await;
    let held = plot.root.post("/roles", json!({"name": "Held"})).await.id();
    plot.root
        .post("/person-service-roles", json!({"person_id": plot.target.id, "service_id": 0, "role_id": held}))
        .await
        .ok();
    let direct = json!({"person_id": plot.target.id, "service_id": 0, "permission_name": "audit:read"});
    let growth = json!({"role_id": held, "permission_id": "audit:read"});
    assert_eq!(plot.promote().await.refusal(), SET_BY_ANOTHER);
    assert_eq!(plot.root.post("/person-service-permissions", direct.clone()).await.refusal(), SET_BY_ANOTHER);
    assert_eq!(plot.root.put("/administrators/target", json!({})).await.refusal(), SET_BY_ANOTHER);
    assert_eq!(plot.root.post("/role-permissions", growth.clone()).await.refusal(), SET_BY_ANOTHER);
    let what_the_desk_holds = json!({"person_id": plot.target.id, "service_id": 0, "role_id": "Desk"});
    plot.root.post("/person-service-roles", what_the_desk_holds).await.ok();

    let changed = json!({"current_password": "una clave del despacho", "new_password": NEW});
    plot.again().await.post("/auth/change-password", changed).await.ok();
    plot.promote().await.ok();
    plot.root.post("/person-service-permissions", direct).await.ok();
    plot.root.put("/administrators/target", json!({})).await.ok();
    plot.root.post("/role-permissions", growth).await.ok();
}

#[tokio::test]
async fn whoever_registers_people_knows_their_passwords_and_administrators_may() {
    let plot = plot().await;
    let new = |name: &str| {
        json!({"username": name, "password": PASSWORD, "name": "New", "email": format!("{name}@example.com"),
        "person_type": "N", "document_type": "DNI", "document_number": name.replace('-', "")})
    };
    plot.desk.post("/users", new("of-desk")).await.ok();
    plot.root.post("/users", new("of-root")).await.ok();
    let lines = "username,name,password\nimported,Imported,correct horse battery staple\n";
    plot.desk.send_with(axum::http::Method::POST, "/users/import?format=csv", lines, |request| request).await.ok();
    for (name, expected) in [("of-desk", 409), ("imported", 409), ("of-root", 200)] {
        let grant = json!({"person_id": name, "service_id": 0, "role_id": "Auditor"});
        assert_eq!(plot.root.post("/person-service-roles", grant).await.status, expected, "{name}");
    }
    let id = plot.server.number("select id::bigint from auth.person where username = 'of-desk'").await;
    plot.root.patch(&format!("/users/{id}"), json!({"password": NEW})).await.ok();
    let made = plot.root.put("/administrators/of-desk", json!({})).await.ok();
    assert_eq!((codes(&made), &made.body["username"]), (vec![json!("email_unproved")], &json!("of-desk")));
}

#[tokio::test]
async fn who_gives_a_backends_role_hears_who_could_use_it() {
    let plot = plot().await;
    plot.root.post("/services", json!({"name": "Shop"})).await.ok();
    plot.root.post("/roles", json!({"name": "Clerk"})).await.ok();
    let grant = |name: &str| json!({"person_id": name, "service_id": 1, "role_id": "Clerk"});
    let alone = plot.root.post("/person-service-roles", grant("target")).await.ok();
    assert_eq!(alone.body, json!({"status": "success"}));
    plot.root.delete_with("/person-service-roles", grant("target")).await.ok();
    plot.desk_changes(json!({"password": "una clave del despacho", "email": "evil@example.net"})).await;
    let told = plot.root.post("/person-service-roles", grant("target")).await.ok();
    assert_eq!(codes(&told), ["password_set_by_another", "email_given_by_another"]);
    assert!(told.text.contains("`desk`"), "{}", told.text);
    assert!(plot.forgot().await.is_some(), "people with a backend's roles begin with a mail, too");
}

#[tokio::test]
async fn a_help_desk_has_a_mail_sent_to_the_address_that_is_proved() {
    let plot = plot().await;
    plot.root.post("/services", json!({"name": "Shop"})).await.ok();
    plot.root.post("/roles", json!({"name": "Clerk"})).await.ok();
    let clerk = reachable(&plot.server, "clerk").await;
    let grant = json!({"person_id": clerk.id, "service_id": 1, "role_id": "Clerk"});
    plot.root.post("/person-service-roles", grant).await.ok();
    let chief = reachable(&plot.server, "chief").await;
    plot.root.put("/administrators/chief", json!({})).await.ok();
    for person in [&clerk, &chief] {
        let path = format!("/users/{}/send-reset", person.id);
        for _ in 0..3 {
            let sent = plot.desk.post(&path, json!({})).await;
            assert_eq!((sent.status, &sent.body), (202, &json!({"status": "reset_sent", "user_id": person.id})));
        }
        let mails = arriving(&plot.server, &plot.mailbox).await;
        assert_eq!((mails.len(), &mails[0].to[0]), (1, &format!("{}@example.com", person.username)), "one a minute");
        assert_eq!(person.check().await.status, 200, "asking changes nothing");
        plot.reset(&mails[0].token()).await.ok();
        assert_eq!(plot.server.anonymous().log_in(&person.username, NEW).await.status, 200);
        arriving(&plot.server, &plot.mailbox).await;
    }
    let events = plot.root.get("/audit-events?action=password.reset-sent").await.ok();
    let told: Vec<_> = (0..2).map(|n| (&events.body[n]["actor"]["id"], &events.body[n]["subject"]["id"])).collect();
    let desk = json!(plot.desk.id);
    assert_eq!(told, [(&desk, &json!(chief.id)), (&desk, &json!(clerk.id))], "once each: {}", events.text);
}

#[tokio::test]
async fn no_mail_goes_where_somebody_else_might_read_it() {
    let plot = plot().await;
    let path = format!("/users/{}/send-reset", plot.target.id);
    let refusal = async || {
        let answer = plot.desk.post(&path, json!({})).await;
        let (status, code) = answer.refusal();
        (status, code.to_owned())
    };
    let unproved = (409, "no_proved_address".to_owned());
    assert_eq!(refusal().await, unproved, "no address");
    plot.desk_changes(json!({"email": "evil@example.net"})).await;
    assert_eq!(refusal().await, unproved, "nobody has proved it");
    plot.server.execute("update auth.person set email_verified_at = now() where username = 'target'").await;
    plot.promote().await.ok();
    assert_eq!(refusal().await, unproved, "it was given before they held anything");
    plot.server
        .execute("update auth.person set email_given_by = null, disabled_at = now() where username = 'target'")
        .await;
    assert_eq!(refusal().await, (409, "user_disabled".to_owned()));
    assert_eq!(plot.desk.post("/users/999999/send-reset", json!({})).await.refusal(), (404, "user_not_found"));
    let nobody = plot.server.powerless().await;
    assert_eq!(nobody.post(&path, json!({})).await.refusal(), (403, "insufficient_permissions"));
    assert!(arriving(&plot.server, &plot.mailbox).await.is_empty());
    let silent = Server::on_a_fresh_database().await;
    let root = silent.administrator().await;
    assert_eq!(root.post("/users/1/send-reset", json!({})).await.refusal(), (409, "mail_not_configured"));
}

#[tokio::test]
async fn who_lets_a_role_carry_one_of_porteros_own_hears_whose_address_is_not_proved() {
    let mut plot = plot().await;
    plot.desk_changes(json!({"email": "evil@example.net"})).await;
    plot.root_again().await;
    let role = plot.root.post("/roles", json!({"name": "Growing"})).await.id();
    let growth = |permission: &str| json!({"role_id": role, "permission_id": permission});
    let nobody = plot.root.post("/role-permissions", growth("users:read")).await.ok();
    assert_eq!(nobody.body, json!({"status": "success"}), "nobody holds it");
    plot.root.delete_with("/role-permissions", growth("users:read")).await.ok();
    for person in [plot.target.id, plot.root.id] {
        let grant = json!({"person_id": person, "service_id": 0, "role_id": role});
        plot.root.post("/person-service-roles", grant).await.ok();
    }
    let told = plot.root.post("/role-permissions", growth("users:read")).await.ok();
    assert_eq!((&told.body["status"], codes(&told)), (&json!("success"), vec![json!("email_unproved")]));
    let detail = told.body["notices"][0]["detail"].as_str().expect("a detail");
    assert!(detail.ends_with(": `target`"), "{detail}");
    let again = plot.root.post("/role-permissions", growth("users:read")).await.ok();
    assert_eq!(again.body, json!({"status": "success"}), "it carries it already");
}

#[tokio::test]
async fn who_lets_a_role_carry_more_hears_who_could_use_it() {
    let plot = plot().await;
    plot.root.post("/services", json!({"name": "Shop"})).await.ok();
    plot.root.post("/permissions", json!({"name": "sell"})).await.ok();
    plot.root.post("/permissions", json!({"name": "refund"})).await.ok();
    let role = plot.root.post("/roles", json!({"name": "Clerk"})).await.id();
    plot.desk_changes(json!({"password": "una clave del despacho", "email": "evil@example.net"})).await;
    for n in 1..=4 {
        let new = json!({"username": format!("clerk{n}"), "password": PASSWORD, "name": "New"});
        plot.desk.post("/users", new).await.ok();
    }
    for person in ["target", "clerk1", "clerk2", "clerk3", "clerk4", "root"] {
        let grant = json!({"person_id": person, "service_id": 1, "role_id": role});
        plot.root.post("/person-service-roles", grant).await.ok();
    }
    let told = plot.root.post("/role-permissions", json!({"role_id": role, "permission_id": "sell"})).await.ok();
    assert_eq!(codes(&told), ["password_set_by_another", "email_given_by_another"]);
    let detail = |n: usize| told.body["notices"][n]["detail"].as_str().expect("a detail");
    assert!(detail(0).ends_with(": `target`, `clerk1`, `clerk2` and 2 more"), "{}", detail(0));
    assert!(detail(1).ends_with(": `target`"), "{}", detail(1));
    // Who may hand it out anyway has planted nothing.
    let grant = json!({"person_id": plot.desk.id, "service_id": 1, "permission_name": "grants:write"});
    plot.root.post("/person-service-permissions", grant).await.ok();
    let told = plot.root.post("/role-permissions", json!({"role_id": role, "permission_id": "refund"})).await.ok();
    assert_eq!(told.body, json!({"status": "success"}));
}
