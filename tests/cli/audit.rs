use serde_json::json;
use sqlx::Connection;

use crate::support::House;

#[tokio::test]
async fn what_is_done_on_the_command_line_is_told_and_verified() {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada"], "correct horse\n");
    house.json(&["service", "add", "Shop"]);
    house.json(&["permission", "add", "read"]);
    house.json(&["role", "add", "Clerk", "--permission", "read", "--service", "Shop"]);
    house.json(&["grant", "add", "ada", "Shop", "Clerk"]);
    house.json(&["grant", "add", "ada", "Shop", "--permission", "read"]);
    house.json(&["user", "disable", "ada"]);
    house.json(&["user", "remove", "ada"]);
    let file = house.file("people.csv", "username,name,password\neva,Eva,correct horse battery\n");
    house.json(&["user", "import", &file]);

    let mut conn = house.conn().await;
    let told: Vec<String> =
        sqlx::query_scalar("select action from auth.audit_events where actor = 'command-line' order by id")
            .fetch_all(&mut conn)
            .await
            .expect("events");
    let expected = [
        "user.created",
        "service.created",
        "permission.created",
        "role.created",
        "role-permission.added",
        "service-role.added",
        "grant.added",
        "direct-grant.added",
        "user.disabled",
        "user.deleted",
        "user.created",
        "users.imported",
    ];
    assert_eq!(told, expected);

    let before = house.json(&["audit", "verify"]);
    assert_eq!((&before["intact"], &before["unsealed"]), (&json!(0), &json!(expected.len())));
    let app = house.app().await;
    portero::app::trail::seal(&app).await.expect("sealed");
    let sealed = house.json(&["audit", "verify"]);
    assert_eq!((&sealed["intact"], &sealed["faults"]), (&json!(expected.len()), &json!([])));
    let head = sealed["head"].as_str().expect("a head");
    assert!(house.run(&["audit", "verify", "--head", head]).out.contains(head));

    sqlx::raw_sql("set session_replication_role = replica; update auth.audit_events set action = 'x' where id = 2")
        .execute(&mut conn)
        .await
        .expect("by force");
    conn.close().await.expect("an orderly end");
    let said = house.run(&["audit", "verify"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("event 2 at position 2 was changed"), "{}", said.err);
    assert!(house.run(&["audit", "verify", "--head", "nonsense"]).err.contains("<position>"));
}
