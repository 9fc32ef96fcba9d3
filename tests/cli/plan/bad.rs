use super::shop;
use crate::support::House;

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_with_its_place() {
    let house = House::new().await;
    let file = house.file(
        "bad.toml",
        "[roles.Clerk]\npermissions = [\"read\", \"writ\"]\n[services.Shop]\nroles = [\"Clark\"]\n\
         [[services.Shop.policies]]\ntable_name = \"invoice\"\naction = \"read\"\nexpression = \"user_id = nosuch(1)\"\n\
         [groups.A]\nmembers = [{ group = \"B\" }]\n[permissions.42]\n[people.nobody]\n",
    );
    let said = house.run(&["plan", &file]);
    said.refused(&["bad.toml", "line 2, column 16: there is no permission `read`", "no permission `writ`"]);
    for word in [
        "line 4, column 10: there is no role `Clark`",
        "policy for read on invoice of service `Shop`: in its expression, line 1, column 11",
        "no group `B`",
        "can't be a number",
        "no person `nobody`",
    ] {
        assert!(said.err.contains(word), "{word} in {}", said.err);
    }
    house.run(&["apply", &file]).refused(&["there is no role `Clark`"]);
    assert_eq!(house.run(&["plan", &file, "--exit-code"]).code, 1);
    assert_eq!(house.number("select count(*) from auth.services where id > 0").await, 0);
}

#[tokio::test]
async fn a_file_that_is_none_is_refused() {
    let house = House::new().await;
    for (text, words) in [
        ("[roles.A]\n[roles.A]\n", ["line 2", "duplicate"]),
        ("[roles.A]\ncolour = 1\n", ["line 2, column 1", "colour"]),
        ("[roles.A", ["line 1", "column"]),
        ("[roles.A]\npermissions = [\"users:read\", \"users:read\"]\n", ["line 2", "twice"]),
        ("[services.portero]\n", ["line 1", "Portero itself"]),
        ("[roles.Administrator]\n", ["line 1", "Portero's own"]),
        ("[clients.a]\nservice = \"S\"\nclient_name = \"A\"\n[services.S]\n", ["client `a`", "redirect_uris"]),
        (
            "[clients.a]\nservice = \"S\"\nclient_name = \"A\"\nscope = \"S:x\"\ngrant_types = [\"client_credentials\"]\n[services.S]\n",
            ["`S:x`", "service:permission"],
        ),
    ] {
        house.run(&["plan", &house.file("bad.toml", text)]).refused(&words);
    }
    let large = house.file("large.toml", &"# nothing\n".repeat(1 << 20));
    house.run(&["plan", &large]).refused(&["8 MiB"]);
    house.run(&["plan", &house.bytes("bytes.toml", b"\xff\xfe")]).refused(&["UTF-8"]);
    house.run(&["plan", "/nowhere.toml"]).refused(&["can't read /nowhere.toml"]);
    let deep = house.file("deep.toml", &format!("a = {}", "[".repeat(100_000)));
    assert_eq!(house.run(&["plan", &deep]).code, 1);
    assert!(house.run_with(&["plan", "-"], "[roles.A]\n", &[]).out.contains("+ role `A`"));
}

#[tokio::test]
async fn what_an_act_refuses_leaves_everything_as_it_was() {
    let house = shop().await;
    let text = "[permissions.new]\n[groups.All]\n[groups.Editors]\nmembers = [{ group = \"All\" }]\n";
    let before = house.run(&["export", "--config"]).out;
    house.run(&["apply", &house.file("circle.toml", text)]).refused(&["group `All` in group `Editors`", "into itself"]);
    assert_eq!(house.run(&["export", "--config"]).out, before);
    let moved = before.replace("[clients.robot]\nservice = \"Bank\"", "[clients.robot]\nservice = \"UI Store\"");
    house.run(&["plan", &house.file("moved.toml", &moved)]).refused(&["client `robot` belongs to service `Bank`"]);
}

