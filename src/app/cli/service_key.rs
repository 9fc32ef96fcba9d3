//! `portero service key`: how backends speak for themselves.

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;

use super::expires::Expires;
use super::output::{Row, or_dash};
use super::tool::{Tool, list_all};
use super::typed_ref::TypedRef;
use super::user::moment;
use crate::access::grants::RequestedEnd;
use crate::access::keys::{Key, KeyName, store};
use crate::base::id::{KeyId, Ref, ServiceId};
use crate::gate::audit::{Action, AuditedTx, Event};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a key. It is shown only once.
    Add {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// A name for it, such as where it is used.
        #[arg(long, default_value = "made on the command line")]
        name: KeyName,
        /// When it expires: a day (its start, in UTC), an RFC 3339 time, or a time from now such as 30d, 12h or 45m.
        /// Never by default.
        #[arg(long, value_name = "WHEN")]
        expires: Option<Expires>,
    },
    /// List a service's keys. The keys themselves are not shown.
    List {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// Only names that start with this.
        #[arg(long, value_name = "TEXT")]
        beginning: Option<String>,
    },
    /// Revoke a key. It is refused in the very next request, and streams opened with it end.
    Revoke {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// The key's id.
        key: TypedRef<KeyId>,
    },
}

impl Row for Key {
    const HEADER: &'static [&'static str] = &["id", "name", "fingerprint", "made", "last used", "ends"];

    fn cells(&self) -> Vec<String> {
        let (made, used) = (moment(self.created_at), or_dash(self.last_used_at.map(moment)));
        let ends = or_dash(self.expires_at.map(moment));
        vec![self.id.to_string(), self.name.clone(), self.fingerprint.clone(), made, used, ends]
    }
}

pub(super) async fn run(command: Command, tool: &Tool, mut tx: AuditedTx) -> anyhow::Result<()> {
    match command {
        Command::Add { service, name, expires } => {
            let service = service.find(&mut tx).await?;
            let now = tool.app.clock.now();
            let end = expires.map_or(RequestedEnd::Never, |expires| expires.end(now)).seen_from(now)?;
            let key = tool.app.new_service_key(now)?;
            let terms = (now, end.said().flatten());
            let made = store::insert(&mut tx, service, &name, key.hash(), None, terms).await?;
            tx.commit([Event::new(Action::ServiceKeyCreated).within(service).after(&made)]).await?;
            let mut answer = json!(made);
            answer["key"] = json!(key);
            answer["service_id"] = json!(service);
            let shown = key.reveal();
            let sentence = format!(
                "Created key {} `{}` of service {service}.\nThe key, shown only once: {shown}",
                made.id, made.name
            );
            tool.output.done(&answer, sentence)
        }
        Command::List { service, beginning } => {
            let service = service.find(&mut tx).await?;
            let list = async |page: &_| store::list(&mut tx, service, page, tool.app.clock.now()).await;
            list_all(tool.output, beginning, |key: &Key| key.id.0, list).await
        }
        Command::Revoke { service, key } => {
            let service = service.find(&mut tx).await?;
            let Ref::Id(id) = key.row else { bail!("`{}` is not the id of a key", key.text) };
            store::revoke(&mut tx, service, id).await?;
            let told = Event::new(Action::ServiceKeyRevoked).within(service).before(json!({"id": id}));
            tx.commit([told]).await?;
            tool.output.done(
                &json!({ "status": "key_revoked", "service_id": service, "key_id": id }),
                format_args!("Revoked key {id} of service {service}."),
            )
        }
    }
}
