use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::routes;

use super::entities::{ANONYMOUS, ActionEntity, Context, Entity, Properties, Sought, passed, reaching, to_expressions};
use super::routes::question;
use crate::access::Access;
use crate::access::policies::language::{Dialect, MOST_REACHED, Parameter, Reached, Subject};
use crate::access::policies::{
    Asker, Filter, HoldingMore, OfService, Who, Whose, depends_on_roles, filter, holding_more, must_be_theirs_to_bind,
    pairs, reach, request,
};
use crate::base::error::{Error, Result};
use crate::base::object;
use crate::platform::http::{DeclaredJson, Json, Routes};

/// How many columns may be called otherwise.
const MOST_COLUMNS: usize = 200;

/// `/access/v1/filter`.
pub fn routes() -> Routes<Access> {
    Routes::new().routes(question(routes!(filter_rows)))
}

/// Which rows?
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "subject": {"type": "user", "id": "juan"}, "action": {"name": "read"}, "resource": {"type": "invoice"},
    "dialect": "postgres", "columns": {"user_id": "i.user_id"},
}))]
struct Rows {
    /// Who.
    #[serde(deserialize_with = "object::required")]
    subject: Entity,
    /// Does what.
    #[serde(deserialize_with = "object::required")]
    action: ActionEntity,
    /// To which.
    #[serde(deserialize_with = "object::required")]
    resource: Sought,
    /// From where, when, how: at most 16 KiB.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    context: Option<Context>,
    /// Whose SQL.
    #[serde(default)]
    dialect: DialectName,
    /// What columns are called in your query, where it is not by their names: `{"user_id": "i.user_id"}`.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    columns: Option<BTreeMap<String, String>>,
}

/// Whose SQL.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DialectName {
    #[default]
    Postgres,
    Mysql,
    Sqlite,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Postgres => Self::Postgres,
            DialectName::Mysql => Self::Mysql,
            DialectName::Sqlite => Self::Sqlite,
        }
    }
}

/// The rows to which it may be done.
#[derive(Debug, Serialize, ToSchema)]
struct FilteredRows {
    /// `always` for all of them, `never` for none, `conditional` for those of which the condition is true.
    #[schema(example = "conditional")]
    kind: &'static str,
    /// For `where`. Only of `conditional`, as the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = r#"("i"."user_id" = $1::bigint)"#)]
    sql: Option<String>,
    /// What to bind to its placeholders, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parameters: Option<Vec<Bound>>,
    /// The same condition as a tree, for whoever builds queries otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Tree>, nullable = false)]
    ast: Option<Value>,
}

/// How a condition as a tree looks in the OpenAPI document: its members depend on what it is.
#[derive(Debug)]
struct Tree;

impl PartialSchema for Tree {
    fn schema() -> RefOr<Schema> {
        let members = AdditionalProperties::FreeForm(true);
        let example =
            json!({"op": "=", "args": [{"column": "user_id", "type": "bigint"}, {"value": 7, "type": "bigint"}]});
        ObjectBuilder::new().additional_properties(Some(members)).examples([example]).into()
    }
}

impl ToSchema for Tree {}

/// What to bind.
#[derive(Debug, Serialize, ToSchema)]
struct Bound {
    /// Its type in Postgres.
    #[serde(rename = "type")]
    #[schema(example = "bigint")]
    kind: String,
    /// The value. Numbers that JSON can't hold exactly, uuids and times are texts.
    #[schema(schema_with = any_value)]
    value: Value,
}

fn any_value() -> ObjectBuilder {
    let kinds = [Type::String, Type::Integer, Type::Number, Type::Boolean, Type::Array, Type::Null];
    let description = "The value. Numbers that JSON can't hold exactly, uuids and times are texts.";
    ObjectBuilder::new().schema_type(SchemaType::from_iter(kinds)).description(Some(description)).examples([json!(7)])
}

impl From<Parameter> for Bound {
    fn from(parameter: Parameter) -> Self {
        Self { kind: parameter.kind.to_string(), value: parameter.value }
    }
}

impl FilteredRows {
    fn all_or_none(kind: &'static str) -> Self {
        Self { kind, sql: None, parameters: None, ast: None }
    }
}

impl From<Filter> for FilteredRows {
    fn from(filter: Filter) -> Self {
        match filter {
            Filter::Always => Self::all_or_none("always"),
            Filter::Never => Self::all_or_none("never"),
            Filter::Conditional { sql, parameters, ast } => Self {
                kind: "conditional",
                sql: Some(sql),
                parameters: Some(parameters.into_iter().map(Bound::from).collect()),
                ast: Some(ast),
            },
        }
    }
}

