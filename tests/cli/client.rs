use serde_json::{Value, json};

use crate::support::House;

async fn furnished() -> House {
    let house = House::new().await;
    house.json(&["service", "add", "Shop"]);
    house.json(&["service", "add", "Bank"]);
    house
}

#[tokio::test]
async fn clients_are_made_listed_shown_and_removed() {
    let house = furnished().await;
    let wiki = ["client", "add", "Wiki", "--service", "Shop", "--redirect-uri", "https://wiki.example/cb"];
    let made = house.json(&[&wiki[..], &["--id", "wiki", "--audience", "Shop", "--audience", "Bank"]].concat());
    let secret = made["client_secret"].as_str().expect("a secret").to_owned();
    assert_eq!((&made["audience"], &made["created_by"]), (&json!([1, 2]), &Value::Null));
    let said = house.run(&wiki);
    assert!(said.out.contains("Created client c") && said.out.contains("pcs_"), "{said:?}");
    house.run(&[&wiki[..], &["--id", "wiki"]].concat()).refused(&["client_id", "choose another"]);

    let list = house.json(&["client", "list", "--beginning", "wiki"]);
    assert_eq!(list.as_array().map(Vec::len), Some(2));
    assert_eq!(house.json(&["client", "list", "--service", "Bank"]), json!([]));
    let text = house.run(&["client", "list"]).out;
    assert!(text.contains("wiki") && text.contains("authorization_code"), "{text}");
    let shown = house.run(&["client", "show", "wiki"]).out;
    assert!(shown.contains("https://wiki.example/cb") && !shown.contains(&secret[4..20]), "{shown}");
    assert_eq!(house.json(&["client", "show", "wiki"])["secrets"].as_array().map(Vec::len), Some(1));

    assert_eq!(house.json(&["client", "remove", "wiki"])["client_id"], "wiki");
    house.run(&["client", "show", "wiki"]).refused(&["no client `wiki`", "portero client list"]);
    assert_eq!(house.told("client.deleted").await.len(), 1);
}

#[tokio::test]
async fn secrets_are_changed_and_shown_once() {
    let house = furnished().await;
    let robot = ["client", "add", "Robot", "--service", "Shop", "--id", "robot", "--grant", "client_credentials"];
    let said = house.run(&robot);
    assert!(said.out.contains("client:robot"), "{said:?}");
    house.json(&["permission", "add", "read"]);
    house.json(&["role", "add", "Reader of all", "--permission", "read", "--service", "Shop"]);
    house.json(&["grant", "add", "client:robot", "Shop", "Reader of all"]);
    let rotated = house.json(&["client", "rotate", "robot", "--overlap", "12h"]);
    assert!(rotated["client_secret"].as_str().is_some_and(|secret| secret.starts_with("pcs_")));
    house.run(&["client", "rotate", "robot"]).refused(&["two secrets"]);
    let said = house.run(&["client", "rotate", "robot", "--overlap", "0"]);
    assert!(said.out.contains("shown only once: pcs_"), "{said:?}");
    assert_eq!(house.number("select count(*) from auth.client_secrets").await, 1);
    let mistyped = house.run(&["client", "rotate", "robot", "--overlap", "31d"]);
    assert!(mistyped.code == 2 && mistyped.err.contains("30 days"), "{mistyped:?}");
    house.run(&["user", "reset-password", "client:robot", "--random-password"]).refused(&["no user"]);
    house.run(&["user", "remove", "client:robot"]).refused(&["no user"]);
    house.run(&["user", "show", "client:robot"]).refused(&["no user"]);
    assert!(!house.run(&["user", "list"]).out.contains("robot"));
}

#[tokio::test]
async fn what_a_client_can_not_be_is_refused_by_field() {
    let house = furnished().await;
    let add = |more: &[&str]| house.run(&[&["client", "add", "App", "--service", "Shop"], more].concat());
    add(&[]).refused(&["`redirect_uris`"]);
    add(&["--redirect-uri", "http://app.example/"]).refused(&["`redirect_uris[0]`", "https://"]);
    add(&["--public", "--grant", "client_credentials"]).refused(&["`grant_types`"]);
    for (mistyped, word) in [
        (["--public", "--auth-method=none"], "--public"),
        (["--grant", "implicit"], "authorization_code"),
        (["--id", "7"], "number"),
    ] {
        let said = add(&mistyped);
        assert!(said.code == 2 && said.err.contains(word), "{said:?}");
    }
    add(&["--audience", "portero", "--redirect-uri", "https://app.example/"]).refused(&["Portero"]);
    add(&["--jwks-file", "/nowhere.json"]).refused(&["/nowhere.json"]);
    let keys = house.file(
        "jwks.json",
        r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    );
    let signs = ["client", "add", "App", "--service", "Shop", "--grant", "client_credentials", "--jwks-file", &keys];
    assert_eq!(house.json(&signs)["token_endpoint_auth_method"], "private_key_jwt");
    house
        .run(&["client", "add", "App", "--service", "0", "--redirect-uri", "https://app.example/"])
        .refused(&["Portero"]);
}

