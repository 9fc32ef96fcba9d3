//! The table `auth.access_tokens`, as it is read.

use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;

use super::{AccessToken, Logins, SeenLogin};
use crate::base::attributes::Attributes;
use crate::base::error::Result;
use crate::base::id::{ClientId, PersonId, ServiceId};
use crate::base::opaque::oauth::AccessTokenHash;
use crate::base::opaque::token::TokenHash;
use crate::gate::effective::store::{Assignments, Versioned};
use crate::gate::sessions::Payload;
use crate::platform::database::by_place;

/// Ends what clients may do for a person, also what was to outlive its session (`offline_access`), but for what came of the
/// `kept` one.
pub async fn end_authorizations(conn: &mut PgConnection, person: PersonId, kept: Option<TokenHash>) -> Result<()> {
    sqlx::query!(
        "delete from auth.authorizations where person_id = $1 and ($2::bytea is null or session is distinct from $2)",
        person.0,
        kept.as_ref().map(TokenHash::as_bytes),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// For each token what is stored of it, if it is, and what its subject holds in the service asked about at `now`; also their
/// attributes, where that is one of `claiming`, and how they logged in, where that is asked.
pub async fn check_all(
    conn: &mut PgConnection,
    asked: &[(AccessTokenHash, Option<ServiceId>)],
    claiming: &[i32],
    logins: Logins,
    now: OffsetDateTime,
) -> Result<Versioned<Option<(AccessToken, Option<Assignments>)>>> {
    let tokens: Vec<&[u8]> = asked.iter().map(|(token, _)| token.as_bytes()).collect();
    let services: Vec<Option<i32>> = asked.iter().map(|(_, service)| service.map(|service| service.0)).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            asked.place as "place!",
            t.client_id as "client: ClientId", c.client_id,
            p.client_id is not null as "for_itself!",
            t.person_id as "person: PersonId",
            p.username, p.name,
            t.scopes, t.services as "services: Vec<ServiceId>", t.narrowed as "narrowed: Vec<ServiceId>",
            t.jkt, t.act, t.issued_at, t.expires_at,
            (select version from auth.vocabulary where single) as "version!",
            held.roles as "roles!", held.direct as "direct!", held.ends_at,
            case when asked.service_id = any ($4) then p.attributes end as "attributes: Json<Attributes>",
            a.auth_time as "auth_time?", a.acr as "acr?"
        from unnest($1::bytea[], $2::integer[]) with ordinality as asked (token, service_id, place)
        join auth.access_tokens t on t.token = asked.token
        join auth.clients c on c.id = t.client_id
        join auth.person p on p.id = t.person_id
        left join auth.authorizations a on a.id = t.authorization_id and $5
        cross join lateral auth.held_in(t.person_id, asked.service_id, $3) held
        -- All of them. Postgres expects one, though, and so plans this once, and by index, for few and for many.
        where asked.place between 1 and cardinality($1)
        "#,
        &tokens as &[&[u8]],
        &services as &[Option<i32>],
        now,
        claiming,
        logins == Logins::Asked,
    )
    .fetch_all(conn)
    .await?;
    let version = rows.first().map(|row| row.version);
    let rows = by_place(asked, rows.into_iter().map(|row| (row.place, row)))?;
    let found = rows.into_iter().zip(asked).map(|(row, (_, service))| row.map(|row| row.found(*service)));
    Ok(Versioned { version, rows: found.collect() })
}

struct Row {
    place: i64,
    client: ClientId,
    client_id: String,
    for_itself: bool,
    person: PersonId,
    username: String,
    name: String,
    scopes: Vec<String>,
    services: Vec<ServiceId>,
    narrowed: Vec<ServiceId>,
    jkt: Option<String>,
    act: Option<Value>,
    issued_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    version: i64,
    roles: Vec<i32>,
    direct: Vec<i32>,
    ends_at: Option<OffsetDateTime>,
    attributes: Option<Json<Attributes>>,
    auth_time: Option<OffsetDateTime>,
    acr: Option<String>,
}

impl Row {
    /// The token, and what its subject holds in the service, if one was asked about.
    fn found(self, service: Option<ServiceId>) -> (AccessToken, Option<Assignments>) {
        let held = |service| Assignments::new((self.person, service), self.roles, self.direct, self.ends_at);
        let held = service.map(|service| held(service).with(self.attributes));
        let token = AccessToken {
            client: self.client,
            client_id: self.client_id.into(),
            for_itself: self.for_itself,
            person: self.person,
            payload: Payload { user_id: self.person.0, username: self.username, name: self.name }.into(),
            scopes: self.scopes.into(),
            services: self.services.into(),
            narrowed: self.narrowed.into(),
            jkt: self.jkt.map(Into::into),
            act: self.act.map(Into::into),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            login: self.auth_time.zip(self.acr).map(|(auth_time, acr)| SeenLogin { auth_time, acr: acr.into() }),
        };
        (token, held)
    }
}
