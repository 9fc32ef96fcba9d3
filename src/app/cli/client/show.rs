//! Clients, as they are shown: services by name, as everything else takes them.

use std::collections::HashMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;

use super::find;
use crate::access::services;
use crate::app::cli::output::{Row, or_dash};
use crate::app::cli::tool::{Tool, list_all};
use crate::app::cli::typed_ref::TypedRef;
use crate::app::cli::user::moment;
use crate::base::error::Result;
use crate::base::id::ServiceId;
use crate::oauth::clients::{Shown, store};

/// A row of the list.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    client: Shown,
    #[serde(skip)]
    service: String,
}

impl Row for Listed {
    const HEADER: &'static [&'static str] = &["client_id", "name", "service", "grants", "method", "made"];

    fn cells(&self) -> Vec<String> {
        let client = &self.client;
        let method = client.token_endpoint_auth_method.as_str().to_owned();
        let (service, made) = (self.service.clone(), moment(client.created_at));
        vec![client.client_id.clone(), client.client_name.clone(), service, grants(client), method, made]
    }
}

fn grants(client: &Shown) -> String {
    client.grant_types.iter().map(|grant| grant.as_str()).collect::<Vec<_>>().join(" ")
}

/// What services are called.
#[derive(Default)]
struct Names(HashMap<i32, String>);

impl Names {
    async fn of(&mut self, conn: &mut PgConnection, service: ServiceId) -> Result<String> {
        if let Some(name) = self.0.get(&service.0) {
            return Ok(name.clone());
        }
        let name = services::store::get(conn, service).await?.name;
        self.0.insert(service.0, name.clone());
        Ok(name)
    }
}

pub(super) async fn list(
    tool: &Tool,
    service: Option<TypedRef<ServiceId>>,
    beginning: Option<String>,
) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let service = match service {
        Some(service) => Some([service.find(&mut conn).await?]),
        None => None,
    };
    let mut names = Names::default();
    let list = async |page: &_| -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        for client in store::list(&mut conn, service.as_ref().map(<[_; 1]>::as_slice), page).await? {
            let service = names.of(&mut conn, client.service).await?;
            listed.push(Listed { client: client.into(), service });
        }
        Ok(listed)
    };
    list_all(tool.output, beginning, |listed: &Listed| listed.client.id.0, list).await
}

pub(super) async fn show(tool: &Tool, client_id: &str) -> anyhow::Result<()> {
    let mut conn = tool.app.db.read().await?;
    let client = find(&mut conn, client_id).await?;
    let secrets = store::secrets(&mut conn, client.id, tool.app.clock.now()).await?;
    let mut names = Names::default();
    let service = names.of(&mut conn, client.service).await?;
    let mut audience = Vec::new();
    for service in &client.audience {
        audience.push(names.of(&mut conn, *service).await?);
    }
    let client = Shown::from(client);
    let mut said = format!("{} `{}` of service {service}", client.client_id, client.client_name);
    for (what, lines) in described(&client, audience) {
        let _ = write!(said, "\n  {what:<14}{}", or_dash((!lines.is_empty()).then(|| lines.join(&indent()))));
    }
    for secret in &secrets {
        let ends = secret.expires_at.map_or_else(|| "does not end".to_owned(), |end| format!("ends {}", moment(end)));
        let _ = write!(said, "\n  {:<14}{} {}, {ends}", "secret", secret.id, secret.fingerprint);
    }
    let mut answer = json!(client);
    answer["secrets"] = json!(secrets);
    tool.output.done(&answer, said)
}

fn indent() -> String {
    format!("\n{:16}", "")
}

/// All of it but its secrets: what it is, and how.
fn described(client: &Shown, audience: Vec<String>) -> Vec<(&'static str, Vec<String>)> {
    let must = [
        (client.require_pkce, "a code challenge (PKCE)"),
        (client.dpop_bound_access_tokens, "a key of its own (DPoP)"),
        (client.require_pushed_authorization_requests, "pushed requests (PAR)"),
        (client.loopback_only, "this machine's loopback address"),
    ];
    let must: Vec<&str> = must.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect();
    let tokens = format!(
        "{}, {} s, signed with {}",
        client.access_token_format.as_str(),
        client.access_token_lifetime_seconds,
        client.id_token_signed_response_alg.as_str()
    );
    let keys = client.jwks.as_ref().map(|set| format!("{} of its own", set.keys.len())).or(client.jwks_uri.clone());
    let one = |text: String| vec![text];
    vec![
        ("grants", one(grants(client))),
        ("method", one(client.token_endpoint_auth_method.as_str().to_owned())),
        ("keys", keys.into_iter().collect()),
        ("redirects", client.redirect_uris.clone()),
        ("after logout", client.post_logout_redirect_uris.clone()),
        ("logouts to", client.backchannel_logout_uri.clone().into_iter().collect()),
        ("scope", one(client.scope.clone())),
        ("audience", audience),
        ("tokens", one(tokens)),
        ("must use", must.into_iter().map(str::to_owned).collect()),
        ("consent", one(client.consent.as_str().to_owned())),
        ("who may use", one(client.who_may_use.as_str().to_owned())),
        ("acts as", client.person_id.map(|id| format!("client:{} (id {id})", client.client_id)).into_iter().collect()),
        ("made", one(moment(client.created_at))),
    ]
}
