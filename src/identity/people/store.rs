//! The table `auth.person`, as far as it holds people: a client that acts for itself is nobody here.

mod attributes;
mod chosen_by_others;
mod claims;
mod credentials;
mod details;
mod email;
mod many;
mod password;
mod search;
mod tag;
mod taken;

use sqlx::PgConnection;
use sqlx::types::Json;

use super::{DocumentNumber, DocumentType, PersonChange, PersonType, StandardClaims, WantedAttributes};
use crate::base::attributes::Attributes;
use crate::base::email::Email;
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{Id, PersonId};
use crate::base::locale::Locale;
use crate::base::person::{Person, PersonName, Username};
use crate::platform::http::{Page, Total};
use crate::platform::passwords::PasswordHash;

pub use attributes::{attribute_names, attributes, set_attributes};
pub use chosen_by_others::{
    ChosenByOthers, ChosenForOthers, chosen_by_others, giver, note_giver, note_password_by_mail,
};
pub use claims::{claims, set_claims};
pub use credentials::{Credentials, LoginRecord, credentials, must_be_free};
pub use details::{Details, details, list_details};
pub use email::{email, email_taken, note_proof, set_own_email, unproved_email, write_domains_in_one_way};
pub use many::{groups_of_each, must_all_be_here, records, remove_all};
pub use password::{is_password_off, password_hash, replace_password, turn_password_off};
pub use search::{few_who_have, few_with};
pub use tag::tagged;
pub use taken::AlreadyTaken;

/// One page of people, of those who have these attributes.
pub async fn list(conn: &mut PgConnection, page: &Page, wanted: &WantedAttributes) -> Result<Vec<Person>> {
    if let Some(few) = few_with(conn, page.prefix()).await? {
        return among(conn, &few, page, wanted).await;
    }
    if let Some(few) = few_who_have(conn, wanted).await? {
        return among(conn, &few, page, wanted).await;
    }
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Person,
            r#"
            select id as "id: PersonId", username, name
            from auth.person
            where removed_at is null
              and client_id is null
              and id > $1
              and ($2::text is null or auth.fold(username) ^@ $2 or auth.fold(name) ^@ $2)
              and ($4::text is null or attributes @@ $4::text::jsonpath)
            order by id
            limit $3
            "#,
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
            wanted.path(),
        )
    })
    .await
}

/// Likewise, of these people alone.
async fn among(conn: &mut PgConnection, people: &[i32], page: &Page, wanted: &WantedAttributes) -> Result<Vec<Person>> {
    Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Person,
            r#"
            select id as "id: PersonId", username, name
            from auth.person
            where id = any ($1) and removed_at is null and client_id is null and id > $2
              and ($4::text is null or auth.fold(username) ^@ $4 or auth.fold(name) ^@ $4)
              and ($5::text is null or attributes @@ $5::text::jsonpath)
            order by id
            limit $3
            "#,
            people,
            page.after(i32::MIN),
            page.fetch(),
            page.prefix(),
            wanted.path(),
        )
    })
    .await
}

