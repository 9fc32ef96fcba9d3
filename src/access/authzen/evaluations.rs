//! Many questions are answered.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::entities::{ActionEntity, Context, Entity, Properties};
use super::evaluate::{Asked, Decision, evaluate, evaluate_one, needs};
use crate::access::Access;
use crate::access::policies::language::{MOST_REACHED, Reached, Row};
use crate::access::policies::{Asking, Named, Pairs, There, add_pairs, reach};
use crate::base::error::{Error, Result};
use crate::base::id::PersonId;
use crate::base::object;

/// How many questions one request may ask.
const MOST: usize = 1000;

/// After so many answers others have their turn.
const TURN: usize = 50;

/// Questions. What one leaves out is taken from beside the list.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({
    "subject": {"type": "user", "id": "juan"},
    "action": {"name": "read"},
    "evaluations": [{"resource": {"type": "invoice", "id": "12"}}, {"resource": {"type": "invoice", "id": "13"}}],
}))]
#[expect(clippy::struct_field_names, reason = "as the standard calls it")]
pub(super) struct Evaluations {
    /// Who, where a question does not say.
    #[serde(default, deserialize_with = "object::optional")]
    #[schema(value_type = Option<Entity>)]
    subject: Option<PartOfEntity>,
    /// Does what.
    #[serde(default, deserialize_with = "object::optional")]
    #[schema(value_type = Option<ActionEntity>)]
    action: Option<PartOfAction>,
    /// To what.
    #[serde(default, deserialize_with = "object::optional")]
    #[schema(value_type = Option<Entity>)]
    resource: Option<PartOfEntity>,
    /// From where, when, how: at most 16 KiB.
    #[serde(default)]
    #[schema(value_type = Option<Properties>)]
    context: Option<Context>,
    /// Up to 1000 questions.
    #[serde(default)]
    #[schema(value_type = Option<Vec<AccessQuestion>>, max_items = 1000)]
    evaluations: Option<Vec<Box<RawValue>>>,
    /// How they are answered.
    #[serde(default, deserialize_with = "object::optional")]
    options: Option<Options>,
}

/// A question of a list, as far as it says something of its own.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "documents what is read one by one, so that one that can't be read is answered by itself")]
struct AccessQuestion {
    subject: Option<Entity>,
    action: Option<ActionEntity>,
    resource: Option<Entity>,
    #[schema(value_type = Option<Properties>)]
    context: Option<Context>,
}

/// How questions are answered.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Options {
    /// When to stop.
    #[serde(default)]
    evaluations_semantic: Semantic,
}

/// When to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Semantic {
    /// After the last one.
    #[default]
    ExecuteAll,
    /// After the first no.
    DenyOnFirstDeny,
    /// After the first yes.
    PermitOnFirstPermit,
}

impl Semantic {
    fn ends_after(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

/// A subject or a resource, or so much of it as is said.
#[derive(Clone, Debug, Default, Deserialize)]
struct PartOfEntity {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    properties: Option<Row>,
}

/// Likewise an action.
#[derive(Clone, Debug, Default, Deserialize)]
struct PartOfAction {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    properties: Option<Row>,
}

/// A question of the list, as it came.
#[derive(Debug, Default, Deserialize)]
struct Item {
    #[serde(default, deserialize_with = "object::optional")]
    subject: Option<PartOfEntity>,
    #[serde(default, deserialize_with = "object::optional")]
    action: Option<PartOfAction>,
    #[serde(default, deserialize_with = "object::optional")]
    resource: Option<PartOfEntity>,
    #[serde(default)]
    context: Option<Context>,
}

/// A question that has all that it needs.
struct Whole {
    subject: Entity,
    action: ActionEntity,
    resource: Entity,
    context: Option<Context>,
}

/// The answers, in the order of the questions; or the one to what stands beside an empty list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Answers {
    Many(Evaluated),
    One(Decision),
}

/// Answers in the order of the questions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Evaluated {
    evaluations: Vec<Decision>,
}

/// Answers all of them, or as many as their semantic asks for.
///
/// # Errors
/// 400 for more than a thousand, and where what stands beside an empty list is no question; as of [`Asking::about`].
pub(super) async fn answer(access: &Access, asking: &Asking, asked: Evaluations) -> Result<Answers> {
    let Evaluations { subject, action, resource, context, evaluations, options } = asked;
    let defaults = Item { subject, action, resource, context };
    let items = evaluations.unwrap_or_default();
    let is_too_many = items.len() > MOST;
    let fault = is_too_many.then(|| Error::invalid_field("evaluations", "has too many questions: at most 1000"));
    if items.is_empty() || fault.is_some() {
        let whole = defaults.whole(&Item::default());
        let (subject, resource) = about(whole.as_ref().ok());
        let there = asking.about_it(access, subject, resource).await?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        let whole = whole.map_err(|(field, what)| Error::invalid_field(&field, &what))?;
        return Ok(Answers::One(evaluate_one(access, &there, whole.asked(), access.clock.now()).await?));
    }
    let semantic = options.unwrap_or_default().evaluations_semantic;
    let questions: Vec<Result<Whole, String>> = items.iter().map(|item| read(item, &defaults)).collect();
    let evaluations = answer_all(access, asking, &questions, semantic).await?;
    Ok(Answers::Many(Evaluated { evaluations }))
}

