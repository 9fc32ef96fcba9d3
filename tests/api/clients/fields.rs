//! What a client can't be registered with, and how that is said.

use serde_json::{Value, json};

use super::{BANK, SHOP, make, robot, wiki, with, world};

fn key() -> Value {
    json!({"kty": "EC", "crv": "P-256", "kid": "1", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
           "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
}

#[tokio::test]
async fn each_field_at_fault_is_named_when_a_client_is_made_and_when_it_is_changed() {
    let (_server, root) = world().await;
    make(&root, with(wiki(), json!({"client_id": "standing"}))).await.ok();
    let public = json!({"token_endpoint_auth_method": "none"});
    let signs = json!({"token_endpoint_auth_method": "private_key_jwt"});
    let private = with(key(), json!({"d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}));
    for (fields, field) in [
        (json!({"client_name": ""}), "client_name"),
        (json!({"client_name": "a\nb"}), "client_name"),
        (json!({"redirect_uris": []}), "redirect_uris"),
        (json!({"redirect_uris": ["http://wiki.example/cb"]}), "redirect_uris[0]"),
        (json!({"redirect_uris": ["https://a.example/", "https://a.example/#x"]}), "redirect_uris[1]"),
        (json!({"redirect_uris": ["https://*.example/cb"]}), "redirect_uris[0]"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "redirect_uris[0]"),
        (json!({"redirect_uris": ["com.example.app:/cb"]}), "redirect_uris[0]"),
        (json!({"redirect_uris": ["/cb"]}), "redirect_uris[0]"),
        (
            json!({"redirect_uris": vec!["https://a.example/"; 51].iter().enumerate().map(|(n, uri)| format!("{uri}{n}")).collect::<Vec<_>>()}),
            "redirect_uris",
        ),
        (json!({"redirect_uris": [format!("https://a.example/{}", "a".repeat(2000))]}), "redirect_uris[0]"),
        (json!({"post_logout_redirect_uris": ["http://wiki.example/"]}), "post_logout_redirect_uris[0]"),
        (json!({"backchannel_logout_uri": "http://wiki.example/"}), "backchannel_logout_uri"),
        (json!({"grant_types": []}), "grant_types"),
        (json!({"grant_types": ["implicit"]}), "grant_types[0]"),
        (json!({"grant_types": ["refresh_token"]}), "grant_types"),
        (with(public.clone(), json!({"grant_types": ["authorization_code", "client_credentials"]})), "grant_types"),
        (with(public, json!({"require_pkce": false})), "require_pkce"),
        (json!({"token_endpoint_auth_method": "tls_client_auth"}), "token_endpoint_auth_method"),
        (json!({"scope": "openid everything"}), "scope"),
        (json!({"scope": "Shop:nothing"}), "scope"),
        (json!({"scope": "Bank:sell"}), "scope"),
        (json!({"scope": ":sell"}), "scope"),
        (json!({"audience": ["nothing"]}), "audience[0]"),
        (json!({"audience": [SHOP, 99]}), "audience[1]"),
        (json!({"audience": [0]}), "audience[0]"),
        (json!({"audience": ["portero"]}), "audience[0]"),
        (json!({"audience": vec![SHOP; 101]}), "audience"),
        (json!({"access_token_format": "xml"}), "access_token_format"),
        (json!({"access_token_lifetime_seconds": 9}), "access_token_lifetime_seconds"),
        (json!({"access_token_lifetime_seconds": 86_401}), "access_token_lifetime_seconds"),
        (json!({"id_token_signed_response_alg": "none"}), "id_token_signed_response_alg"),
        (json!({"consent": "never"}), "consent"),
        (json!({"who_may_use": "nobody"}), "who_may_use"),
        (signs.clone(), "jwks"),
        (with(signs.clone(), json!({"jwks": {"keys": [private]}})), "jwks"),
        (with(signs.clone(), json!({"jwks": {"keys": []}})), "jwks"),
        (with(signs.clone(), json!({"jwks": "keys"})), "jwks"),
        (with(signs.clone(), json!({"jwks_uri": "http://wiki.example/jwks"})), "jwks_uri"),
        (with(signs, json!({"jwks": {"keys": [key()]}, "jwks_uri": "https://wiki.example/jwks"})), "jwks_uri"),
        (json!({"token_endpoint_auth_method": "client_secret_basic", "jwks": {"keys": [key()]}}), "jwks"),
        (json!({"loopback_only": true}), "loopback_only"),
        (json!({"client_secret": "chosen by me"}), "client_secret"),
    ] {
        let made = make(&root, with(wiki(), fields.clone())).await;
        let changed = root.patch("/clients/standing", fields.clone()).await;
        for refused in [made, changed] {
            assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{fields}: {refused:?}");
            assert!(refused.detail().contains(&format!("`{field}`")), "{field}: {refused:?}");
            assert!(!refused.text.contains("jpsQ") && !refused.text.contains("chosen by me"), "{refused:?}");
        }
    }
    assert_eq!(root.get("/clients").await.column("client_id"), ["standing"]);
}

#[tokio::test]
async fn a_fault_says_how_it_must_be() {
    let (_server, root) = world().await;
    for (fields, words) in [
        (json!({"redirect_uris": "https://a.example/"}), "`redirect_uris`: must be a list"),
        (json!({"consent": "never"}), "`consent`: must be one of `ask`, `remember`, `none`"),
        (json!({"access_token_lifetime_seconds": 1}), "must be a number from 10 to 86400"),
        (json!({"access_token_lifetime_seconds": "long"}), "must be a whole number"),
        (json!({"require_pkce": "yes"}), "must be true or false"),
        (json!({"redirect_uris": ["http://a.example/"]}), "must begin with https://"),
        (json!({"audience": ["nothing"]}), "no service is called `nothing`"),
        (json!({"scope": "Shop:nothing"}), "portero permission add nothing"),
    ] {
        let refused = make(&root, with(wiki(), fields)).await;
        assert!(refused.detail().contains(words), "{words}: {refused:?}");
    }
}

#[tokio::test]
async fn several_faults_are_told_at_once() {
    let (_server, root) = world().await;
    let bad = json!({"redirect_uris": ["http://a.example/"], "access_token_lifetime_seconds": 1, "grant_types": ["password"]});
    let refused = make(&root, with(wiki(), bad)).await;
    for field in ["redirect_uris[0]", "access_token_lifetime_seconds"] {
        assert!(refused.detail().contains(field), "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_settled_with_the_registration_is_refused_there_alone() {
    let (_server, root) = world().await;
    make(&root, wiki()).await.ok();
    for (field, value) in [("client_id", json!("other")), ("service_id", json!(BANK))] {
        let refused = root.patch("/clients/wiki", json!({field: value})).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{field} is for good");
        assert!(
            refused.detail().contains("can't be changed") && !refused.detail().contains("did you mean"),
            "{refused:?}"
        );
    }
    for bad in ["7", "", "-a", "a b", "a:b", "https://app.example/", "ñ"] {
        let refused = make(&root, with(wiki(), json!({"client_id": bad}))).await;
        assert_eq!(refused.refusal(), (400, "invalid_request_body"), "{bad}");
        assert!(refused.detail().contains("`client_id`"), "{refused:?}");
    }
    let nowhere = |service: Value| with(wiki(), json!({"client_id": "other", "service_id": service}));
    assert_eq!(make(&root, nowhere(json!(0))).await.refusal(), (409, "built_in"));
    assert_eq!(make(&root, nowhere(json!(99))).await.refusal(), (404, "service_not_found"));
    assert_eq!(make(&root, nowhere(json!("nothing"))).await.refusal(), (400, "invalid_service_id"));
}

#[tokio::test]
async fn what_is_right_for_its_kind_is_taken() {
    let (_server, root) = world().await;
    let native = json!({
        "client_id": "app", "token_endpoint_auth_method": "none",
        "redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]:4000/cb"],
    });
    make(&root, with(wiki(), native)).await.ok();
    let signs = make(&root, with(robot(), json!({"jwks": {"keys": [key()]}}))).await.ok();
    assert_eq!(signs.body["token_endpoint_auth_method"], "private_key_jwt", "who sends keys signs with them");
    assert_eq!(signs.body["jwks"]["keys"][0]["x"], key()["x"]);
    assert_eq!(signs.body["scope"], "roles permissions", "who logs nobody in needs no profile");
    let moved = root.patch("/clients/robot", json!({"jwks_uri": "https://robot.example/jwks"})).await.ok();
    assert_eq!((&moved.body["jwks"], &moved.body["jwks_uri"]), (&Value::Null, &json!("https://robot.example/jwks")));
    let secret = root.patch("/clients/robot", json!({"token_endpoint_auth_method": "client_secret_basic"})).await.ok();
    assert_eq!(secret.body["jwks_uri"], Value::Null, "what is of no use is forgotten");
    let both = json!({"client_id": "both", "audience": [SHOP, BANK], "scope": " openid  Shop:sell Bank:sell "});
    assert_eq!(make(&root, with(wiki(), both)).await.ok().body["scope"], "openid Shop:sell Bank:sell");
    let refused = root.patch("/clients/both", json!({"audience": [SHOP]})).await;
    assert!(refused.detail().contains("`scope`"), "a scope of a service that is left: {refused:?}");
    // Its permission is gone; what is not touched stays.
    root.delete("/permissions/1").await.ok();
    root.patch("/clients/both", json!({"client_name": "Both"})).await.ok();
}
