//! Decisions about whoever a foreign token means.

use serde_json::{Value, json};

use super::{BANK, SECRET, SHOP, Signer, trust, world};
use crate::support::Server;

fn question(token: &str) -> Value {
    json!({
        "subject": {"type": "jwt", "id": token}, "action": {"name": "read"},
        "resource": {"type": "invoice", "id": "12"},
    })
}

#[tokio::test]
async fn a_backend_asks_about_the_token_that_it_got() {
    let server = Server::on_a_fresh_database().await;
    let (root, juan) = world(&server).await;
    trust(&root, json!({"secret": SECRET})).await.ok();
    let signer = Signer::secret(SECRET);
    let token = signer.token(&server, json!({}));
    let (shop, bank) = (server.backend(SHOP).await, server.backend(BANK).await);
    let yes = shop.post("/access/v1/evaluation", question(&token)).await.ok();
    assert_eq!(yes.body["decision"], true, "{yes:?}");
    assert!(!yes.text.contains(&token), "the token is not said again");
    assert_eq!(bank.post("/access/v1/evaluation", question(&token)).await.ok().body["decision"], false);
    let asked = root.post("/access/v1/evaluation?service=Shop", question(&token)).await.ok();
    assert_eq!(asked.body["decision"], true, "an administrator asks, too");
    for bad in [
        signer.token(&server, json!({"exp": 1})),
        signer.token(&server, json!({"sub": "nobody"})),
        signer.token(&server, json!({"cnf": {"jkt": "abc"}})),
        Signer::secret("another secret of thirty-two bytes").token(&server, json!({})),
        juan.token().to_owned(),
        "juan".to_owned(),
        String::new(),
    ] {
        let no = shop.post("/access/v1/evaluation", question(&bad)).await.ok();
        assert_eq!(no.body["decision"], false, "{bad}");
    }
    let user = json!({"subject": {"type": "user", "id": "juan"}});
    let many = json!({
        "action": {"name": "read"}, "resource": {"type": "invoice", "id": "12"},
        "evaluations": [{"subject": {"type": "jwt", "id": token}}, user, {"subject": {"type": "jwt", "id": "eyJ.e.e"}}],
    });
    let answers = shop.post("/access/v1/evaluations", many).await.ok();
    let decisions: Vec<&Value> =
        answers.body["evaluations"].as_array().expect("a list").iter().map(|answer| &answer["decision"]).collect();
    assert_eq!(decisions, [&json!(true), &json!(true), &json!(false)]);
    let filter = json!({
        "subject": {"type": "jwt", "id": token}, "action": {"name": "read"}, "resource": {"type": "invoice"},
        "dialect": "postgres",
    });
    assert_eq!(shop.post("/access/v1/filter", filter).await.ok().body["kind"], "always");
    let dead =
        server.anonymous().with_token("psk_0b3f6a5f0f4e8f5b7c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273dcd90b3c");
    assert_eq!(dead.post("/access/v1/evaluation", question(&token)).await.status, 401);
    root.post(&format!("/users/{}/disable", juan.id), json!({})).await.ok();
    assert_eq!(shop.post("/access/v1/evaluation", question(&token)).await.ok().body["decision"], false);
}
