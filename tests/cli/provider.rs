//! `portero provider`.

use serde_json::json;

use crate::support::House;

const SECRET: &str = "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";

#[tokio::test]
async fn providers_are_added_shown_changed_and_removed() {
    let house = House::new().await;
    house.json(&["group", "add", "Editors"]);
    let add = ["provider", "add", "acme", "--issuer", "https://id.acme.example", "--client-id", "portero"];
    let mapping = ["--attribute", "department=dept", "--groups-claim", "groups", "--group", "staff=Editors"];
    let made = house.json_with(&[&add[..], &mapping].concat(), &format!("{SECRET}\n"));
    assert_eq!((&made["has_secret"], &made["kind"], &made["newcomers"]), (&json!(true), &json!("oidc"), &json!("off")));
    assert_eq!(made["groups"], json!([{"value": "staff", "group_id": 1}]));
    house.run(&add).refused(&["the secret", "give `--no-secret`"]);
    let other = ["provider", "add", "other", "--issuer", "https://o.example", "--client-id", "x", "--no-secret"];
    house.run(&[&other[..], &["--scope", "email"]].concat()).refused(&["`--scope`: must have `openid`"]);
    let nowhere = ["--groups-claim", "groups", "--group", "staff=Nobody"];
    house.run(&[&other[..], &nowhere].concat()).refused(&["`--group`: "]);
    let help = house.run(&["provider", "add", "--help"]).out;
    assert!(help.contains("1 to 40 small letters, digits and `-`, a letter first"), "{help}");
    house.run(&[&add[..], &["--no-secret"]].concat()).refused(&["there is a provider of that `name`"]);
    let hub = [
        "provider",
        "add",
        "hub",
        "--kind",
        "github",
        "--issuer",
        "https://github.com",
        "--client-id",
        "x",
        "--no-secret",
    ];
    let hub = house.run(&[&hub[..], &["--newcomers", "open"]].concat()).out;
    assert!(hub.contains("/login/callback/hub") && !hub.contains("back-channel"), "{hub}");
    let shown = house.run(&["provider", "show", "acme"]).out;
    assert!(
        shown.contains("/login/callback/acme") && shown.contains("backchannel-logout") && !shown.contains(SECRET),
        "{shown}"
    );
    assert!(shown.contains("PUBLIC_URL is not set for this command"), "{shown}");
    for line in [
        "Client there: portero, with a secret",
        "Scopes: openid email profile",
        "Attributes, from claims: department=dept",
        "Groups, by id, from the claim groups: staff=1",
        "Newcomers: off",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
    let listed = house.run(&["provider", "list"]).out;
    assert!(listed.contains("https://github.com") && listed.contains("acme"), "{listed}");
    let changed =
        house.json(&["provider", "change", "acme", "--disable", "--no-groups", "--no-attributes", "--no-secret"]);
    assert_eq!(
        (&changed["enabled"], &changed["groups"], &changed["attributes"]),
        (&json!(false), &json!([]), &json!({}))
    );
    assert_eq!((&changed["has_secret"], &changed["groups_claim"]), (&json!(false), &json!(null)));
    house.run(&["provider", "change", "acme"]).refused(&["nothing to change"]);
    house.run(&["provider", "change", "acme", "--attribute", "x"]).refused(&["is not ATTRIBUTE=CLAIM"]);
    assert_eq!(house.run(&["provider", "add", "Acme", "--issuer", "x", "--client-id", "y"]).code, 2);
    house.json(&["provider", "remove", "acme"]);
    house.run(&["provider", "show", "acme"]).refused(&["there is no identity provider `acme`"]);
    assert_eq!(house.told("provider.added").await.len(), 2);
    assert_eq!((house.told("provider.changed").await.len(), house.told("provider.removed").await.len()), (1, 1));
}
