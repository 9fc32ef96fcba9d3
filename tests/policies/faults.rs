//! What is no policy, where that shows, and what was meant.

use portero::access::policies::language::{ColumnType, Declared, Expression, Type};

#[track_caller]
fn fault(text: &str, line: usize, column: usize, said: &str) {
    let declared = Declared::columns([
        ("user_id".to_owned(), ColumnType::one(Type::Bigint)),
        ("status".to_owned(), ColumnType::one(Type::Text)),
        ("closed_at".to_owned(), ColumnType::one(Type::Timestamptz)),
        ("tags".to_owned(), ColumnType::list(Type::Text)),
    ]);
    faulty(text, &declared, line, column, said);
}

#[track_caller]
fn faulty(text: &str, declared: &Declared, line: usize, column: usize, said: &str) {
    let fault = Expression::compile(text, declared).unwrap_err();
    assert!(fault.message.contains(said), "{text}: {fault}");
    assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault}");
}

#[test]
fn names_that_are_not_there_tell_what_was_meant() {
    fault("usr_id = 1", 1, 1, "did you mean user_id?");
    fault("status = 'ä'\n  and Stats = 'x'", 2, 7, "did you mean status?");
    fault("\"Status\" = 'x'", 1, 1, "did you mean status?");
    fault("lowr(status) = 'x'", 1, 1, "did you mean lower?");
    fault("auth_user.role = 'x'", 1, 1, "did you mean roles?");
    fault("auth_usr.id = 1", 1, 1, "did you mean auth_user?");
    fault("invoice.user_id = 1", 1, 1, "without invoice.");
    fault("status = 'x' or length(status) > 1", 1, 17, "there is no function length");
    fault("status::bigit = 1", 1, 1, "did you mean bigint?");
    fault("auth_user = 1", 1, 1, "auth_user.id");
    let known = Declared::nothing().with_attributes(["department".to_owned()]);
    faulty("auth_user.departmnt = 'x'", &known, 1, 1, "did you mean department?");
    faulty("auth_user.email = 'x'", &known, 1, 1, "written auth_user.attributes.email");
    for text in [
        "auth_user.department = 'x'",
        "auth_user.Department = 'x'",
        "auth_user.region = 'x'",
        "auth_user.attributes.departmnt = 'x'",
    ] {
        Expression::compile(text, &known).expect(text);
    }
}

#[test]
fn types_that_do_not_fit_are_faults() {
    fault("user_id = 'x'", 1, 11, "not of type bigint");
    fault("user_id = status", 1, 11, "bigint is expected");
    fault("status = 1", 1, 10, "text is expected");
    fault("closed_at > 'tomorrow'", 1, 13, "2026-01-31 12:00:00+00");
    fault("closed_at > 'infinity'", 1, 13, "not of type timestamptz");
    fault("user_id = 'NaN'::numeric", 1, 11, "not of type numeric");
    fault("user_id > 99999999999999999999999 and user_id = '99999999999999999999'", 1, 49, "out of range");
    fault("status", 1, 1, "boolean is expected");
    fault("status and true", 1, 1, "boolean is expected");
    fault("closed_at + 1 > now()", 1, 1, "there is no timestamptz + integer");
    fault("user_id + '1 day' > 1", 1, 11, "not of type bigint");
    fault("now() > interval '1 fortnight'", 1, 18, "not of type interval");
    fault("user_id::timestamptz > now()", 1, 1, "no cast from bigint to timestamptz");
    fault("status like 'x\\'", 1, 13, "escape character");
    fault("tags = 'x'", 1, 1, "value = any(");
    fault("'x' = any(status)", 1, 11, "one value");
    fault("'x' = auth_user.roles", 1, 7, "any(auth_user.roles)");
    faulty("a - b > 1", &Declared::nothing(), 1, 1, "declare the column");
    faulty("a = 1 and a = 'x'", &Declared::nothing(), 1, 15, "not of type numeric");
    faulty("a > now() and lower(a) = 'x'", &Declared::nothing(), 1, 21, "text is expected");
}

#[test]
fn the_rest_of_sql_has_no_place() {
    for (text, said) in [
        ("exists (select 1)", "subqueries"),
        ("user_id in (select 1)", "list of values"),
        ("user_id = (select 1)", "subqueries"),
        ("case when true then true end", "case"),
        ("status ~ 'x'", "operator ~"),
        ("user_id % 2 = 0", "operator %"),
        ("user_id = 1; drop table x", "semicolon"),
        ("user_id = 1 -- x", "comments"),
        ("user_id /* x */ = 1", "comments"),
        ("user_id = $1", "no parameters"),
        ("user_id = 1 2", "the expression ends before 2"),
        ("user_id = 1 = true", "parentheses"),
        ("status = E'x'", "'text'"),
        ("status = $$x$$", "'text'"),
        ("status = 'x' collate \"C\"", "no place"),
        ("(user_id, status) = (1, 'x')", "rows of values"),
        ("count(*) > 1", "a function takes values"),
        ("current_user = 'x'", "in parentheses"),
        ("status = \"x", "close delimiter"),
        ("user_id =", "expression"),
        ("user_id == 1", "write ="),
        ("user = 'x'", "in double quotes"),
        ("\"\" = 'x'", "at least one character"),
        ("closed_at at time zone 'UTC' > now()", "no place"),
        ("array[1] = array[1]", "= any(…) only"),
        ("user_id = 1_000", "no number"),
        ("status similar to 'x'", "no place"),
        ("user_id is json", "no place"),
    ] {
        let fault = Expression::compile(text, &Declared::nothing()).unwrap_err();
        assert!(fault.message.contains(said), "{text}: {fault}");
    }
}
