//! Identity providers in a file: all but their secrets.

use serde_json::{Value, json};

use super::{changes, exported};
use crate::support::House;

const SECRET: &str = "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";

const ACME: &str = "\
[groups.Editors]
[providers.acme]
display_name = \"Acme\"
issuer = \"https://id.acme.example\"
client_id = \"portero\"
client_secret_env = \"ACME_SECRET\"
newcomers = \"invite\"
groups_claim = \"groups\"
attributes = { department = \"dept\" }
groups = [{ value = \"staff\", group = \"Editors\" }]
";

/// Applies a file where the secret is set.
fn apply(house: &House, file: &str) -> Value {
    let said = house.run_with(&["apply", file, "--json"], "", &[("ACME_SECRET", SECRET)]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.out.contains(SECRET) && !said.err.contains(SECRET), "{said:?}");
    said.json()
}

/// The sealed secret of a provider.
async fn sealed(house: &House) -> Option<Vec<u8>> {
    let sealed = sqlx::query_scalar("select secret_sealed from auth.providers where name = 'acme'");
    sealed.fetch_one(&mut house.conn().await).await.expect("a provider")
}

#[tokio::test]
async fn a_provider_is_made_by_a_file_and_its_secret_comes_from_where_that_says() {
    let house = House::new().await;
    let file = house.file("acme.toml", ACME);
    let planned = house.run(&["plan", &file]);
    assert!(planned.out.contains("+ provider `acme`") && planned.out.contains("to create, 0 to change"), "{planned:?}");
    house.run(&["apply", &file]).refused(&["ACME_SECRET is not set, nor ACME_SECRET_FILE"]);
    assert_eq!(house.number("select count(*) from auth.groups").await, 0, "all of it, or nothing");

    let said = house.run_with(&["apply", &file], "", &[("ACME_SECRET", SECRET)]);
    assert!(said.code == 0 && said.err.contains("/login/callback/acme"), "{said:?}");
    let shown = house.json(&["provider", "show", "acme"]);
    assert_eq!((&shown["has_secret"], &shown["newcomers"]), (&json!(true), &json!("invite")));
    assert_eq!(shown["groups"], json!([{"value": "staff", "group_id": 1}]));
    assert_eq!(house.told("provider.added").await.len(), 1, "told as if it were done by hand");
    assert_eq!(house.run(&["plan", &file, "--exit-code"]).code, 0, "without the variable, too");
    assert_eq!(changes(&house.json(&["apply", &file, "--prune"])), []);

    let text = exported(&house);
    assert!(text.contains("[providers.acme]") && !text.contains(SECRET) && !text.contains("client_secret"), "{text}");
    let (empty, text) = (House::new().await, text.replace("client_id =", "client_secret_env = \"A\"\nclient_id ="));
    let secret = empty.file("secret", SECRET);
    let said = empty.run_with(&["apply", &empty.file("all.toml", &text)], "", &[("A_FILE", &secret)]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(exported(&empty), exported(&house), "to the byte");
}

#[tokio::test]
async fn what_changes_of_a_provider_is_told_and_done_and_its_secret_stays() {
    let house = House::new().await;
    apply(&house, &house.file("acme.toml", ACME));
    let before = sealed(&house).await;
    house.json(&["provider", "change", "acme", "--newcomers", "open", "--disable"]);
    let file = house.file("acme.toml", &ACME.replace("\"staff\"", "\"crew\"").replace("\"Acme\"", "\"Acme Inc.\""));
    let planned = house.run(&["plan", &file]).out;
    for line in [
        "~ provider `acme`",
        "display_name: \"Acme\" -> \"Acme Inc.\"",
        "enabled: false -> true",
        "newcomers: \"open\" -> \"invite\"",
    ] {
        assert!(planned.contains(line), "{line} in {planned}");
    }
    assert!(planned.contains("+{\"group\":\"Editors\",\"value\":\"crew\"}"), "{planned}");
    assert_eq!(changes(&house.json(&["apply", &file])).len(), 1, "the variable is not needed");
    assert_eq!(sealed(&house).await, before);
    assert_eq!(house.json(&["provider", "show", "acme"])["groups"][0]["value"], json!("crew"));

    let public = ACME.replace("client_secret_env = \"ACME_SECRET\"", "no_secret = true");
    apply(&house, &house.file("public.toml", &public));
    assert_eq!(sealed(&house).await, None);
    assert!(exported(&house).contains("no_secret = true"));
    apply(&house, &house.file("acme.toml", ACME));
    assert!(sealed(&house).await.is_some());
    assert_eq!(changes(&apply(&house, &house.file("acme.toml", ACME))), []);
}

#[tokio::test]
async fn a_provider_that_is_gone_from_the_file_goes_when_that_is_asked_for() {
    let house = House::new().await;
    apply(&house, &house.file("acme.toml", ACME));
    let hub = ["provider", "add", "hub", "--kind", "github", "--issuer", "https://github.com", "--client-id", "x"];
    house.json(&[&hub[..], &["--no-secret", "--group", "all=Editors", "--groups-claim", "groups"]].concat());
    let empty = house.file("empty.toml", "[permissions.read]\n");
    let left = house.json(&["plan", &empty]);
    assert_eq!(left["left"].as_array().map(Vec::len), Some(2), "{left}");
    let pruned = house.json(&["apply", &empty, "--prune"]);
    let gone: Vec<_> = changes(&pruned).into_iter().filter(|(action, _)| action == "delete").collect();
    assert_eq!(gone, [("delete".to_owned(), "provider `acme`".to_owned())], "the group is what one by hand needs");
    assert_eq!(pruned["left"][0]["needed_by"], json!("provider `hub`"));
    assert_eq!(house.told("provider.removed").await.len(), 1);
}

#[tokio::test]
async fn what_no_provider_can_be_is_told_with_its_place() {
    let house = House::new().await;
    let with =
        |more: &str| format!("[providers.acme]\nissuer = \"https://id.acme.example\"\nclient_id = \"x\"\n{more}\n");
    for (text, words) in [
        (with(""), &["line 1", "has no secret yet", "client_secret_env"][..]),
        (with("client_secret_env = \"GOCSPX-0b3f\""), &["line 4, column 21", "an environment variable"]),
        (with("client_secret_env = \"AUTH_DATABASE_URL\""), &["line 4, column 21", "a setting of its own"]),
        (with("client_secret_env = \"SMTP_URL_FILE\""), &["a setting of its own"]),
        (with("client_secret_env = \"A\"\nno_secret = true"), &["line 4", "says that there is none"]),
        (with("no_secret = true\nscopes = [\"email\"]"), &["line 1", "openid"]),
        (with("no_secret = true\ngroups = [{ value = \"a\", group = \"B\" }]"), &["line 5", "no group `B`"]),
        (with("no_secret = true\nclient_secret = \"x\""), &["line 5", "client_secret"]),
        (with("no_secret = true").replace("acme]", "Acme]"), &["line 1", "small letters"]),
        (with("no_secret = true").replace("https", "http"), &["line 2", "https"]),
    ] {
        let said = house.run(&["plan", &house.file("bad.toml", &text)]);
        said.refused(words);
        assert!(!said.err.contains("GOCSPX"), "{said:?}");
    }
    house.json(&["apply", &house.file("acme.toml", &with("no_secret = true"))]);
    let other = house.file("other.toml", &with("no_secret = true\nkind = \"github\""));
    house.run(&["plan", &other]).refused(&["line 1", "can't be changed"]);
}