/// Ask for a filter
///
/// To which rows of a table may this subject do this? What does not depend on the row is computed; the rest is a condition with bound
/// parameters, never with a value in its text. A row that it keeps is one to which `POST /access/v1/evaluation` says yes.
#[utoipa::path(post, path = "/access/v1/filter", tag = "decisions", params(OfService), request_body = Rows,
    responses(
        (status = 200, body = FilteredRows),
        (status = 400, description = "`invalid_query`, `invalid_service_id`"),
        (status = 403, description = "`insufficient_permissions`, `forbidden_service_lookup`"),
        (status = 404, description = "`service_not_found`"),
        (status = 422, description = "`not_sayable`"),
    ),
    security(("token" = []), ("bearer" = []), ("service_key" = []), ("service_key_bearer" = [])))]
async fn filter_rows(
    State(access): State<Access>,
    by: Asker,
    body: Result<DeclaredJson<Rows>>,
) -> Result<Json<FilteredRows>> {
    let read = body.and_then(|DeclaredJson(asked)| must_be_columns(asked.columns.as_ref()).map(|()| asked));
    let (asking, asked) = by.begin_with(&access, read).await?;
    let Rows { subject, action, resource, context, dialect, columns } = asked;
    let there = asking.about(&access, subject.named()).await?;
    if asking.is_somebody_who_sees_less(&access).await? {
        let of_type = there.set.of_type(&resource.kind);
        let expressions = of_type.of_action(&action.name).expressions();
        must_be_theirs_to_bind(&mut *access.db.read().await?, there.service, expressions).await?;
    }
    let who = there.who.as_deref();
    if who.is_none() && subject.kind != ANONYMOUS {
        return Ok(Json(Filter::Never.into()));
    }
    let seen = to_expressions(who, subject.properties.as_ref());
    let now = access.clock.now();
    let request = request(now, passed(context.as_ref(), action.properties.as_ref()));
    let pairs = pairs(&there.set, (&resource.kind, &action.name), &[], (&seen, &request));
    let reached = reach(&access.db, &there, pairs, now).await?;
    must_not_be_too_many(&reached)?;
    let depends = depends_on_roles(&there.set, (&resource.kind, &action.name));
    let more =
        if depends { holding_more(&access.db, &there, &resource.kind, now).await? } else { HoldingMore::default() };
    if more.is_cut {
        let detail = format!(
            "the subject holds roles on more than {MOST_REACHED} resources of this type: ask `/access/v1/search/resource`"
        );
        return Err(Error::unprocessable("not_sayable", detail));
    }
    let more: Vec<(Vec<String>, (Who, Subject))> = more
        .on
        .into_iter()
        .map(|(ids, who)| {
            let seen = reaching(to_expressions(Some(&who), subject.properties.as_ref()), reached.clone());
            let seen = seen.into_owned();
            (ids, (who, seen))
        })
        .collect();
    let seen = reaching(seen, reached);
    let names = columns.unwrap_or_default();
    let filtered = filter(
        &there.set,
        Whose { who, subject: &seen, holding_more: &more },
        (&resource.kind, &action.name),
        &request,
        (dialect.into(), &names),
    );
    filtered
        .map(|filter| Json(filter.into()))
        .map_err(|fault| Error::unprocessable("not_sayable", format!("this dialect can't say it exactly: {fault}")))
}

/// Refuses (422) lists that no condition takes.
fn must_not_be_too_many(reached: &[Reached]) -> Result<()> {
    let Some(Reached { kind, permission, .. }) = reached.iter().find(|reached| reached.ids.len() > MOST_REACHED) else {
        return Ok(());
    };
    let detail = format!(
        "auth_user.resources('{kind}', '{permission}') has more than {MOST_REACHED} ids for this subject: let a role decide instead, \
         or ask `/access/v1/search/resource`"
    );
    Err(Error::unprocessable("not_sayable", detail))
}

/// Refuses (400) what is no name of a column: it is written into the condition.
fn must_be_columns(columns: Option<&BTreeMap<String, String>>) -> Result<()> {
    let columns = columns.into_iter().flatten();
    for (at, (column, name)) in columns.enumerate() {
        if at >= MOST_COLUMNS {
            return Err(Error::invalid_field("columns", "has too many: at most 200"));
        }
        let is_plain = |part: &str| {
            let mut chars = part.chars();
            let begins = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
            begins && part.len() <= 128 && chars.all(|c| c.is_alphanumeric() || c == '_')
        };
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() > 4 || !parts.into_iter().all(is_plain) {
            let fault = "is no name of a column, such as `user_id` or `i.user_id`";
            return Err(Error::invalid_field(&format!("columns.{column}"), fault));
        }
    }
    Ok(())
}