/// 404 where there is none.
pub async fn get(conn: &mut PgConnection, id: PersonId) -> Result<Person> {
    sqlx::query_as!(
        Person,
        r#"
        select id as "id: PersonId", username, name
        from auth.person
        where id = $1 and removed_at is null and client_id is null
        "#,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(PersonId::not_found)
}

/// What the audit trail keeps of a person.
#[derive(Debug, serde::Serialize)]
pub struct Record {
    username: String,
    name: String,
    person_type: Option<PersonType>,
    document_type: Option<DocumentType>,
    document_number: Option<String>,
    email: Option<String>,
    locale: Option<String>,
    #[serde(skip_serializing_if = "says_nothing")]
    claims: Json<StandardClaims>,
    #[serde(skip_serializing_if = "has_none")]
    attributes: Json<Attributes>,
}

fn says_nothing(claims: &Json<StandardClaims>) -> bool {
    claims.is_empty()
}

fn has_none(attributes: &Json<Attributes>) -> bool {
    attributes.is_empty()
}

/// A person as they are now, for the audit trail.
pub async fn record(conn: &mut PgConnection, id: PersonId) -> Result<Record> {
    sqlx::query_as!(
        Record,
        r#"
        select username, name, person_type as "person_type: PersonType", document_type as "document_type: DocumentType",
               document_number, email, locale, claims as "claims: Json<StandardClaims>",
               attributes as "attributes: Json<Attributes>"
        from auth.person
        where id = $1 and removed_at is null and client_id is null
        "#,
        id.0,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(PersonId::not_found)
}

/// A row to write.
#[derive(Debug)]
pub struct NewRow<'a> {
    pub username: &'a Username,
    pub name: &'a PersonName,
    /// Their password's hash; `None` for who chooses one later.
    pub password_hash: Option<&'a PasswordHash>,
    /// Natural or juridical, where known.
    pub person_type: Option<PersonType>,
    /// Their identity document, where known.
    pub document: Option<(DocumentType, &'a DocumentNumber)>,
    /// Where they can be reached: as an administrator gives it, unproved.
    pub email: Option<&'a Email>,
    /// The language of their mails.
    pub locale: Option<Locale>,
    /// Their attributes, where they have some.
    pub attributes: Option<&'a Attributes>,
}

impl<'a> NewRow<'a> {
    /// Somebody of whom no more is known.
    pub fn of(username: &'a Username, name: &'a PersonName) -> Self {
        Self {
            username,
            name,
            password_hash: None,
            person_type: None,
            document: None,
            email: None,
            locale: None,
            attributes: None,
        }
    }
}

/// Registers a person. The unique indexes, not a prior read, decide whether username and document are free.
pub async fn insert(conn: &mut PgConnection, new: &NewRow<'_>) -> Result<Result<Person, AlreadyTaken>> {
    let inserted = sqlx::query_as!(
        Person,
        r#"
        insert into auth.person
            (username, name, password_hash, person_type, document_type, document_number, email, locale, attributes)
        values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9::jsonb, '{}'))
        returning id as "id: PersonId", username, name
        "#,
        new.username.as_str(),
        new.name.as_str(),
        new.password_hash.map(PasswordHash::as_str),
        new.person_type as Option<PersonType>,
        new.document.map(|(kind, _)| kind) as Option<DocumentType>,
        new.document.map(|(_, number)| number.as_str()),
        new.email.map(Email::as_str),
        new.locale.map(Locale::as_str),
        new.attributes.map(Json) as Option<Json<&Attributes>>,
    )
    .fetch_one(conn)
    .await;
    match inserted {
        Ok(person) => Ok(Ok(person)),
        Err(error) => match AlreadyTaken::of(&error) {
            Some(taken) => Ok(Err(taken)),
            None => Err(error).on_constraint(attributes::SIZE, attributes::too_large()),
        },
    }
}

/// Changes what `change` names, but the password.
pub async fn update(conn: &mut PgConnection, id: PersonId, change: &PersonChange) -> Result<()> {
    let updated = sqlx::query!(
        r#"
        update auth.person
        set username = coalesce($2, username),
            name = coalesce($3, name),
            person_type = case when $9 then person_type else $4 end,
            document_type = case when $10 then document_type else $5 end,
            document_number = case when $11 then document_number else $6 end,
            email_verified_at = case when auth.fold_address($7) is distinct from auth.fold_address(email) and $7 is not null
                then null else email_verified_at end,
            email = coalesce($7, email),
            locale = coalesce($8, locale),
            updated_at = now()
        where id = $1 and removed_at is null and client_id is null
        "#,
        id.0,
        change.username.as_ref().map(Username::as_str),
        change.name.as_ref().map(PersonName::as_str),
        change.person_type.value().copied() as Option<PersonType>,
        change.document_type.value().copied() as Option<DocumentType>,
        change.document_number.value().map(DocumentNumber::as_str),
        change.email.as_ref().map(Email::as_str),
        change.locale.map(Locale::as_str),
        change.person_type.keeps(),
        change.document_type.keeps(),
        change.document_number.keeps(),
    )
    .execute(conn)
    .await
    .map_err(|error| AlreadyTaken::of(&error).map_or_else(|| error.into(), Error::from))
    .on_constraint("person_document_whole", change.half_of_a_document())?;
    if updated.rows_affected() == 0 { Err(PersonId::not_found()) } else { Ok(()) }
}

/// Bars a person from logging in, or lets them in again. The trigger `person_follow` ends their sessions. Answers
/// whether they were not already.
pub async fn set_disabled(conn: &mut PgConnection, id: PersonId, disabled: bool) -> Result<bool> {
    let was_disabled = sqlx::query_scalar!(
        r#"
        update auth.person p
        set disabled_at = case when $2 then coalesce(p.disabled_at, now()) end, updated_at = now()
        from (
            select id, disabled_at
            from auth.person
            where id = $1 and removed_at is null and client_id is null
            for no key update
        ) was
        where p.id = was.id
        returning was.disabled_at is not null as "was_disabled!"
        "#,
        id.0,
        disabled,
    )
    .fetch_optional(conn)
    .await?
    .ok_or_else(PersonId::not_found)?;
    Ok(was_disabled != disabled)
}

/// Replaces a hash by a stronger one of the same password; `false` when the password was changed meanwhile.
pub async fn upgrade_hash(
    conn: &mut PgConnection,
    id: PersonId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<bool> {
    let upgraded = sqlx::query!(
        "update auth.person set password_hash = $3 where id = $1 and password_hash = $2",
        id.0,
        old.as_str(),
        new.as_str(),
    )
    .execute(conn)
    .await?;
    Ok(upgraded.rows_affected() == 1)
}
