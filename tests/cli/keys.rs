use crate::support::House;

#[tokio::test]
async fn signing_keys_are_listed_and_rotated() {
    let house = House::new().await;
    assert_eq!(house.json(&["keys", "list"]), serde_json::json!([]));
    let made = house.json(&["keys", "rotate"]);
    assert_eq!(made["keys"].as_array().expect("keys").len(), 3);
    let status = |house: &House| {
        let listed = house.json(&["keys", "list"]);
        let keys = listed.as_array().expect("keys").iter();
        let mut all: Vec<String> = keys.map(|key| key["status"].as_str().expect("a status").to_owned()).collect();
        all.sort();
        all.join(" ")
    };
    assert_eq!(status(&house), "signing signing signing", "the first ones");
    house.json(&["keys", "rotate"]);
    assert_eq!(status(&house), "next next next signing signing signing");
    let said = house.run(&["keys", "rotate", "--now"]);
    assert!(said.code == 0 && said.out.contains("sign from now on"), "{said:?}");
    assert_eq!(status(&house), "retired retired retired retired retired retired signing signing signing");
    assert!(house.run(&["keys", "list"]).out.contains("ES256"));
    let told = house.told("signing-keys.rotated").await;
    assert_eq!(told.iter().map(|(_, after)| after["at_once"] == true).collect::<Vec<_>>(), [false, false, true]);
}

#[tokio::test]
async fn another_master_key_is_refused_with_the_file_that_is_needed() {
    let house = House::new().await;
    house.json(&["keys", "rotate"]);
    let other = house.files.path().join("elsewhere");
    let vars = [("PORTERO_DATA_DIR", other.to_str().expect("a path"))];
    let said = house.run_with(&["keys", "rotate"], "", &vars);
    said.refused(&["another master key", "fingerprint", "elsewhere/master.key", "MASTER_KEY_FILE"]);
    assert!(!other.exists(), "none is made where one is needed");
    let said = house.run_with(&["doctor"], "", &vars);
    assert!(said.out.contains("WRONG  master key"), "{said:?}");
}
