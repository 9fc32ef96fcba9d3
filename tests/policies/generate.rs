//! Random policies, people and rows: nulls, empty lists, letters beyond ASCII, time zones, numbers at their limits.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use serde_json::{Map, Value, json};

/// A question: may this person, of this row?
#[derive(Clone, Debug)]
pub struct Case {
    pub text: String,
    pub is_declared: bool,
    pub row: Map<String, Value>,
    pub attributes: Map<String, Value>,
    pub passed: Map<String, Value>,
    pub id: Option<i64>,
    pub username: Option<String>,
    pub is_admin: bool,
    pub roles: Vec<String>,
    pub groups: Vec<String>,
    pub resources: Vec<String>,
    /// In seconds since 1970.
    pub now: i64,
}

/// The columns of the resource type.
pub const COLUMNS: [(&str, &str); 13] = [
    ("n", "bigint"),
    ("m", "bigint"),
    ("i", "integer"),
    ("amount", "numeric"),
    ("status", "text"),
    ("title", "text"),
    ("open", "boolean"),
    ("uid", "uuid"),
    ("closed_at", "timestamptz"),
    ("made_at", "timestamptz"),
    ("day", "date"),
    ("tags", "text[]"),
    ("ids", "bigint[]"),
];

type Text = BoxedStrategy<String>;

fn one_of(words: &'static [&'static str]) -> Text {
    select(words).prop_map(str::to_owned).boxed()
}

/// With what stands at `{}` filled in, in order.
fn form(pattern: &'static str, parts: Vec<Text>) -> Text {
    let filled = move |parts: Vec<String>| {
        let mut parts = parts.into_iter();
        let mut text = String::new();
        for (nth, piece) in pattern.split("{}").enumerate() {
            if nth > 0 {
                text += &parts.next().unwrap_or_default();
            }
            text += piece;
        }
        text
    };
    parts.prop_map(filled).boxed()
}

fn any_of(all: Vec<Text>) -> Text {
    Union::new(all).boxed()
}

