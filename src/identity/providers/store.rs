//! The tables `auth.providers` and `auth.provider_groups`.

pub mod joins;
pub mod links;
pub mod logins;
pub mod members;
pub mod sessions;

use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::sealed::Sealed;
use super::{GroupMapping, Kind, Newcomers, Provider};
use crate::base::error::{Error, OnConstraint, Result};
use crate::base::id::{GroupId, Id, PersonId, ProviderId, Ref};
use crate::platform::http::{Page, Total};

/// What is stored of a provider besides its groups.
#[derive(Clone, Debug)]
pub struct Stored {
    pub name: String,
    pub display_name: String,
    pub kind: Kind,
    pub issuer: String,
    pub client_id: String,
    pub secret: Option<Sealed>,
    pub scopes: Vec<String>,
    pub newcomers: Newcomers,
    pub attributes: BTreeMap<String, String>,
    pub groups_claim: Option<String>,
    pub is_enabled: bool,
}

/// A provider, as it is stored.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: ProviderId,
    pub stored: Stored,
    pub groups: Vec<GroupMapping>,
    pub created_at: OffsetDateTime,
    pub created_by: Option<PersonId>,
    pub version: i32,
}

impl Row {
    /// As it is shown by whoever is this issuer.
    pub fn shown(self, own_issuer: &str) -> Provider {
        let Self { id, stored, groups, created_at, created_by, version } = self;
        Provider {
            id,
            redirect_uri: Provider::redirect_uri(own_issuer, &stored.name),
            backchannel_logout_uri: Provider::backchannel_logout_uri(own_issuer, &stored.name),
            name: stored.name,
            display_name: stored.display_name,
            kind: stored.kind,
            issuer: stored.issuer,
            client_id: stored.client_id,
            has_secret: stored.secret.is_some(),
            scopes: stored.scopes,
            newcomers: stored.newcomers,
            attributes: stored.attributes,
            groups_claim: stored.groups_claim,
            groups,
            enabled: stored.is_enabled,
            created_at,
            created_by,
            version,
        }
    }
}

struct Columns {
    id: ProviderId,
    name: String,
    display_name: String,
    kind: String,
    issuer: String,
    client_id: String,
    secret_sealed: Option<Vec<u8>>,
    secret_sealed_by: Option<String>,
    scopes: Vec<String>,
    newcomers: String,
    attributes: Json<BTreeMap<String, String>>,
    groups_claim: Option<String>,
    is_enabled: bool,
    group_values: Vec<String>,
    group_ids: Vec<GroupId>,
    created_at: OffsetDateTime,
    created_by: Option<PersonId>,
    version: i32,
}

impl From<Columns> for Row {
    fn from(row: Columns) -> Self {
        // The constraints have no others.
        let kind = if row.kind == Kind::Github.as_str() { Kind::Github } else { Kind::Oidc };
        let newcomers = [Newcomers::Open, Newcomers::Invite].into_iter().find(|one| one.as_str() == row.newcomers);
        let groups = row.group_values.into_iter().zip(row.group_ids);
        let groups = groups.map(|(value, group_id)| GroupMapping { value, group_id }).collect();
        let secret = row.secret_sealed.zip(row.secret_sealed_by).map(|(secret, by)| Sealed { secret, by });
        Self {
            id: row.id,
            stored: Stored {
                name: row.name,
                display_name: row.display_name,
                kind,
                issuer: row.issuer,
                client_id: row.client_id,
                secret,
                scopes: row.scopes,
                newcomers: newcomers.unwrap_or_default(),
                attributes: row.attributes.0,
                groups_claim: row.groups_claim,
                is_enabled: row.is_enabled,
            },
            groups,
            created_at: row.created_at,
            created_by: row.created_by,
            version: row.version,
        }
    }
}

/// One page of providers.
pub async fn list(conn: &mut PgConnection, page: &Page) -> Result<Vec<Row>> {
    let rows: Vec<Columns> = Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Columns,
            r#"
            select p.id as "id: ProviderId", name, display_name, kind, issuer, client_id, secret_sealed, secret_sealed_by, scopes,
                   newcomers, attributes as "attributes: Json<BTreeMap<String, String>>", groups_claim, is_enabled,
                   array(select g.value from auth.provider_groups g where g.provider_id = p.id order by g.value, g.group_id)
                       as "group_values!: Vec<String>",
                   array(select g.group_id from auth.provider_groups g where g.provider_id = p.id order by g.value, g.group_id)
                       as "group_ids!: Vec<GroupId>",
                   created_at, created_by as "created_by: PersonId", version
            from auth.providers p
            where p.id > $1 and ($2::text is null or auth.fold(display_name) ^@ $2 or name ^@ $2)
            order by p.id
            limit $3
            "#,
            page.after(0),
            page.prefix(),
            page.fetch(),
        )
    })
    .await?;
    Ok(rows.into_iter().map(Row::from).collect())
}

