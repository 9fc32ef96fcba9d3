use sqlx::PgConnection;
use sqlx::types::Json;

use super::{JwkSet, Row};
use crate::base::error::Result;
use crate::base::id::{ClientId, PersonId, ServiceId};
use crate::oauth::clients::Client;
use crate::platform::http::{Page, Total};

/// One page of the clients of `services`, or of all where that is `None`.
pub async fn list(conn: &mut PgConnection, services: Option<&[ServiceId]>, page: &Page) -> Result<Vec<Client>> {
    let services: Option<Vec<i32>> = services.map(|services| services.iter().map(|service| service.0).collect());
    let rows: Vec<Row> = Total::rows(conn, page, |page| {
        sqlx::query_as!(
            Row,
            r#"
            select
                c.id::bigint as "place!", 0::bigint as "version!", false as "knows_secret!", false as "is_to_note!",
                c.id as "id: ClientId", c.version as client_version, c.client_id, c.name, c.service_id as "service: ServiceId", c.auth_method,
                c.grant_types, c.redirect_uris, c.post_logout_redirect_uris, c.backchannel_logout_uri, c.scopes,
                array(
                    select a.service_id from auth.client_audience a where a.client_id = c.id order by a.service_id
                ) as "audience!: Vec<ServiceId>",
                c.token_format, c.token_seconds, c.signing_alg, c.requires_pkce, c.requires_dpop, c.requires_par, c.consent, c.admits,
                c.jwks as "jwks: Json<JwkSet>", c.jwks_uri, c.loopback_only,
                p.id as "subject?: PersonId", c.created_at, c.created_by as "created_by: PersonId",
                c.document_expires_at, c.registration_access_token is not null as "registered_itself!"
            from auth.clients c
            left join auth.person p on p.client_id = c.id and p.removed_at is null and p.disabled_at is null
            where c.removed_at is null
              and ($1::int[] is null or c.service_id = any ($1))
              and c.id > $2
              and ($3::text is null or auth.fold(c.client_id) ^@ $3 or auth.fold(c.name) ^@ $3)
            order by c.id
            limit $4
            "#,
            services.as_deref(),
            page.after(i32::MIN),
            page.prefix(),
            page.fetch(),
        )
    })
    .await?;
    rows.into_iter().map(Client::try_from).collect()
}