/// Each is made once: what they are made of is made of others.
fn once(name: &'static str, depth: u32, make: fn(u32) -> Text) -> Text {
    thread_local!(static MADE: RefCell<HashMap<(&'static str, u32), Text>> = RefCell::default());
    let known = MADE.with_borrow(|made| made.get(&(name, depth)).cloned());
    known.unwrap_or_else(|| {
        let new = make(depth);
        MADE.with_borrow_mut(|made| made.insert((name, depth), new.clone()));
        new
    })
}

fn comparison() -> Text {
    one_of(&["=", "<>", "<", "<=", ">", ">=", "!="])
}

fn integer(depth: u32) -> Text {
    once("integer", depth, make_integer)
}

fn make_integer(depth: u32) -> Text {
    let leaf = any_of(vec![
        one_of(&["n", "m", "i", "auth_user.id", "n", "i"]),
        one_of(&["0", "1", "-1", "2", "3", "7", "100", "2147483647", "-2147483648", "9223372036854775807"]),
        one_of(&["-9223372036854775808", "null::bigint", "'5'::bigint", "auth_user.level", "context.count"]),
    ]);
    if depth == 0 {
        return leaf;
    }
    let deeper = || integer(depth - 1);
    any_of(vec![
        leaf,
        form("({} + {})", vec![deeper(), deeper()]),
        form("{} - {}", vec![deeper(), integer(0)]),
        form("{} * {}", vec![integer(0), integer(0)]),
        form("({} / {})", vec![deeper(), integer(0)]),
        form("(-{})", vec![deeper()]),
        form("({})::integer", vec![deeper()]),
        form("({})::bigint", vec![number(depth - 1)]),
        form("({})::bigint", vec![text(depth - 1)]),
        form("coalesce({}, {})", vec![deeper(), deeper()]),
        form("(day - {})", vec![date(0)]),
    ])
}

fn number(depth: u32) -> Text {
    once("number", depth, make_number)
}

fn make_number(depth: u32) -> Text {
    let leaf = any_of(vec![
        one_of(&["amount", "amount", "0.5", "1.50", "-0.1", "1e3", "12345678901234567890.123", "null::numeric", "3.0"]),
        integer(0),
    ]);
    if depth == 0 {
        return leaf;
    }
    let deeper = || number(depth - 1);
    any_of(vec![
        leaf,
        integer(depth - 1),
        form("({} + {})", vec![deeper(), deeper()]),
        form("({} - {})", vec![deeper(), deeper()]),
        form("{} * {}", vec![number(0), number(0)]),
        form("({} / {})", vec![deeper(), number(0)]),
        form("({})::numeric", vec![any_of(vec![integer(depth - 1), text(0)])]),
        form("coalesce({}, {})", vec![deeper(), deeper()]),
    ])
}

fn text(depth: u32) -> Text {
    once("text", depth, make_text)
}

fn make_text(depth: u32) -> Text {
    let leaf = any_of(vec![
        one_of(&["status", "title", "status", "title", "auth_user.username", "auth_user.department", "context.word"]),
        one_of(&["'draft'", "''", "'Ä'", "'a'", "'A%'", "'5'", "' 7 '", "'it''s'", "'😀'", "null::text", "'true'"]),
    ]);
    if depth == 0 {
        return leaf;
    }
    let deeper = || text(depth - 1);
    any_of(vec![
        leaf,
        form("({} || {})", vec![deeper(), deeper()]),
        form("({} || {})", vec![deeper(), integer(0)]),
        form("lower({})", vec![deeper()]),
        form("upper({})", vec![deeper()]),
        form("coalesce({}, {})", vec![deeper(), deeper()]),
        form("({})::text", vec![any_of(vec![number(0), one_of(&["uid", "open", "day", "closed_at"])])]),
    ])
}

fn interval() -> Text {
    one_of(&[
        "interval '1 day'",
        "interval '1 month'",
        "interval '-1 year 2 days'",
        "interval '36 hours'",
        "interval '1' month",
        "interval '1000 years'",
        "interval '02:30:00.5'",
        "(closed_at - made_at)",
        "(now() - closed_at)",
        "null::interval",
    ])
}

fn timestamp(depth: u32) -> Text {
    once("timestamp", depth, make_timestamp)
}

fn make_timestamp(depth: u32) -> Text {
    let leaf = one_of(&[
        "closed_at",
        "made_at",
        "now()",
        "timestamptz '2026-01-31 12:00:00+02'",
        "'2024-02-29T23:30:00Z'::timestamptz",
        "auth_user.since",
        "null::timestamptz",
        "context.time",
    ]);
    if depth == 0 {
        return leaf;
    }
    any_of(vec![
        leaf,
        form("({} + {})", vec![timestamp(depth - 1), interval()]),
        form("({} - {})", vec![timestamp(depth - 1), interval()]),
        form("({} + {})", vec![interval(), timestamp(0)]),
        form("({})::timestamptz", vec![date(depth - 1)]),
        form("coalesce({}, {})", vec![timestamp(depth - 1), date(0)]),
        form("(day + {})", vec![interval()]),
    ])
}

fn date(depth: u32) -> Text {
    once("date", depth, make_date)
}

fn make_date(depth: u32) -> Text {
    let leaf = one_of(&["day", "day", "date '2026-01-31'", "'2024-02-29'::date", "null::date"]);
    if depth == 0 {
        return leaf;
    }
    any_of(vec![
        leaf,
        form("({} + 1)", vec![date(depth - 1)]),
        form("(day - i)", vec![]),
        form("({})::date", vec![timestamp(depth - 1)]),
    ])
}

fn compared(depth: u32) -> Text {
    once("compared", depth, make_compared)
}

fn make_compared(depth: u32) -> Text {
    let sides = |side: fn(u32) -> Text| {
        any_of(vec![
            form("{} {} {}", vec![side(depth), comparison(), side(depth)]),
            form("{} between {} and {}", vec![side(depth), side(0), side(0)]),
            form("{} not between {} and {}", vec![side(0), side(0), side(depth)]),
            form("{} in ({}, {}, {})", vec![side(depth), side(0), side(0), side(0)]),
            form("{} not in ({}, {})", vec![side(depth), side(0), side(0)]),
            form("{} is distinct from {}", vec![side(depth), side(0)]),
            form("{} is not distinct from {}", vec![side(0), side(depth)]),
            form("{} is null", vec![side(depth)]),
            form("{} is not null", vec![side(depth)]),
            form("{} {} any(array[{}, {}])", vec![side(depth), comparison(), side(0), side(0)]),
            form("{} {} all(array[{}, {}])", vec![side(depth), comparison(), side(0), side(0)]),
        ])
    };
    any_of(vec![
        sides(integer),
        sides(number),
        sides(text),
        sides(timestamp),
        sides(date),
        form("{} {} {}", vec![date(depth), comparison(), timestamp(depth)]),
        form("{} {} {}", vec![interval(), comparison(), interval()]),
    ])
}

fn matched(depth: u32) -> Text {
    once("matched", depth, make_matched)
}

fn make_matched(depth: u32) -> Text {
    let pattern = any_of(vec![
        one_of(&["'%'", "'a%'", "'%_'", "'%a_b%'", "'A\\_%'", "'%Ä%'", "''", "'%\\%%'", "'_%_'", "'d%t'", "'%a%a%a%'"]),
        text(0),
    ]);
    let how = one_of(&["like", "ilike", "not like", "not ilike"]);
    any_of(vec![
        form("{} {} {}", vec![text(depth), how.clone(), pattern.clone()]),
        form("{} {} {} escape '!'", vec![text(0), how.clone(), one_of(&["'a!%%'", "'!_%'", "'%!!%'", "'\\%'"])]),
        form("{} {} {} escape ''", vec![text(0), how, one_of(&["'a\\%'", "'%\\%'", "'\\\\%'"])]),
    ])
}

fn listed() -> Text {
    any_of(vec![
        form("{} {} any(auth_user.roles)", vec![text(0), comparison()]),
        form("{} <> all(auth_user.groups)", vec![text(0)]),
        form("{} = any(tags)", vec![text(0)]),
        form("{} {} all(tags)", vec![text(0), comparison()]),
        form("{} {} any(ids)", vec![integer(1), comparison()]),
        form("{} = any(auth_user.teams)", vec![one_of(&["n", "m", "auth_user.id"])]),
        form("{} = any(auth_user.resources('project', 'read'))", vec![one_of(&["n", "status", "i", "uid", "free"])]),
        form("{} = any(auth_user.resources('project', 'read'))", vec![integer(1)]),
    ])
}

fn leaf(depth: u32) -> Text {
    once("leaf", depth, make_leaf)
}

fn make_leaf(depth: u32) -> Text {
    any_of(vec![
        compared(depth),
        compared(depth),
        compared(depth),
        matched(depth),
        listed(),
        one_of(&["open", "auth_user.is_admin", "auth_user.is_authenticated", "true", "false", "null::boolean"]),
        one_of(&[
            "auth_user.cleared",
            "open = true",
            "open < false",
            "open::integer = 1",
            "status::boolean",
            "(i::boolean)",
        ]),
        form(
            "uid {} {}",
            vec![comparison(), one_of(&["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "status::uuid", "uid"])],
        ),
        one_of(&[
            "free = auth_user.any",
            "free = context.any",
            "free is null",
            "free <> free",
            "free in ('x', auth_user.any)",
        ]),
    ])
}

pub fn condition(depth: u32) -> Text {
    once("condition", depth, make_condition)
}

fn make_condition(depth: u32) -> Text {
    if depth == 0 {
        return leaf(1);
    }
    let deeper = || condition(depth - 1);
    any_of(vec![
        leaf(2),
        leaf(1),
        form("{} and {}", vec![deeper(), deeper()]),
        form("{} or {}", vec![deeper(), deeper()]),
        form("not {}", vec![deeper()]),
        form("not ({} or {})", vec![deeper(), deeper()]),
        form("({} and {})", vec![deeper(), deeper()]),
        form("({}) is not true", vec![deeper()]),
        form("({}) is unknown", vec![deeper()]),
        form("({}) is false", vec![deeper()]),
        form("(({}) = ({}))", vec![deeper(), leaf(0)]),
        form("coalesce({}, {})", vec![deeper(), leaf(0)]),
    ])
}

/// Null now and then.
fn or_null(values: Vec<Value>) -> BoxedStrategy<Value> {
    prop_oneof![6 => select(values), 1 => Just(Value::Null)].boxed()
}

fn words() -> Vec<Value> {
    [
        "draft",
        "",
        "a",
        "A",
        "ä",
        "Ä",
        "É",
        "e\u{301}",
        "ß",
        "İ",
        "a%b",
        "a_b",
        "aab",
        "5",
        " 7 ",
        "-3",
        "1.5",
        "true",
        "off",
        "😀",
        "it's",
        "\\",
        "A_x",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}",
        "a\\%",
        "Zz",
        "\n",
        "no",
    ]
    .map(Value::from)
    .to_vec()
}

fn integers() -> Vec<Value> {
    let small = [-3, -1, 0, 1, 2, 3, 5, 7, 100, 2_147_483_647, -2_147_483_648, 2_147_483_648, 3_037_000_500];
    small.into_iter().chain([i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1]).map(Value::from).collect()
}

fn small_integers() -> Vec<Value> {
    [-3_i64, -1, 0, 1, 2, 3, 7, 100, 2_147_483_647, -2_147_483_648].map(Value::from).to_vec()
}

fn decimals() -> Vec<Value> {
    let texts = [
        "0",
        "0.1",
        "-0.1",
        "1.5",
        "2.5",
        "1e2",
        "123456789012345",
        "-1",
        "3",
        "0.000001",
        "1e20",
        "9223372036854775807.5",
    ];
    texts.iter().map(|text| serde_json::from_str(text).expect("a number")).collect()
}

fn times() -> Vec<Value> {
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31 12:00:00+02",
        "2024-02-29T23:59:59.999999-05:30",
        "2026-01-31",
        "1999-12-31T23:59:59.5Z",
        "2026-03-31T00:30:00+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2026-10-25T01:30:00Z",
        "1970-01-01T00:00:00Z",
    ]
    .map(Value::from)
    .to_vec()
}

fn dates() -> Vec<Value> {
    ["2026-01-31", "2024-02-29", "2000-01-01", "1999-12-31", "9999-12-31", "0001-01-01", "2026-02-28"]
        .map(Value::from)
        .to_vec()
}

fn list(values: Vec<Value>) -> BoxedStrategy<Value> {
    let some = proptest::collection::vec(or_null(values), 0..4).prop_map(Value::Array);
    prop_oneof![6 => some, 1 => Just(Value::Null)].boxed()
}

fn row() -> BoxedStrategy<Map<String, Value>> {
    let uuids = [
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "00000000-0000-0000-0000-000000000000",
        "F0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
    ];
    let booleans = vec![json!(true), json!(false)];
    let free = vec![json!("x"), json!("5"), json!(5), json!(1.5), json!(true), json!("")];
    let values = vec![
        or_null(integers()),
        or_null(integers()),
        or_null(small_integers()),
        or_null(decimals()),
        or_null(words()),
        or_null(words()),
        or_null(booleans),
        or_null(uuids.map(Value::from).to_vec()),
        or_null(times()),
        or_null(times()),
        or_null(dates()),
        list(words()),
        list(integers()),
        or_null(free),
    ];
    let names = || COLUMNS.iter().map(|(name, _)| *name).chain(["free"]);
    values.prop_map(move |values| names().map(str::to_owned).zip(values).collect()).boxed()
}

fn some_of(pairs: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Map<String, Value>> {
    let (names, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let values: Vec<_> = values.into_iter().map(|value| proptest::option::weighted(0.85, value)).collect();
    let object = move |values: Vec<Option<Value>>| {
        let present = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        present.collect()
    };
    values.prop_map(object).boxed()
}

fn texts() -> BoxedStrategy<Vec<String>> {
    let words = words().into_iter().filter_map(|word| word.as_str().map(str::to_owned)).collect::<Vec<_>>();
    proptest::collection::vec(select(words), 0..4).boxed()
}

pub fn case() -> BoxedStrategy<Case> {
    let mixed = vec![json!("x"), json!("5"), json!(5), json!(1.5), json!(false)];
    let attributes = some_of(vec![
        ("department", or_null(words())),
        ("level", or_null(small_integers())),
        ("since", or_null(times())),
        ("cleared", or_null(vec![json!(true), json!(false)])),
        ("teams", list(small_integers())),
        ("any", or_null(mixed.clone())),
    ]);
    let passed = some_of(vec![("count", or_null(integers())), ("word", or_null(words())), ("any", or_null(mixed))]);
    let names = select(vec![Some("eva".to_owned()), Some("Ä".to_owned()), Some(String::new()), None]);
    let ids =
        proptest::collection::vec(select(vec!["1", "7", "x", "-3", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "5"]), 0..4);
    let ids = ids.prop_map(|ids| ids.into_iter().map(str::to_owned).collect::<Vec<_>>());
    let person = (
        proptest::option::weighted(0.8, select(vec![1_i64, 7, i64::MAX])),
        names,
        any::<bool>(),
        texts(),
        texts(),
        ids,
    );
    let moments = select(vec![0_i64, 1_769_860_800, 951_782_400, 1_774_915_200]);
    let made = |(text, is_declared, row, attributes, passed, person, now): (_, _, _, _, _, (_, _, _, _, _, _), _)| {
        let (id, username, is_admin, roles, groups, resources) = person;
        Case { text, is_declared, row, attributes, passed, id, username, is_admin, roles, groups, resources, now }
    };
    (condition(2), any::<bool>(), row(), attributes, passed, person, moments).prop_map(made).boxed()
}
