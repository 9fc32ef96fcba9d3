//! All that is kept about people but their hashes: for those who may read it.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{has_none, says_nothing};
use crate::base::attributes::Attributes;
use crate::base::error::Result;
use crate::base::id::{Id, PersonId};
use crate::identity::people::{DocumentType, PersonType, StandardClaims, WantedAttributes};
use crate::platform::http::Page;

/// A person, with everything stored except the password hash.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = PersonDetails)]
pub struct Details {
    /// Their id.
    pub id: PersonId,
    /// Their username.
    #[schema(example = "juan")]
    pub username: String,
    /// Their name.
    #[schema(example = "Juan Demo")]
    pub name: String,
    /// Natural or juridical.
    #[schema(example = "N")]
    pub person_type: Option<PersonType>,
    /// The kind of identity document.
    #[schema(example = "DNI")]
    pub document_type: Option<DocumentType>,
    /// Its number.
    #[schema(example = "00000007")]
    pub document_number: Option<String>,
    /// Their e-mail address.
    #[schema(example = "juan@example.com")]
    pub email: Option<String>,
    /// Since when the address is verified.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub email_verified_at: Option<OffsetDateTime>,
    /// The language of their mails.
    #[schema(example = "es")]
    pub locale: Option<String>,
    /// What applications are told of them. Only if there is something.
    #[serde(skip_serializing_if = "says_nothing")]
    #[schema(value_type = StandardClaims, required = false)]
    pub claims: Json<StandardClaims>,
    /// What administrators say of them. Only if there is something.
    #[serde(skip_serializing_if = "has_none")]
    #[schema(value_type = Attributes, required = false)]
    pub attributes: Json<Attributes>,
    /// When they were registered.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub created_at: OffsetDateTime,
    /// When they last logged in.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub last_login_at: Option<OffsetDateTime>,
    /// Since when they are disabled.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub disabled_at: Option<OffsetDateTime>,
    /// Of a robot its owner. Only of a robot.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 7)]
    pub owner_id: Option<PersonId>,
    /// How many sessions they have.
    #[schema(example = 1)]
    pub sessions: i64,
}

impl Details {
    /// For the person themselves, to whom nobody says them.
    #[must_use]
    pub fn without_attributes(self) -> Self {
        Self { attributes: Json::default(), ..self }
    }
}

/// All that is kept about one person, without the hash.
pub async fn details(conn: &mut PgConnection, id: PersonId) -> Result<Details> {
    details_where(conn, Some(id), &Page::first(None), &WantedAttributes::default())
        .await?
        .pop()
        .ok_or_else(PersonId::not_found)
}

/// One page of people, of those who have these attributes, with all that is kept about them but the hash.
pub async fn list_details(conn: &mut PgConnection, page: &Page, wanted: &WantedAttributes) -> Result<Vec<Details>> {
    details_where(conn, None, page, wanted).await
}

async fn details_where(
    conn: &mut PgConnection,
    id: Option<PersonId>,
    page: &Page,
    wanted: &WantedAttributes,
) -> Result<Vec<Details>> {
    let rows = sqlx::query_as!(
        Details,
        r#"
        select p.id as "id: PersonId", p.username, p.name,
               p.person_type as "person_type: PersonType",
               p.document_type as "document_type: DocumentType",
               p.document_number, p.email, p.email_verified_at, p.locale,
               p.claims as "claims: Json<StandardClaims>", p.attributes as "attributes: Json<Attributes>",
               p.created_at, p.last_login_at, p.disabled_at, p.owner_id as "owner_id: PersonId",
               (select count(*) from auth.tokens_cache t where t.person_id = p.id and t.family_id is null)
               + (select count(*) from auth.refresh_families f where f.person_id = p.id) as "sessions!"
        from auth.person p
        where p.removed_at is null
          and p.client_id is null
          and ($1::int is null or p.id = $1)
          and p.id > $2
          and ($3::text is null or auth.fold(p.username) ^@ $3 or auth.fold(p.name) ^@ $3)
          and ($5::text is null or p.attributes @@ $5::text::jsonpath)
        order by p.id
        limit $4
        "#,
        id.map(|id| id.0),
        page.after(i32::MIN),
        page.prefix(),
        page.fetch(),
        wanted.path(),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