/// The provider that a caller named.
pub async fn find(conn: &mut PgConnection, provider: &Ref<ProviderId>) -> Result<Option<Row>> {
    let (id, name) = provider.key();
    let row = sqlx::query_as!(
        Columns,
        r#"
        select p.id as "id: ProviderId", name, display_name, kind, issuer, client_id, secret_sealed, secret_sealed_by, scopes,
               newcomers, attributes as "attributes: Json<BTreeMap<String, String>>", groups_claim, is_enabled,
               array(select g.value from auth.provider_groups g where g.provider_id = p.id order by g.value, g.group_id)
                   as "group_values!: Vec<String>",
               array(select g.group_id from auth.provider_groups g where g.provider_id = p.id order by g.value, g.group_id)
                   as "group_ids!: Vec<GroupId>",
               created_at, created_by as "created_by: PersonId", version
        from auth.providers p
        where p.id = $1 or p.name = $2
        "#,
        id.map(|id| id.0),
        name,
    );
    Ok(row.fetch_optional(conn).await?.map(Row::from))
}

/// Keeps a provider as it is until this transaction ends, so that nobody else changes it meanwhile.
pub async fn lock(conn: &mut PgConnection, id: ProviderId) -> Result<()> {
    sqlx::query_scalar!("select id from auth.providers where id = $1 for no key update", id.0)
        .fetch_optional(conn)
        .await?;
    Ok(())
}

/// What the login page shows of a provider.
#[derive(Clone, Debug)]
pub struct Door {
    pub name: String,
    pub display_name: String,
    /// Whether who is new may come by it, with an invitation or without.
    pub takes_invited: bool,
    pub takes_anybody: bool,
}

/// The providers by which people can log in, in the order in which they were added.
pub async fn doors(conn: &mut PgConnection) -> Result<Vec<Door>> {
    let doors = sqlx::query_as!(
        Door,
        r#"
        select name, display_name, newcomers <> 'off' as "takes_invited!", newcomers = 'open' as "takes_anybody!"
        from auth.providers
        where is_enabled
        order by id
        limit 50
        "#,
    );
    Ok(doors.fetch_all(conn).await?)
}

/// How many there are.
pub async fn count(conn: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"select count(*) as "count!" from auth.providers"#).fetch_one(conn).await?)
}

/// Stores one.
///
/// # Errors
/// 409 `provider_exists`.
pub async fn insert(conn: &mut PgConnection, new: &Stored, by: Option<PersonId>) -> Result<ProviderId> {
    let inserted = sqlx::query_scalar!(
        r#"
        insert into auth.providers (
            name, display_name, kind, issuer, client_id, secret_sealed, secret_sealed_by, scopes, newcomers, attributes,
            groups_claim, is_enabled, created_by
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        returning id as "id: ProviderId"
        "#,
        new.name,
        new.display_name,
        new.kind.as_str(),
        new.issuer,
        new.client_id,
        new.secret.as_ref().map(|sealed| sealed.secret.as_slice()),
        new.secret.as_ref().map(|sealed| sealed.by.as_str()),
        &new.scopes,
        new.newcomers.as_str(),
        Json(&new.attributes) as Json<&BTreeMap<String, String>>,
        new.groups_claim,
        new.is_enabled,
        by.map(|person| person.0),
    );
    inserted
        .fetch_one(conn)
        .await
        .on_constraint("providers_name_key", exists("there is a provider of that `name`: change that one"))
        .on_constraint("providers_issuer_key", exists("there is a provider of that `issuer`: change that one"))
}

/// Changes one. Its name, its kind and its issuer stay.
pub async fn update(conn: &mut PgConnection, id: ProviderId, stored: &Stored) -> Result<()> {
    sqlx::query!(
        r#"
        update auth.providers
        set display_name = $2, client_id = $3, secret_sealed = $4, secret_sealed_by = $5, scopes = $6, newcomers = $7,
            attributes = $8, groups_claim = $9, is_enabled = $10, updated_at = now()
        where id = $1
        "#,
        id.0,
        stored.display_name,
        stored.client_id,
        stored.secret.as_ref().map(|sealed| sealed.secret.as_slice()),
        stored.secret.as_ref().map(|sealed| sealed.by.as_str()),
        &stored.scopes,
        stored.newcomers.as_str(),
        Json(&stored.attributes) as Json<&BTreeMap<String, String>>,
        stored.groups_claim,
        stored.is_enabled,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Says into which groups people come by a provider, all of them.
///
/// # Errors
/// 404 `group_not_found` for one that is gone.
pub async fn set_groups(conn: &mut PgConnection, id: ProviderId, groups: &[(String, GroupId)]) -> Result<()> {
    sqlx::query!("delete from auth.provider_groups where provider_id = $1", id.0).execute(&mut *conn).await?;
    let (values, groups): (Vec<String>, Vec<i32>) =
        groups.iter().map(|(value, group)| (value.clone(), group.0)).unzip();
    sqlx::query!(
        r#"
        insert into auth.provider_groups (provider_id, value, group_id)
        select $1, value, group_id
        from unnest($2::text[], $3::integer[]) as wanted (value, group_id)
        on conflict do nothing
        "#,
        id.0,
        &values,
        &groups,
    )
    .execute(conn)
    .await
    .on_constraint("provider_groups_group_fkey", GroupId::not_found())?;
    Ok(())
}

/// Deletes one, with all links.
pub async fn delete(conn: &mut PgConnection, id: ProviderId) -> Result<()> {
    sqlx::query!("delete from auth.providers where id = $1", id.0).execute(conn).await?;
    Ok(())
}

/// 409 `provider_exists`.
fn exists(detail: &'static str) -> Error {
    Error::conflict("provider_exists", detail)
}