/// Whom a question is about, and what.
fn about(question: Option<&Whole>) -> (Named, Option<(&str, &str)>) {
    question.map_or((Named::Nobody, None), |whole| (whole.subject.named(), Some(whole.resource.place())))
}

async fn answer_all(
    access: &Access,
    asking: &Asking,
    questions: &[Result<Whole, String>],
    semantic: Semantic,
) -> Result<Vec<Decision>> {
    let there = match questions {
        // Alone it rides with others.
        [question] => {
            let (subject, resource) = about(question.as_ref().ok());
            vec![asking.about_it(access, subject, resource).await?]
        }
        _ => asking.about_all(access, questions.iter().map(|question| about(question.as_ref().ok()))).await?,
    };
    let now = access.clock.now();
    let reached = reached(access, questions, &there, now).await?;
    let mut answers = Vec::with_capacity(questions.len());
    for (question, there) in questions.iter().zip(&there) {
        let answer = match question {
            Ok(whole) => {
                let known = there.who.as_ref().and_then(|who| reached.get(&who.id)).map_or(&[][..], Vec::as_slice);
                // What one question needs all of may be more than another one takes.
                if known.iter().any(|reached| reached.ids.len() > MOST_REACHED) {
                    evaluate_one(access, there, whole.asked(), now).await?
                } else {
                    evaluate(there, whole.asked(), known.to_vec(), now)
                }
            }
            Err(fault) => Decision::no(format!("this question can't be read: {fault}")),
        };
        let decision = answer.decision;
        answers.push(answer);
        if semantic.ends_after(decision) {
            break;
        }
        if answers.len() % TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(answers)
}

/// What each subject reaches of resources, so far as the questions about them depend on it.
async fn reached(
    access: &Access,
    questions: &[Result<Whole, String>],
    there: &[There],
    now: OffsetDateTime,
) -> Result<HashMap<PersonId, Vec<Reached>>> {
    let mut needed: HashMap<PersonId, (&There, Pairs)> = HashMap::new();
    for (question, there) in questions.iter().zip(there) {
        let (Ok(whole), Some(who)) = (question, &there.who) else { continue };
        let (_, all) = needed.entry(who.id).or_insert_with(|| (there, Pairs::new()));
        add_pairs(all, needs(there, whole.asked(), now));
    }
    let mut reached = HashMap::new();
    for (person, (there, pairs)) in needed {
        if !pairs.is_empty() {
            reached.insert(person, reach(&access.db, there, pairs, now).await?);
        }
    }
    Ok(reached)
}

fn read(item: &RawValue, defaults: &Item) -> Result<Whole, String> {
    if !item.get().starts_with('{') {
        return Err("expected a JSON object".to_owned());
    }
    let mut reader = serde_json::Deserializer::from_str(item.get());
    let item: Item = serde_path_to_error::deserialize(&mut reader).map_err(|error| error.to_string())?;
    item.whole(defaults).map_err(|(field, what)| format!("`{field}`: {what}"))
}

impl Item {
    /// All of a question. An entity takes the place of the default, but for what it does not say of type, id and name.
    fn whole(&self, defaults: &Self) -> Result<Whole, (String, String)> {
        Ok(Whole {
            subject: entity("subject", self.subject.as_ref(), defaults.subject.as_ref())?,
            action: action(self.action.as_ref(), defaults.action.as_ref())?,
            resource: entity("resource", self.resource.as_ref(), defaults.resource.as_ref())?,
            context: self.context.clone().or_else(|| defaults.context.clone()),
        })
    }
}

fn entity(field: &str, own: Option<&PartOfEntity>, default: Option<&PartOfEntity>) -> Result<Entity, (String, String)> {
    let Some(said) = own.or(default) else { return Err((field.to_owned(), "is missing".to_owned())) };
    let missing = |member: &str| (format!("{field}.{member}"), "is missing".to_owned());
    let kind = said.kind.as_ref().or_else(|| default?.kind.as_ref()).ok_or_else(|| missing("type"))?;
    let id = said.id.as_ref().or_else(|| default?.id.as_ref()).ok_or_else(|| missing("id"))?;
    Ok(Entity { kind: kind.clone(), id: id.clone(), properties: said.properties.clone() })
}

fn action(own: Option<&PartOfAction>, default: Option<&PartOfAction>) -> Result<ActionEntity, (String, String)> {
    let Some(said) = own.or(default) else { return Err(("action".to_owned(), "is missing".to_owned())) };
    let name = said.name.as_ref().or_else(|| default?.name.as_ref());
    let name = name.ok_or_else(|| ("action.name".to_owned(), "is missing".to_owned()))?;
    Ok(ActionEntity { name: name.clone(), properties: said.properties.clone() })
}

impl Whole {
    fn asked(&self) -> Asked<'_> {
        let Self { subject, action, resource, context } = self;
        Asked { subject, action, resource, context: context.as_ref() }
    }
}