#[tokio::test]
async fn a_client_may_have_to_prove_its_key_and_to_push_its_requests() {
    let house = furnished().await;
    let add = ["client", "add", "App", "--service", "Shop", "--redirect-uri", "https://app.example/"];
    let made = house.json(&[&add[..], &["--dpop", "--par"]].concat());
    let has = |made: &Value, field: &str| made[field].as_bool().expect("a boolean");
    assert!(has(&made, "dpop_bound_access_tokens") && has(&made, "require_pushed_authorization_requests"));
    let made = house.json(&add);
    assert!(!has(&made, "dpop_bound_access_tokens") && !has(&made, "require_pushed_authorization_requests"));
}

#[tokio::test]
async fn programs_register_themselves_with_a_token_that_is_made_here() {
    let house = furnished().await;
    let add = ["service", "registration-token", "add", "Shop", "--uses", "3", "--lasts", "12h"];
    let made = house.json(&add);
    let token = made["initial_access_token"].as_str().expect("a token").to_owned();
    assert!(token.starts_with("pit_") && made["uses_left"] == 3, "{made}");
    let said = house.run(&add).out;
    assert!(said.contains("shown only once: pit_"), "{said}");
    let list = house.run(&["service", "registration-token", "list", "Shop"]).out;
    assert!(list.contains("made on the command line") && !list.contains("pit_"), "{list}");
    let id = made["id"].to_string();
    house.json(&["service", "registration-token", "revoke", "Shop", &id]);
    let left = house.json(&["service", "registration-token", "list", "Shop"]);
    assert_eq!(left.as_array().map(Vec::len), Some(1));
    house.run(&["service", "registration-token", "revoke", "Shop", &id]).refused(&["registration token"]);
    house.run(&["service", "registration-token", "add", "0"]).refused(&["own services"]);
    let mistyped = house.run(&["service", "registration-token", "add", "Shop", "--lasts", "2h30"]);
    assert!(mistyped.code == 2 && mistyped.err.contains("a year"), "{mistyped:?}");
    assert_eq!(house.told("registration-token.created").await.len(), 2);
}

#[tokio::test]
async fn a_client_gets_a_logo_and_loses_it() {
    let house = furnished().await;
    house.json(&[
        "client",
        "add",
        "Wiki",
        "--service",
        "Shop",
        "--id",
        "wiki",
        "--redirect-uri",
        "https://wiki.example/cb",
    ]);
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x20\x08\x06\0\0\0....\0\0\0\0IEND\xae\x42\x60\x82";
    let file = house.bytes("logo.png", png);
    let set = house.json(&["client", "logo", "wiki", &file]);
    assert_eq!((&set["media_type"], &set["width"], &set["height"]), (&json!("image/png"), &json!(64), &json!(32)));
    let svg = house.file("logo.svg", "<svg/>");
    house.run(&["client", "logo", "wiki", &svg]).refused(&["not a PNG, JPEG or WebP"]);
    house.json(&["client", "logo", "wiki", "--remove"]);
    house.run(&["client", "logo", "wiki", "--remove"]).refused(&["no logo"]);
    assert_eq!(house.told("client.changed").await.len(), 2);
}

