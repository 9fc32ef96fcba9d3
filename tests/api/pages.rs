//! Lists: bounded pages by id, and a prefix to look for.

use serde_json::{Value, json};

use crate::support::Server;

/// Every list, of the demo data.
const LISTS: [&str; 9] = [
    "/users",
    "/roles",
    "/permissions",
    "/services",
    "/roles/1/permissions",
    "/services/4/roles",
    "/services/4/roles/4/people",
    "/people/5/services",
    "/people/5/services/1/roles",
];

#[tokio::test]
async fn page_by_page_one_sees_every_row_once_and_in_order() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for list in LISTS {
        let whole = adm1.get(list).await;
        assert_eq!(whole.next(), None, "{list}: nothing follows");
        let ids = whole.column("id");
        assert!(ids.windows(2).all(|pair| pair[0].as_i64() < pair[1].as_i64()), "{list}");
        for limit in 1..=4 {
            let mut seen: Vec<Value> = Vec::new();
            let mut next = Some(format!("{list}?limit={limit}"));
            while let Some(path) = next {
                let page = adm1.get(&path).await.ok();
                let rows = page.column("id");
                assert!(rows.len() <= limit && !rows.is_empty(), "{path}");
                seen.extend(rows);
                next = page.next();
            }
            assert_eq!(seen, ids, "{list} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_page_has_a_hundred_rows_unless_asked_and_a_thousand_at_most() {
    let server = Server::on_a_fresh_database().await;
    let root = server.administrator().await;
    server.execute("insert into auth.permission (name) select 'p' || n from generate_series(1, 1001) n").await;
    let page = root.get("/permissions").await;
    assert_eq!(page.column("id").len(), 100);
    assert_eq!(page.next().as_deref(), Some("/permissions?after=100&limit=100"));
    let page = root.get("/permissions?limit=1000").await;
    assert_eq!(page.column("id").len(), 1000);
    let rest = root.get(&page.next().expect("one more row")).await;
    assert_eq!((rest.column("id"), rest.next()), (vec![json!(1001)], None));
}

#[tokio::test]
async fn a_prefix_is_looked_for_whatever_its_case_and_literally() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for (path, names) in [
        ("/users?q=EDITOR", vec!["editor1", "editor2", "editor3"]),
        ("/users?q=juan%20d", vec!["juan"]),
        ("/users?q=demo", vec![]),
        ("/users?q=%25", vec![]),
        ("/users?q=_", vec![]),
        ("/users?q=%5C", vec![]),
        ("/users?q='%20or%20true--", vec![]),
        ("/services/4/roles/4/people?q=VIEW", vec!["viewer2", "viewer3"]),
    ] {
        assert_eq!(adm1.get(path).await.column("username"), names, "{path}");
    }
    for (path, names) in [
        ("/services?q=ui", vec!["UI Store", "ui-store"]),
        ("/services?q=service%20b", vec!["Service B"]),
        ("/roles?q=e", vec!["Editor"]),
        ("/permissions?q=S", vec!["share"]),
        ("/services/4/roles?q=ad", vec!["Admin"]),
        ("/roles/1/permissions?q=up", vec!["update"]),
        ("/people/5/services?q=service%20c", vec!["Service C"]),
        ("/people/5/services/1/roles?q=x", vec![]),
        ("/roles?q=", vec!["Admin", "User", "Editor", "Viewer"]),
    ] {
        assert_eq!(adm1.get(path).await.column("name"), names, "{path}");
    }
}

/// A crowd of 2,100, of whom every third is called otherwise than they log in, and every second is a Viewer in service 4.
const CROWD: &str = "
    insert into auth.person (id, username, name, password_hash)
    select 10000 + n, format('crowd%s', n), case when n % 3 = 0 then format('Other%s Crowd', n) else 'Crowd Ed' end, ''
    from generate_series(1, 2100) n;
    insert into auth.person_service_role (person_id, service_id, role_id)
    select id, 4, 4 from auth.person where id > 10000 and id % 2 = 0;
";

#[tokio::test]
async fn a_search_finds_the_same_among_few_and_among_many() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let mut tx = server.app.db.begin().await.expect("a transaction");
    sqlx::raw_sql(CROWD).execute(&mut *tx).await.expect("a crowd");
    tx.commit().await.expect("a commit");
    let (many, few, by_name) = (|_: i32| true, |n: i32| n / 100 == 21 || n / 10 == 21 || n == 21, |n: i32| n % 3 == 0);
    for (prefix, is_meant) in
        [("CROWD", &many as &dyn Fn(i32) -> bool), ("crowd21", &few), ("other", &by_name), ("crowd99999", &|_| false)]
    {
        let meant: Vec<i32> = (1..=2100).filter(|n| is_meant(*n)).map(|n| 10_000 + n).collect();
        let viewers: Vec<i32> = meant.iter().copied().filter(|id| id % 2 == 0).collect();
        for (list, expected) in [("/users", &meant), ("/services/4/roles/4/people", &viewers)] {
            let mut seen = Vec::new();
            let mut next = Some(format!("{list}?limit=600&q={prefix}"));
            while let Some(path) = next {
                let page = adm1.get(&path).await.ok();
                seen.extend(page.column("id"));
                next = page.next();
            }
            assert_eq!(seen, *expected, "{list} with {prefix}");
        }
    }
}

