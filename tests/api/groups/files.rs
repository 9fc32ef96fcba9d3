//! Groups in files of people.

use axum::http::Method;
use serde_json::json;

use super::{GRANTS, group};
use crate::support::{Caller, Response, Server};

async fn import(caller: &Caller, format: &str, file: &str) -> Response {
    caller.send_with(Method::POST, &format!("/users/import?format={format}"), file, |request| request).await
}

#[tokio::test]
async fn an_import_puts_people_into_groups_that_stand_and_an_export_has_them() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let editors = group(&adm1, "Editors").await;
    group(&adm1, "All").await;
    let csv = "username,name,groups\nada,Ada,Editors;All;Editors\nbob,Bob,\n";
    import(&adm1, "csv", csv).await.ok();
    import(&adm1, "jsonl", r#"{"username":"cid","name":"Cid","groups":["Editors"]}"#).await.ok();
    let members = adm1.get(&format!("/groups/{editors}/members")).await.ok();
    assert_eq!(members.body.as_array().map(Vec::len), Some(2));
    let bad = import(&adm1, "csv", "username,name,groups\ndan,Dan,Nobody\n").await;
    assert_eq!(bad.refusal(), (400, "invalid_import"));
    assert_eq!(bad.body["faults"][0]["field"], "groups");

    let export = adm1.get("/users/export?format=csv").await.text;
    assert!(export.lines().next().is_some_and(|head| head.ends_with(",groups")), "{export}");
    assert!(export.lines().any(|line| line.contains(",ada,") && line.ends_with(",Editors;All")), "{export}");
    let export = adm1.get("/users/export?format=jsonl").await.text;
    assert!(export.contains(r#""groups":["Editors","All"]"#), "{export}");
}

#[tokio::test]
async fn who_may_not_hand_out_puts_nobody_into_a_group_and_sees_none() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    group(&adm1, "Editors").await;
    let auditors = group(&adm1, "Auditors").await;
    adm1.post(GRANTS, json!({"group_id": auditors, "service_id": 0, "role_id": "Auditor"})).await.ok();
    server
        .execute(
            "insert into auth.role (id, name) values (9001, 'Desk');
             insert into auth.role_permission (role_id, permission_id) values (9001, 0), (9001, -1);
             insert into auth.service_roles (service_id, role_id) values (0, 9001);",
        )
        .await;
    let desk = server.person_with("desk", &[(0, 9001)]).await;
    let refused = import(&desk, "csv", "username,name,groups\nada,Ada,Editors\n").await;
    assert_eq!(
        (refused.refusal(), &refused.body["permission"]),
        ((403, "insufficient_permissions"), &json!("grants:write"))
    );
    import(&desk, "csv", "username,name,groups\nada,Ada,\n").await.ok();
    assert!(!desk.get("/users/export?format=csv").await.text.contains("groups"));
    // A Writer hands out everywhere, but reads no audit trail.
    let writer = server.person_with("writer", &[(0, -1)]).await;
    import(&writer, "csv", "username,name,groups\nbob,Bob,Editors\n").await.ok();
    let refused = import(&writer, "csv", "username,name,groups\ncid,Cid,Auditors\n").await;
    assert_eq!(refused.refusal(), (403, "insufficient_permissions"));
    assert!(refused.detail().contains("audit:read"), "{refused:?}");
}
