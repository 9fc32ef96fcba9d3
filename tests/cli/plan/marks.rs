use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use portero::app;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::House;

/// The warning of an answer to a change through the API.
async fn warned(house: &House, token: &str, method: Method, path: &str, body: Value) -> Option<String> {
    let request = Request::builder().method(method).uri(path).header("token", token);
    let request = request.body(Body::from(body.to_string())).expect("a request");
    let response = app::router(&house.app().await).oneshot(request).await.expect("an answer");
    assert!(response.status().is_success() || response.status() == StatusCode::CREATED, "{path}: {response:?}");
    response.headers().get("warning").map(|text| text.to_str().expect("a text").to_owned())
}

#[tokio::test]
async fn the_api_warns_of_what_a_file_manages() {
    let house = House::new().await;
    house.json_with(&["admin", "add", "ada", "--name", "Ada"], "correct horse battery\n");
    let token = house.log_in("ada", "correct horse battery").await.expect("a token");
    let text = "[permissions.read]\n[permissions.other]\n[roles.Clerk]\npermissions = [\"read\"]\n[services.Shop]\n\
                [[services.Shop.policies]]\ntable_name = \"invoice\"\naction = \"read\"\nexpression = \"true\"\n\
                [groups.A]\ngrants = [{ service = \"Shop\", role = \"Clerk\" }]\n\
                [providers.acme]\nissuer = \"https://id.acme.example\"\nclient_id = \"x\"\nno_secret = true\n";
    house.json(&["apply", &house.file("a.toml", text)]);
    house.json(&["role", "add", "By hand"]);
    let hand = house.number("select id::bigint from auth.role where name = 'By hand'").await;
    let clerk = house.number("select id::bigint from auth.role where name = 'Clerk'").await;
    let described = json!({"description": "Another"});
    for (method, path, body) in [
        (Method::PATCH, format!("/roles/{clerk}"), described.clone()),
        (Method::POST, "/role-permissions".to_owned(), json!({"role_id": "Clerk", "permission_id": "other"})),
        (Method::PATCH, "/services/1".to_owned(), described.clone()),
        (Method::PATCH, "/services/1/policy-settings".to_owned(), json!({"policies_decide": true})),
        (Method::PATCH, "/services/1/policies/1".to_owned(), json!({"expression": "false"})),
        (Method::PATCH, "/groups/1".to_owned(), described.clone()),
        (
            Method::DELETE,
            "/group-service-roles".to_owned(),
            json!({"group_id": "A", "service_id": 1, "role_id": "Clerk"}),
        ),
        (Method::DELETE, format!("/roles/{clerk}"), Value::Null),
        (Method::PATCH, "/providers/1".to_owned(), json!({"newcomers": "open"})),
        (Method::DELETE, "/providers/1".to_owned(), Value::Null),
    ] {
        let warning = warned(&house, &token, method, &path, body).await.unwrap_or_default();
        assert!(warning.starts_with("299 portero \"") && warning.contains("managed by a file"), "{path}: {warning}");
    }
    for (method, path, body) in [
        (Method::PATCH, format!("/roles/{hand}"), described),
        (Method::POST, "/roles".to_owned(), json!({"name": "Another"})),
        (Method::DELETE, format!("/roles/{hand}"), Value::Null),
    ] {
        assert_eq!(warned(&house, &token, method, &path, body).await, None, "{path} was made by hand");
    }
    let planned = house.run(&["plan", &house.file("a.toml", text), "--exit-code"]);
    assert_eq!(planned.code, 2, "and it is undone: {planned:?}");
}

#[tokio::test]
async fn the_command_line_warns_of_what_a_file_manages() {
    let house = House::new().await;
    let text = "[permissions.read]\n[permissions.other]\n[roles.Clerk]\npermissions = [\"read\"]\n[services.Shop]\n\
                resource_types.invoice.owner = \"integer\"\n\
                [[services.Shop.policies]]\ntable_name = \"invoice\"\naction = \"read\"\nexpression = \"true\"\n\
                [groups.A]\ngrants = [{ service = \"Shop\", role = \"Clerk\" }]\n\
                [clients.wiki]\nservice = \"Shop\"\nclient_name = \"Wiki\"\nredirect_uris = [\"https://wiki.example/cb\"]\n\
                [providers.acme]\nissuer = \"https://id.acme.example\"\nclient_id = \"x\"\nno_secret = true\n";
    let file = house.file("a.toml", text);
    house.json(&["apply", &file]);
    for line in [
        &["permission", "change", "read", "--description", "y"][..],
        &["role", "change", "Clerk", "--description", "y"],
        &["role", "add-permission", "Clerk", "other"],
        &["service", "change", "Shop", "--description", "y"],
        &["group", "change", "A", "--description", "y"],
        &["group", "take", "A", "Shop", "Clerk"],
        &["client", "change", "wiki", "--name", "Wicki"],
        &["provider", "change", "acme", "--newcomers", "open"],
        &["policy", "disable", "--service", "Shop"],
        &["policy", "remove", "1"],
        &["group", "remove", "A"],
    ] {
        let said = house.run(line);
        assert!(said.code == 0 && said.err.contains("managed by a file"), "{line:?}: {said:?}");
    }
    for line in [&["group", "add", "B"][..], &["group", "change", "B", "--description", "y"], &["group", "list"]] {
        let said = house.run(line);
        assert!(said.code == 0 && !said.err.contains("managed by a file"), "{line:?}: {said:?}");
    }
    let said = house.run(&["apply", &file]);
    assert!(said.code == 0 && !said.err.contains("undoes"), "an apply warns nobody of itself: {said:?}");
}

#[tokio::test]
async fn a_plan_says_where_another_thing_decides() {
    let house = House::new().await;
    let without = house.file("a.toml", "[services.Shop]\n");
    let with = house.file(
        "b.toml",
        "[services.Shop]\n[[services.Shop.policies]]\ntable_name = \"invoice\"\naction = \"read\"\nexpression = \"\"\n",
    );
    assert!(!house.run(&["apply", &without]).out.contains("from now on"), "a new service");
    for command in ["plan", "apply"] {
        let said = house.run(&[command, &with]);
        assert!(said.out.contains("In service `Shop` policies decide from now on"), "{said:?}");
    }
    assert_eq!(house.json(&["plan", &with])["turned"], json!([]));
    assert_eq!(house.json(&["plan", &without])["turned"], json!([]), "it is left");
    let turned = house.json(&["plan", &without, "--prune"])["turned"].clone();
    assert_eq!(turned, json!([{"service": "Shop", "policies_decide": false}]));
}