#[tokio::test]
async fn a_plan_promises_nothing_of_groups_that_an_apply_refuses() {
    let house = House::new().await;
    house.json(&["service", "add", "Bank"]);
    house.json(&["client", "add", "Robot", "--service", "Bank", "--id", "robot", "--grant", "client_credentials"]);
    house.json(&["group", "add", "By hand"]);
    house.json(&["group", "add", "Outer"]);
    house.json(&["group", "add-member", "Outer", "--group", "By hand"]);
    let refused = |text: &str, words: &[&str]| {
        let file = house.file("bad.toml", text);
        for command in ["plan", "apply"] {
            house.run(&[command, &file]).refused(words);
        }
    };
    refused(
        "[groups.P9]\ngrants = [{ service = \"portero\", role = \"Administrator\" }]\n",
        &["line 2, column 41", "can't administer Portero itself"],
    );
    refused("[groups.S]\nmembers = [{ group = \"S\" }]\n", &["line 2, column 22", "`S` in `S`"]);
    refused(
        "[groups.A]\nmembers = [{ group = \"B\" }]\n[groups.B]\nmembers = [{ group = \"C\" }]\n\
         [groups.C]\nmembers = [{ group = \"A\" }]\n",
        &["line 2, column 22", "would put `A` into itself: `A` in `C` in `B` in `A`"],
    );
    refused(
        "[groups.\"By hand\"]\nmembers = [{ group = \"Outer\" }]\n[groups.Outer]\n",
        &["line 2, column 22", "`By hand` in `Outer` in `By hand`"],
    );
    refused(
        "[groups.A]\n[people.\"client:robot\"]\ngroups = [{ group = \"A\" }]\n",
        &["line 3, column 21", "a client is in no group"],
    );
    assert_eq!(house.number("select count(*) from auth.groups").await, 2);
    let fine = "[groups.A]\nmembers = [{ group = \"B\" }]\ngrants = [{ service = \"portero\", role = \"Reader\" }]\n[groups.B]\n";
    house.json(&["apply", &house.file("fine.toml", fine)]);
    // What goes first makes way.
    let turned = "[groups.A]\n[groups.B]\nmembers = [{ group = \"A\" }]\n";
    let turned = house.file("turned.toml", turned);
    house.run(&["plan", &turned]).refused(&["`A` in `B` in `A`"]);
    house.json(&["apply", &turned, "--prune"]);
}

#[tokio::test]
async fn a_plan_promises_nothing_of_types_that_an_apply_refuses() {
    let house = House::new().await;
    let policy = |expression: &str| {
        format!(
            "[[services.Shop.policies]]\ntable_name = \"invoice\"\naction = \"read\"\nexpression = \"{expression}\"\n"
        )
    };
    let typed = |columns: &str| format!("[services.Shop]\n[services.Shop.resource_types.invoice]\n{columns}\n");
    house.json(&["apply", &house.file("a.toml", &(typed("owner = \"text\"") + &policy("owner = 'a'")))]);
    // The type goes, and a policy comes on a column that it had not.
    let without = house.file("b.toml", &format!("[services.Shop]\n{}", policy("tenant = 'b'")));
    assert_eq!(house.run(&["plan", &without, "--prune", "--exit-code"]).code, 2);
    house.json(&["apply", &without, "--prune"]);
    assert_eq!(house.number("select count(*) from auth.resource_types").await, 0);

    // By hand, and so it stays, whatever the file says of its type.
    house.json(&["policy", "add", "invoice", "update", "tenant = 7", "--service", "Shop"]);
    let mine = policy("tenant2 = 'b'");
    let told = ["policy for update on invoice of service `Shop` is not in this file", "change or delete it first"];
    let refused = |file: &str, more: &[&str]| {
        for command in ["plan", "apply"] {
            house.run(&[command, file, "--prune"]).refused(&[&told[..], more].concat());
        }
    };
    let declared = house.file("c.toml", &(typed("tenant2 = \"text\"") + &mine));
    refused(&declared, &["line 2, column 31"]);
    let fits = house.file("d.toml", &(typed("tenant2 = \"text\"\ntenant = \"integer[]\"\nid = \"integer\"") + &mine));
    refused(&fits, &["line 2, column 31"]);
    let fits = house.file("e.toml", &(typed("tenant2 = \"text\"\ntenant = \"integer\"") + &mine));
    house.json(&["apply", &fits, "--prune"]);
    assert_eq!(house.number("select count(*) from auth.policies").await, 2);
}
