//! `portero user invite`.

use serde_json::json;
use time::Duration;

use super::moment;
use crate::app::cli::output::remark;
use crate::app::cli::tool::Tool;
use crate::gate::audit::{Action, Event};
use crate::identity::accounts::store::NewInvitation;
use crate::identity::accounts::{self, InvitationMade, Note};

pub(super) async fn run(tool: &Tool, note: Option<&Note>, days: u8) -> anyhow::Result<()> {
    let now = tool.app.clock.now();
    let invitation = tool.app.new_invitation(now)?;
    let (secret, expires_at) = (invitation.hash(), now + Duration::days(days.into()));
    let mut tx = tool.begin().await?;
    let shown =
        accounts::store::insert(&mut tx, &NewInvitation { secret, note, mailed: None, now, expires_at, by: None })
            .await?;
    tx.commit([Event::new(Action::InvitationCreated).after(&shown)]).await?;
    // What the server was started with, nobody here knows.
    remark("it works only while the server runs with REGISTRATION=invite or REGISTRATION=open");
    let (until, secret) = (moment(expires_at), invitation.reveal());
    let said =
        format!("Created invitation {}, valid until {until}.\nThe invitation, shown only once: {secret}", shown.id);
    tool.output.done(&json!(InvitationMade { invitation: invitation.clone(), shown }), said)
}