#[tokio::test]
async fn a_client_is_changed_in_what_is_said_and_in_nothing_else() {
    let house = furnished().await;
    let add = ["client", "add", "App", "--service", "Shop", "--id", "app", "--redirect-uri", "https://app.example/"];
    house.json(&[&add[..], &["--backchannel-logout-uri", "https://app.example/out", "--par"]].concat());
    let change = |more: &[&str]| house.json(&[&["client", "change", "app"], more].concat());
    house.run(&["client", "change", "app", "--scope", "openid Shop:read"]).refused(&[
        "`scope`",
        "Shop:read",
        "portero permission add read",
    ]);
    house.json(&["permission", "add", "read"]);
    house.json(&["role", "add", "Clerk", "--permission", "read", "--service", "Shop"]);
    assert_eq!(change(&["--scope", "openid Shop:read"])["scope"], "openid Shop:read");
    let changed = change(&["--name", "My app", "--consent", "none", "--audience", "Bank", "--audience", "Shop"]);
    assert_eq!((&changed["client_name"], &changed["audience"]), (&json!("My app"), &json!([1, 2])), "{changed}");
    assert_eq!((&changed["consent"], &changed["scope"]), (&json!("none"), &json!("openid Shop:read")));
    assert_eq!(changed["require_pushed_authorization_requests"], true, "what is not said stays");
    let changed =
        change(&["--backchannel-logout-uri", "", "--par=false", "--dpop", "--scope", "openid", "--login-only"]);
    assert_eq!((&changed["backchannel_logout_uri"], &changed["audience"]), (&Value::Null, &json!([])));
    assert_eq!(changed["require_pushed_authorization_requests"], false);
    assert_eq!(changed["dpop_bound_access_tokens"], true);
    let changed = change(&["--grant", "device_code", "--grant", "refresh_token"]);
    assert_eq!(changed["grant_types"][0], "urn:ietf:params:oauth:grant-type:device_code");
    let text =
        house.run(&["client", "change", "app", "--redirect-uri", "https://b.example/", "--who-may-use", "members"]);
    assert!(text.out.contains("Changed client app `My app`"), "{text:?}");
    house.run(&["client", "change", "app"]).refused(&["nothing to change", "--help"]);
    house.run(&["client", "change", "nobody", "--par"]).refused(&["no client `nobody`"]);
    house.run(&["client", "change", "loopback", "--par"]).refused(&["Portero's own"]);
    house.json(&["client", "change", "app", "--public"]);
    let said = house.run(&["client", "change", "app", "--auth-method", "client_secret_basic"]);
    assert!(said.out.contains("portero client rotate app"), "{said:?}");
    assert!(house.told("client.changed").await.len() >= 6);
}

#[tokio::test]
async fn a_client_is_shown_with_all_that_it_was_registered_with() {
    let house = furnished().await;
    let add = ["client", "add", "App", "--service", "Shop", "--id", "app", "--redirect-uri", "https://app.example/cb"];
    let more = [
        ["--post-logout-redirect-uri", "https://app.example/bye"],
        ["--backchannel-logout-uri", "https://app.example/out"],
        ["--audience", "Bank"],
        ["--who-may-use", "members"],
        ["--token-format", "opaque"],
        ["--token-lifetime", "90"],
        ["--signing-alg", "EdDSA"],
    ];
    house.json(&[&add[..], &more.concat(), &["--dpop", "--par"]].concat());
    let shown = house.run(&["client", "show", "app"]).out;
    for word in [
        "of service Shop",
        "audience      Bank",
        "https://app.example/bye",
        "https://app.example/out",
        "remember",
        "members",
        "opaque, 90 s, signed with EdDSA",
        "PKCE",
        "DPoP",
        "PAR",
    ] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    let list = house.run(&["client", "list"]).out;
    assert!(list.contains("Shop") && list.contains("app"), "{list}");
}

#[tokio::test]
async fn a_secret_is_revoked_by_its_id() {
    let house = furnished().await;
    house.json(&["client", "add", "App", "--service", "Shop", "--id", "app", "--redirect-uri", "https://app.example/"]);
    house.json(&["client", "rotate", "app"]);
    house.run(&["client", "rotate", "app"]).refused(&["portero client secret revoke", "--overlap 0"]);
    let secrets = house.json(&["client", "show", "app"])["secrets"].clone();
    let id = secrets[0]["id"].to_string();
    assert!(house.run(&["client", "show", "app"]).out.contains(&format!("secret        {id} ")));
    assert!(house.run(&["client", "secret", "revoke", "app", &id]).out.contains("Revoked secret"));
    house.run(&["client", "secret", "revoke", "app", &id]).refused(&["client secret"]);
    house.run(&["client", "secret", "revoke", "app", "first"]).refused(&["not the id of a secret"]);
    assert_eq!(house.json(&["client", "show", "app"])["secrets"].as_array().map(Vec::len), Some(1));
    assert_eq!(house.told("client-secret.revoked").await.len(), 1);
}
