//! What people are given and lose.

use serde_json::{Value, json};

use super::{House, assert_alike, told};

/// A service, a role and a permission, by id.
async fn vocabulary(house: &House) -> (i64, i64, i64) {
    let service = house.root.post("/services", json!({"name": "shop"})).await.ok().id();
    let role = house.root.post("/roles", json!({"name": "Viewer"})).await.ok().id();
    let permission = house.root.post("/permissions", json!({"name": "see"})).await.ok().id();
    house.root.post("/service-roles", json!({"service_id": service, "role_id": role})).await.ok();
    (service, role, permission)
}

#[tokio::test]
async fn a_role_is_given_and_taken_by_the_same_acts_at_every_door() {
    let house = House::new().await;
    let (service, role, _) = vocabulary(&house).await;
    let (mut given, mut taken) = (Vec::new(), Vec::new());
    for (n, door) in ["body", "path", "review", "command line"].into_iter().enumerate() {
        let username = format!("person{n}");
        let ada = house.somebody(&username).await.id;
        let grant = json!({"person_id": ada, "service_id": service, "role_id": role});
        let since = house.mark().await;
        match door {
            "command line" => house.portero(&["grant", "add", &username, "shop", "Viewer"]),
            _ => drop(house.root.post("/person-service-roles", grant.clone()).await.ok()),
        }
        let left = house.left(ada, &since).await;
        assert_eq!(told(&left), ["grant.added"], "{door}");
        given.push((door, left));

        let since = house.mark().await;
        match door {
            "body" => drop(house.root.delete_with("/person-service-roles", grant).await.ok()),
            "path" => {
                house.root.delete(&format!("/people/{ada}/services/{service}/roles/{role}")).await.ok();
            }
            "review" => review(&house, service, json!({"person_id": ada, "role_id": role})).await,
            _ => house.portero(&["grant", "remove", &username, "shop", "Viewer"]),
        }
        let left = house.left(ada, &since).await;
        assert_eq!(told(&left), ["grant.removed"], "{door}");
        taken.push((door, left));
    }
    assert_alike(&given);
    assert_alike(&taken);
}

#[tokio::test]
async fn a_role_is_offered_and_withdrawn_by_the_same_acts_at_every_door() {
    let house = House::new().await;
    let (_, role, _) = vocabulary(&house).await;
    let (mut offered, mut withdrawn) = (Vec::new(), Vec::new());
    for (n, door) in ["body", "path", "command line", "with its service", "with the role"].into_iter().enumerate() {
        let (ada, name) = (house.somebody(&format!("person{n}")).await.id, format!("backend{n}"));
        let mut service = json!(name);
        if door != "with its service" {
            service = json!(house.root.post("/services", json!({"name": name})).await.ok().id());
        }
        let offer = json!({"service_id": service, "role_id": role});
        let since = house.mark().await;
        match door {
            "command line" => house.portero(&["service", "add-role", &name, "Viewer"]),
            "with the role" => house.portero(&["role", "add", "Viewer", "--service", &name]),
            _ => drop(house.root.post("/service-roles", offer.clone()).await.ok()),
        }
        let mut left = house.left(ada, &since).await;
        if door == "with its service" {
            assert_eq!(told(&left), ["service.created", "service-role.added"]);
            left["told"].as_array_mut().expect("events").remove(0);
        }
        assert_eq!(told(&left), ["service-role.added"], "{door}");
        assert!(left["told"][0]["service"].take().is_i64(), "{door}");
        offered.push((door, left));

        let grant = json!({"person_id": ada, "service_id": service, "role_id": role});
        house.root.post("/person-service-roles", grant).await.ok();
        let since = house.mark().await;
        match door {
            "path" => drop(house.root.delete(&format!("/services/{name}/roles/{role}")).await.ok()),
            "command line" => house.portero(&["service", "remove-role", &name, "Viewer"]),
            _ => drop(house.root.delete_with("/service-roles", offer).await.ok()),
        }
        let mut left = house.left(ada, &since).await;
        assert_eq!(told(&left), ["service-role.removed"], "{door}");
        assert!(left["told"][0]["service"].take().is_i64(), "{door}");
        for change in left["changes"].as_array_mut().expect("changes") {
            change["service"].take();
        }
        withdrawn.push((door, left));
    }
    assert_alike(&offered);
    assert_alike(&withdrawn);
}

#[tokio::test]
async fn a_permission_is_given_and_taken_by_the_same_acts_at_every_door() {
    let house = House::new().await;
    let (service, _, permission) = vocabulary(&house).await;
    let (mut given, mut taken) = (Vec::new(), Vec::new());
    for (n, door) in ["body", "path", "review", "command line"].into_iter().enumerate() {
        let username = format!("person{n}");
        let ada = house.somebody(&username).await.id;
        let grant = json!({"person_id": ada, "service_id": service, "permission_id": permission});
        let since = house.mark().await;
        match door {
            "command line" => house.portero(&["grant", "add", &username, "shop", "--permission", "see"]),
            _ => drop(house.root.post("/person-service-permissions", grant.clone()).await.ok()),
        }
        let left = house.left(ada, &since).await;
        assert_eq!(told(&left), ["direct-grant.added"], "{door}");
        given.push((door, left));

        let since = house.mark().await;
        match door {
            "body" => drop(house.root.delete_with("/person-service-permissions", grant).await.ok()),
            "path" => {
                house.root.delete(&format!("/people/{ada}/services/{service}/permissions/{permission}")).await.ok();
            }
            "review" => review(&house, service, json!({"person_id": ada, "permission_id": permission})).await,
            _ => house.portero(&["grant", "remove", &username, "shop", "--permission", "see"]),
        }
        let left = house.left(ada, &since).await;
        assert_eq!(told(&left), ["direct-grant.removed"], "{door}");
        taken.push((door, left));
    }
    assert_alike(&given);
    assert_alike(&taken);
}

#[tokio::test]
async fn administrators_are_made_and_unmade_by_the_same_acts_at_every_door() {
    let house = House::new().await;
    let (mut given, mut taken) = (Vec::new(), Vec::new());
    for (n, door) in ["administrators", "grants", "admin", "grant"].into_iter().enumerate() {
        let username = format!("person{n}");
        let ada = house.somebody(&username).await.id;
        let (path, grant) =
            (format!("/administrators/{ada}"), json!({"person_id": ada, "service_id": 0, "role_id": 0}));
        let since = house.mark().await;
        match door {
            "administrators" => drop(house.root.put(&path, json!({})).await.ok()),
            "grants" => drop(house.root.post("/person-service-roles", grant.clone()).await.ok()),
            "admin" => house.portero(&["admin", "add", &username]),
            _ => house.portero(&["grant", "add", &username, "0", "0"]),
        }
        let left = house.left(ada, &since).await;
        assert_eq!(told(&left), ["grant.added"], "{door}");
        given.push((door, left));

        let since = house.mark().await;
        match door {
            "administrators" => drop(house.root.delete(&path).await.ok()),
            "grants" => drop(house.root.delete_with("/person-service-roles", grant).await.ok()),
            "admin" => house.portero(&["admin", "remove", &username]),
            _ => house.portero(&["grant", "remove", &username, "0", "0"]),
        }
        let left = house.left(ada, &since).await;
        assert_eq!(told(&left), ["grant.removed"], "{door}");
        taken.push((door, left));
    }
    assert_alike(&given);
    assert_alike(&taken);
}

async fn review(house: &House, service: i64, revoke: Value) {
    let decided = json!({"revoke": [revoke]});
    house.root.post(&format!("/services/{service}/access-review"), decided).await.ok();
}
