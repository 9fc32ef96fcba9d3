//! `portero service registration-token`: how programs register themselves as clients of a service.

use anyhow::bail;
use clap::Subcommand;
use serde_json::json;
use time::Duration;

use super::expires::after;
use super::output::Row;
use super::tool::Tool;
use super::typed_ref::TypedRef;
use super::user::moment;
use crate::base::id::{Ref, ServiceId};
use crate::gate::audit::{Action, AuditedTx, Event};
use crate::oauth::registration::{
    LONGEST_SECONDS, MOST_USES, NewToken, RegistrationToken, RegistrationTokenId, TokenName, make, store,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an initial access token. It is shown only once.
    Add {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// A name for it, such as whom it is for.
        #[arg(long, default_value = "made on the command line")]
        name: TokenName,
        /// How many clients it registers.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=i64::from(MOST_USES)))]
        uses: i32,
        /// How long it lasts: such as 30d, 12h or 45m.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = lasting)]
        lasts: Duration,
    },
    /// List those of a service that register clients yet. The tokens themselves are not shown.
    List {
        /// Id or name.
        service: TypedRef<ServiceId>,
    },
    /// Revoke one. Clients that were registered with it stay.
    Revoke {
        /// Id or name.
        service: TypedRef<ServiceId>,
        /// The token's id.
        token: TypedRef<RegistrationTokenId>,
    },
}

fn lasting(text: &str) -> Result<Duration, String> {
    let lasts = after(text).filter(|lasts| (60..=i64::from(LONGEST_SECONDS)).contains(&lasts.whole_seconds()));
    lasts.ok_or_else(|| "expected a time from a minute to a year, such as 30d, 12h or 45m".to_owned())
}

impl Row for RegistrationToken {
    const HEADER: &'static [&'static str] = &["id", "name", "fingerprint", "uses left", "made", "ends"];

    fn cells(&self) -> Vec<String> {
        let (made, ends) = (moment(self.created_at), moment(self.expires_at));
        let (id, uses) = (self.id.to_string(), self.uses_left.to_string());
        vec![id, self.name.clone(), self.fingerprint.clone(), uses, made, ends]
    }
}

pub(super) async fn run(command: Command, tool: &Tool, mut tx: AuditedTx) -> anyhow::Result<()> {
    match command {
        Command::Add { service, name, uses, lasts } => {
            let service = service.find(&mut tx).await?;
            let expires_in_seconds = u32::try_from(lasts.whole_seconds())?;
            let new = NewToken { name, uses, expires_in_seconds };
            let (token, made) = make(&mut tx, &tool.app, service, &new, None).await?;
            tx.commit([]).await?;
            let mut answer = json!(made);
            answer["initial_access_token"] = json!(token);
            answer["service_id"] = json!(service);
            let sentence = format!(
                "Made initial access token {} `{}` of service {service}.\nThe token, shown only once: {}",
                made.id,
                made.name,
                token.reveal()
            );
            tool.output.done(&answer, sentence)
        }
        Command::List { service } => {
            let service = service.find(&mut tx).await?;
            tool.output.list(&store::list(&mut tx, service, tool.app.clock.now()).await?)
        }
        Command::Revoke { service, token } => {
            let service = service.find(&mut tx).await?;
            let Ref::Id(id) = token.row else { bail!("`{}` is not the id of a token", token.text) };
            store::revoke(&mut tx, service, id).await?;
            let told = Event::new(Action::RegistrationTokenRevoked).within(service).before(json!({"id": id}));
            tx.commit([told]).await?;
            tool.output.done(
                &json!({ "status": "registration_token_revoked", "service_id": service, "token_id": id }),
                format_args!("Revoked initial access token {id} of service {service}."),
            )
        }
    }
}
