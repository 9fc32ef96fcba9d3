//! Who has lost their second factors.

use serde_json::json;

use crate::support::House;

const PASSWORD: &str = "correct horse battery\n";

#[tokio::test]
async fn the_second_factors_of_a_person_are_removed_and_that_is_told() {
    let house = House::new().await;
    house.json_with(&["user", "add", "ada", "--name", "Ada"], PASSWORD);
    let enrolled = "
        insert into auth.totp_factors (person_id, name, secret, sealed_by, created_at, confirmed_at, last_step)
        values (1, 'Her phone', 'sealed', 'a key', now(), now(), 1);
        insert into auth.recovery_codes values (1, '0123', 'a hash', now());
    ";
    sqlx::raw_sql(enrolled).execute(&mut house.conn().await).await.expect("a factor");
    assert!(house.log_in("ada", PASSWORD.trim()).await.is_none(), "a password is not enough");
    let remove = ["user", "remove-factors", "ada"];
    assert_eq!(house.json(&remove), json!({"id": 1, "username": "ada", "removed": 1}));
    assert_eq!(house.json(&remove), json!({"id": 1, "username": "ada", "removed": 0}));
    assert!(house.log_in("ada", PASSWORD.trim()).await.is_some());
    let told = "select count(*) from auth.audit_events where action = 'factor.removed' and actor = 'command-line'";
    assert_eq!(house.number(told).await, 1);
    house.run(&["user", "remove-factors", "eva"]).refused(&["eva"]);
}