#[tokio::test]
async fn the_next_page_is_of_the_same_search() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let page = adm1.get("/services?q=service%20&limit=2").await;
    assert_eq!(page.column("id"), [1, 2]);
    let next = adm1.get(&page.next().expect("a third")).await;
    assert_eq!((next.column("id"), next.next()), (vec![json!(3)], None));
    let encoded = adm1.get("/services/UI%20Store/roles?limit=3").await;
    assert_eq!(encoded.next().as_deref(), Some("/services/UI%20Store/roles?after=3&limit=3"));
}

#[tokio::test]
async fn a_forged_cursor_is_refused_or_harmless() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    for list in LISTS {
        for bad in [
            "limit=0",
            "limit=-1",
            "limit=1001",
            "limit=99999999999999999999",
            "limit=",
            "limit=ten",
            "limit=1.5",
            "limit=0x10",
            "limit=1%00",
            "after=",
            "after=abc",
            "after=1.5",
            "after=2147483648",
            "after=-2147483649",
            "after=1%27%20or%201=1",
            "after=1;select",
            "after=null",
            "after=%00",
            "limit=1&limit=2",
            "after=1&after=2",
            "q=a&q=b",
            "q=%00",
            "q=a%0Ab",
            "q=%7F",
        ] {
            assert_eq!(adm1.get(&format!("{list}?{bad}")).await.refusal(), (400, "invalid_query"), "{list}?{bad}");
        }
        let long = "x".repeat(101);
        assert_eq!(adm1.get(&format!("{list}?q={long}")).await.refusal(), (400, "invalid_query"), "{list}");
        for odd in ["after=2147483647", "offset=5&page=2&token=x", "q=%F0%9F%A6%9C", "q=%FF"] {
            assert_eq!(adm1.get(&format!("{list}?{odd}")).await.status, 200, "{list}?{odd}");
        }
        assert_eq!(adm1.get(&format!("{list}?after=2147483647")).await.body, json!([]));
        let all = adm1.get(list).await;
        assert_eq!(adm1.get(&format!("{list}?after=-2147483648")).await.body, all.body, "{list}");
    }
}

#[tokio::test]
async fn paging_goes_on_while_rows_come_and_go() {
    let server = Server::on_the_demo_data().await;
    let adm1 = server.demo("adm1").await;
    let first = adm1.get("/users?limit=5").await;
    adm1.delete("/users/5").await.ok();
    adm1.delete("/users/6").await.ok();
    let second = adm1.get(&first.next().expect("more")).await;
    assert_eq!(second.column("id"), [7, 8, 9, 10, 11], "the row that the cursor names may be gone");
}
